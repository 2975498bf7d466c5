import { setTimeout as sleep } from 'node:timers/promises'
import { closeAll, connectEdges, until } from '../load.ts'
import type { Measured } from '../probe.ts'
import { type Figure, ratioFigure, round } from '../report.ts'
import { Peer } from '../wire.ts'
import { edgeNameOf } from '../world.ts'
import { changedText, firstText } from './edge-frames.ts'
import type { Measure } from './plan.ts'

const CHANNELS = 100
const CHANGES = 5
const APPS = 2
const SLOT_MS = 20
const MOST_EDGES = 1000
const SECRET = 'the secret of the apps of the bench long enough'

type Send = (index: number, text: string) => void

/** As many edges connected directly as through two Backend.Edge.App: what a frame of each costs the same process. */
export const edgeApps: Measure = async ({ scale, world, say }): Promise<Figure[]> => {
  const { startOurs, edges: known, engine } = await world()
  const edges = Math.min(MOST_EDGES, scale.ingestEdges, Math.floor(known / 2))
  await using ours = await startOurs({
    EMS_EDGE_KEY_SEALS: 'the seal of the bench long enough for one',
    EMS_EDGE_MANAGER_SECRET: SECRET,
  })
  const { edge: port = 0, edgeManager = 0 } = ours.ready.ports
  const counts = () => ours.ask<{ online: number; served: number }>('counts')
  // Each edge is seen directly once: then its key has a copy, and an app may speak for it.
  await closeAll(await connectEdges(port, 0, 2 * edges))
  if (!(await until(async () => (await counts()).served >= 2 * edges, 60_000))) throw new Error('keys without a copy')
  const direct = await connectEdges(port, 0, edges)
  const apps = await Promise.all(
    Array.from({ length: APPS }, (_, index) =>
      Peer.open({ port: edgeManager, headers: { id: `edges${index}:${SECRET}` } }),
    ),
  )
  const directly: Send = (index, text) => direct[index]?.send(text)
  const throughApps: Send = (index, text) => apps[index % APPS]?.send(wrapped(edgeNameOf(edges + index), text))
  for (const send of [directly, throughApps]) {
    for (let index = 0; index < edges; index++) {
      send(index, firstText(index, CHANNELS))
      if (index % 100 === 99) await sleep(10)
    }
    await run(send, edges, 0, 2)
  }
  if (!(await until(async () => (await counts()).online === 2 * edges, 10_000))) throw new Error('edges are missing')
  const measured: [Measured[], Measured[]] = [[], []]
  let second = 10
  for (let turn = 0; turn < Math.min(3, scale.rounds); turn++) {
    for (const [side, send] of [throughApps, directly].entries()) {
      measured[side as 0 | 1].push(await ours.measure(() => run(send, edges, second, scale.ingestSeconds)))
    }
    second += scale.ingestSeconds
    const [proxied, own] = measured.map((all) => round(all.at(-1)?.cpuMs ?? 0, 0))
    say(`round ${turn + 1}: ${proxied} through apps against ${own} ms CPU`)
  }
  await closeAll([...direct, ...apps])
  const perCpuSecond = (side: 0 | 1) =>
    measured[side].map(({ cpuMs }) => (edges * scale.ingestSeconds) / (cpuMs / 1000))
  return [
    ratioFigure({
      name: 'edges behind apps, frames',
      ours: perCpuSecond(0),
      bare: perCpuSecond(1),
      unit: '/CPU-s',
      atLeast: 0.6,
      note: `${edges} edges at 1 Hz behind ${APPS} apps; the other side is as many connected directly; ${engine}`,
    }),
  ]
}

/** What the app makes of a notification of an edge (protocol B.4). */
function wrapped(edgeId: string, text: string): string {
  return `{"jsonrpc":"2.0","method":"edgeRpc","params":{"edgeId":"${edgeId}","payload":${text}}}`
}

/** Spreads the edges over each second in slots; a slot that comes late is caught up with. */
async function run(send: Send, edges: number, firstSecond: number, seconds: number): Promise<void> {
  const slots = 1000 / SLOT_MS
  const startedAt = performance.now()
  for (let slot = 0; slot < seconds * slots; slot++) {
    const second = firstSecond + Math.floor(slot / slots)
    for (let index = slot % slots; index < edges; index += slots) {
      send(index, changedText(index, second, CHANGES, CHANNELS))
    }
    const wait = startedAt + (slot + 1) * SLOT_MS - performance.now()
    if (wait > 0) await sleep(wait)
  }
}
