import { setTimeout as sleep } from 'node:timers/promises'
import { call, signedInUis } from '../load.ts'
import { type Figure, limitFigure, percentile, ratioFigure, round } from '../report.ts'
import type { Peer } from '../wire.ts'
import { benchUser, edgeNameOf } from '../world.ts'
import type { Measure } from './plan.ts'

const EDGES_EACH = 10
const IDLE_MS = 10_000
const POLL_MS = 500
const PAUSE_MS = 10

/** A file of many users with ten edges each: tried, then applied, while somebody else looks at his edge. */
export const importing: Measure = async ({ scale, world, say }): Promise<Figure[]> => {
  const users = scale.importUsers
  const { startOurs, edges, engine } = await world()
  await using ours = await startOurs()
  const { http = 0, ui = 0 } = ours.ready.ports
  const [admin, looker] = [await signIn(ui, 'admin'), await signIn(ui, benchUser.username)]
  const file = fileOf(users, edges)
  const before = await ours.ask<number>('revision')
  const idle = await looking(looker.peer, async () => sleep(IDLE_MS))
  const results: { ms: number; p99: number }[] = []
  for (const dryRun of [true, false]) {
    let ms = 0
    const p99 = await looking(looker.peer, async () => {
      ms = await importFile(admin, http, file, dryRun)
    })
    results.push({ ms, p99 })
    say(
      `${dryRun ? 'dry run' : 'apply'}: ${round(ms / 1000, 1)} s, getEdge p99 ${round(p99, 1)} ms (idle ${round(idle, 1)})`,
    )
  }
  const [tried, applied] = results
  const peak = await ours.ask<number>('peakRss')
  const rows = (await ours.ask<number>('revision')) - before
  await Promise.all([admin.peer.close(), looker.peer.close()])
  const note = `${users} users, ${users * EDGES_EACH} assignments, ${round(file.length / 1e6, 1)} MB of CSV; ${engine}`
  const seconds = (ms: number | undefined) => (ms ?? Number.NaN) / 1000
  return [
    limitFigure({ name: 'import, dry run', value: seconds(tried?.ms), unit: 's', atMost: 30, note }),
    limitFigure({ name: 'import, apply', value: seconds(applied?.ms), unit: 's', atMost: 90, note }),
    limitFigure({ name: 'import, peak memory', value: peak / 2 ** 20, unit: 'MB', atMost: 1024, note }),
    limitFigure({ name: 'import, rows of the log', value: rows, unit: 'rows', atMost: users * 1.01 + 100, note }),
    ratioFigure({
      name: 'import, getEdge of others p99',
      ours: results.map(({ p99 }) => p99),
      bare: results.map(() => idle),
      unit: 'ms',
      atMost: 3,
      note: 'the other side is the idle service',
    }),
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

/** p99 of the answers to somebody who looks at his edge again and again meanwhile. */
async function looking(peer: Peer, meanwhile: () => Promise<unknown>): Promise<number> {
  const times: number[] = []
  let isOver = false
  const looks = (async () => {
    while (!isOver) {
      const startedAt = performance.now()
      await call(peer, 'getEdge', { edgeId: edgeNameOf(0) })
      times.push(performance.now() - startedAt)
      await sleep(PAUSE_MS)
    }
  })()
  try {
    await meanwhile()
  } finally {
    isOver = true
    await looks
  }
  return percentile(times, 0.99)
}
