import { setTimeout as sleep } from 'node:timers/promises'
import { call, signedInUis } from '../load.ts'
import type { Measured } from '../probe.ts'
import { type Figure, limitFigure, percentile, ratioFigure, round } from '../report.ts'
import type { Latencies } from '../watch.ts'
import type { Peer } from '../wire.ts'
import { benchUser, edgeNameOf } from '../world.ts'
import type { Measure } from './plan.ts'

const EDGES_EACH = 10
const SETTLE_MS = 2000
const IDLE_MS = 10_000
const POLL_MS = 500

/** A file of many users with ten edges each: tried, then applied, while somebody else looks at his edge. */
export const importing: Measure = async ({ scale, world, say }): Promise<Figure[]> => {
  const users = scale.importUsers
  const { startOurs, startWatch, edges, engine } = await world()
  await using ours = await startOurs()
  const { http = 0, ui = 0 } = ours.ready.ports
  await using watch = await startWatch(ui, benchUser)
  const admin = await signIn(ui, 'admin')
  const file = fileOf(users, edges)
  const before = await ours.ask<number>('revision')
  const p99During = async (work: () => Promise<unknown>) => {
    await watch.ask('served')
    await work()
    const { ms, servedMs } = await watch.ask<Latencies>('served')
    return { p99: percentile(servedMs, 0.99), clockP99: percentile(ms, 0.99) }
  }
  await sleep(SETTLE_MS)
  const idle = await p99During(async () => sleep(IDLE_MS))
  const attempt = async (dryRun: boolean) => {
    let ms = 0
    let loop: Measured | undefined
    const { p99, clockP99 } = await p99During(async () => {
      loop = await ours.measure(async () => {
        ms = await importFile(admin, http, file, dryRun)
      })
    })
    const { loopP99Ms = Number.NaN, loopMaxMs = Number.NaN } = loop ?? {}
    say(
      `${dryRun ? 'dry run' : 'apply'}: ${round(ms / 1000, 1)} s, getEdge p99 ${round(p99, 1)} ms (idle ${round(idle.p99, 1)})`,
    )
    return { seconds: ms / 1000, p99, clockP99, loopP99Ms, loopMaxMs }
  }
  const tried = await attempt(true)
  const applied = await attempt(false)
  const peak = await ours.ask<number>('peakRss')
  const rows = (await ours.ask<number>('revision')) - before
  await admin.peer.close()
  const note = `${users} users, ${users * EDGES_EACH} assignments, ${round(file.length / 1e6, 1)} MB of CSV; ${engine}`
  return [
    limitFigure({ name: 'import, dry run', value: tried.seconds, unit: 's', atMost: 30, note }),
    limitFigure({ name: 'import, apply', value: applied.seconds, unit: 's', atMost: 90, note }),
    limitFigure({ name: 'import, peak memory', value: peak / 2 ** 20, unit: 'MB', atMost: 1024, note }),
    limitFigure({ name: 'import, rows of the log', value: rows, unit: 'rows', atMost: users * 1.01 + 100, note }),
    ...Object.entries({ 'dry run': tried, apply: applied }).flatMap(
      ([step, { p99, clockP99, loopP99Ms, loopMaxMs }]) => [
        ratioFigure({
          name: `import, ${step}: getEdge of others p99`,
          ours: [p99],
          bare: [idle.p99],
          unit: 'ms',
          atMost: 3,
          note: `the other side is the idle service; with what the client waited for a core ${round(clockP99, 1)} ms (idle ${round(idle.clockP99, 1)})`,
        }),
        limitFigure({
          name: `import, ${step}: event loop delay p99`,
          value: loopP99Ms,
          unit: 'ms',
          atMost: 10,
          note: `the longest ${round(loopMaxMs, 1)} ms`,
        }),
      ],
    ),
  ]
}

async function signIn(port: number, username: string): Promise<{ peer: Peer; token: string }> {
  const [peer] = await signedInUis(port, { ...benchUser, username }, 1)
  if (peer === undefined) throw new Error('not signed in')
  const { token } = await call(peer, 'authenticateWithPassword', { ...benchUser, username })
  return { peer, token: String(token) }
}

function fileOf(users: number, edges: number): Buffer {
  const lines = ['email;firstname;opUser.Sources']
  for (let user = 0; user < users; user++) {
    const names = Array.from({ length: EDGES_EACH }, (_, n) => edgeNameOf((user * 7 + n * 131) % edges))
    lines.push(`person${user}@example.com;Person ${user};"${names.join(',')}"`)
  }
  return Buffer.from(lines.join('\n'))
}

async function importFile(
  { peer, token }: { peer: Peer; token: string },
  port: number,
  file: Buffer,
  dryRun: boolean,
): Promise<number> {
  const startedAt = performance.now()
  const sent = await fetch(`http://127.0.0.1:${port}/imports/people.csv`, {
    method: 'PUT',
    body: new Uint8Array(file),
    headers: { authorization: `Bearer ${token}` },
  })
  const { uploadId } = (await sent.json()) as { uploadId: string }
  const { importId } = await call(peer, 'importMasterData', { upload: uploadId, dryRun })
  for (;;) {
    await sleep(POLL_MS)
    const { state, counts, report } = await call(peer, 'getImportReport', { importId })
    if (state === 'running') continue
    if (state !== 'done') throw new Error(`${state}: ${JSON.stringify([counts, report]).slice(0, 500)}`)
    return performance.now() - startedAt
  }
}
