import { call, closeAll, signedInUis } from '../load.ts'
import { limitFigure, median, percentile, round } from '../report.ts'
import { Peer } from '../wire.ts'
import { benchUser, createWorld } from '../world.ts'
import type { Measure } from './plan.ts'

const MIRRORS = 100
const CHANGES = 50

/** A snapshot of everything for one plugin, and the way of one change to the copies of a hundred. */
export const mirror: Measure = async ({ scale, say }) => {
  const edges = scale.mirrorEdges
  await using world = await createWorld({ engine: 'postgres', edges })
  await using ours = await world.startOurs()
  const { ports } = ours.ready
  const [admin] = await signedInUis(ports['ui'] ?? 0, { username: 'admin', password: benchUser.password }, 1)
  if (admin === undefined) throw new Error('no administrator')
  const { token } = await call(admin, 'createServiceToken', { name: 'bench', role: 'admin', scopes: ['read'] })
  const open = () => Peer.open({ port: ports['backend'] ?? 0, headers: { authorization: `Bearer ${token}` } })

  const times: number[] = []
  const delays: number[] = []
  for (let turn = 0; turn < Math.min(3, scale.rounds); turn++) {
    // A page is kept for a moment for whoever comes next; each round pays for its own.
    if (turn > 0) await new Promise((resolve) => setTimeout(resolve, 11_000))
    const peer = await open()
    let ms = 0
    const measured = await ours.measure(async () => {
      ms = await snapshotTo(peer, edges)
    })
    times.push(ms)
    delays.push(measured.loopP99Ms)
    say(
      `snapshot ${round(ms, 0)} ms, event loop p99 ${round(measured.loopP99Ms, 1)}, max ${round(measured.loopMaxMs, 1)} ms`,
    )
    await closeAll([peer])
  }

  const peers = await Promise.all(Array.from({ length: MIRRORS }, open))
  for (const peer of peers) await call(peer, 'subscribeMetadata', { fromRevision: 0 })
  await Promise.all(peers.map(isCurrent))
  const latencies = await changesTo(peers, admin)
  await closeAll([...peers, admin])
  return [
    limitFigure({
      name: 'mirror, snapshot',
      value: median(times),
      unit: 'ms',
      atMost: 2000,
      note: `${edges} edges; rounds ${times.map((ms) => round(ms, 0)).join(', ')}`,
    }),
    limitFigure({
      name: 'mirror, event loop during a snapshot, p99',
      value: median(delays),
      unit: 'ms',
      atMost: 20,
      note: `rounds ${delays.map((ms) => round(ms, 1)).join(', ')}`,
    }),
    limitFigure({
      name: `mirror, a change to ${MIRRORS} copies, p99`,
      value: percentile(latencies, 0.99),
      unit: 'ms',
      atMost: 100,
      note: `from the call that changes to each copy; median ${round(median(latencies), 1)} ms of ${latencies.length}`,
    }),
  ]
}

/** Milliseconds until the last page is here; every page is parsed and its edges are counted. */
function snapshotTo(peer: Peer, edges: number): Promise<number> {
  const startedAt = performance.now()
  let seen = 0
  return new Promise((resolve, reject) => {
    peer.onText = (payload) => {
      const { method, params, error } = JSON.parse(payload.toString()) as {
        method?: string
        params?: { edges: unknown[]; last: boolean }
        error?: { message: string }
      }
      if (error) reject(new Error(error.message))
      if (method !== 'metadataSnapshot' || params === undefined) return
      seen += params.edges.length
      if (!params.last) return
      if (seen === edges) resolve(performance.now() - startedAt)
      else reject(new Error(`${seen} of ${edges} edges`))
    }
    peer.send(JSON.stringify({ jsonrpc: '2.0', id: 's', method: 'subscribeMetadata', params: {} }))
  })
}

/** Resolves when the service says that a copy has everything. */
function isCurrent(peer: Peer): Promise<void> {
  return new Promise((resolve) => {
    peer.onText = (payload) => {
      if (payload.indexOf('metadataHead', 0, 'latin1') >= 0) resolve()
    }
  })
}

/** For each change and copy, the milliseconds from before the call until the copy has it. */
async function changesTo(peers: readonly Peer[], admin: Peer): Promise<number[]> {
  const latencies: number[] = []
  for (let change = 0; change < CHANGES; change++) {
    const marker = `"bench":${change},`
    let startedAt = 0
    const arrived = peers.map(
      (peer) =>
        new Promise<void>((resolve) => {
          peer.onText = (payload) => {
            if (payload.indexOf(marker, 0, 'latin1') < 0) return
            latencies.push(performance.now() - startedAt)
            resolve()
          }
        }),
    )
    startedAt = performance.now()
    await call(admin, 'updateUserSettings', { settings: { bench: change, end: 1 } })
    await Promise.all(arrived)
  }
  return latencies
}
