import { setTimeout as sleep } from 'node:timers/promises'
import { defaultConfig } from '../../../src/simulator/edge-config.ts'
import { call, closeAll, connectEdges, signedInUis } from '../load.ts'
import type { Measured } from '../probe.ts'
import { limitFigure, median, openFileLimit, ratioFigure, round } from '../report.ts'
import { frameOf, type Peer } from '../wire.ts'
import { benchUser, edgeNameOf, OWNED_EDGES } from '../world.ts'
import { changedData, channelOf, firstData } from './edge-frames.ts'
import type { Measure } from './plan.ts'

const CHANNELS = 100
const CHANGES = 5
const WATCHED_CHANNELS = 20
const SLOT_MS = 20
const WARM_UP_SECONDS = 3

/** Every edge once a second with five changed values, one in a hundred watched by a UI of its own. */
export const ingest: Measure = async ({ scale, world, say }) => {
  const { startOurs, startBare, edges: known, engine } = await world()
  // Each variant keeps its edges connected all the time, and both ends of all of them are files somewhere.
  const edges = Math.min(scale.ingestEdges, known, Math.floor((openFileLimit() - 400) / 2))
  const watched = Math.min(Math.floor(edges / 100), OWNED_EDGES)
  await using ours = await startOurs()
  await using bare = await startBare()
  const ourEdges = await connectEdges(ours.ready.ports['edge'] ?? 0, 0, edges)
  const bareEdges = await connectEdges(bare.ready.ports['edge'] ?? 0, 0, edges)
  const hello = frameOf(JSON.stringify({ jsonrpc: '2.0', method: 'edgeConfig', params: defaultConfig(10_000) }))
  for (const peers of [ourEdges, bareEdges]) {
    for (const [index, peer] of peers.entries()) {
      peer.sendFrame(hello)
      peer.sendFrame(firstData(index, CHANNELS))
      if (index % 100 === 99) await sleep(10)
    }
  }
  const { uis, pushes } = await watch(ours.ready.ports['ui'] ?? 0, watched)
  await run(ourEdges, 0, WARM_UP_SECONDS)
  await run(bareEdges, 0, 2)
  const measured: [Measured[], Measured[]] = [[], []]
  let second = 10
  const turns = Math.min(3, scale.rounds)
  for (let turn = 0; turn < turns; turn++) {
    for (const [side, child, peers] of [
      [0, ours, ourEdges],
      [1, bare, bareEdges],
    ] as const) {
      measured[side].push(await child.measure(() => run(peers, second, scale.ingestSeconds)))
    }
    second += scale.ingestSeconds
    say(
      `round ${turn + 1}: ${round(measured[0].at(-1)?.cpuMs ?? 0, 0)} against ${round(measured[1].at(-1)?.cpuMs ?? 0, 0)} ms CPU`,
    )
  }
  // One push for each frame of a watched edge; frames of one edge that are read in the same turn make one.
  const expected = watched * (WARM_UP_SECONDS + turns * scale.ingestSeconds)
  const pushed = pushes()
  await closeAll([...uis, ...ourEdges, ...bareEdges])
  const frames = edges * scale.ingestSeconds
  const perCpuSecond = (side: 0 | 1) => measured[side].map(({ cpuMs }) => frames / (cpuMs / 1000))
  const statements = measured[0].map((one) => one.statements / (one.wallMs / 1000))
  return [
    ratioFigure({
      name: 'ingest, frames',
      ours: perCpuSecond(0),
      bare: perCpuSecond(1),
      unit: '/CPU-s',
      atLeast: 0.6,
      note: `${edges} edges at 1 Hz, ${CHANGES} changes, ${watched} watched (${pushed} of ${expected} pushes); ${engine}`,
    }),
    limitFigure({
      name: 'ingest, database statements',
      value: Math.max(...statements),
      unit: '/s',
      atMost: 50,
      note: 'worst round, begin and commit included',
    }),
    limitFigure({
      name: 'ingest, event-loop delay p99',
      value: median(measured[0].map((one) => one.loopP99Ms)),
      bare: median(measured[1].map((one) => one.loopP99Ms)),
      unit: 'ms',
      atMost: 20,
      note: `worst delay ${round(Math.max(...measured[0].map((one) => one.loopMaxMs)), 0)} ms, bare ${round(Math.max(...measured[1].map((one) => one.loopMaxMs)), 0)} ms`,
    }),
  ]
}

async function watch(port: number, count: number): Promise<{ uis: Peer[]; pushes: () => number }> {
  const uis = await signedInUis(port, benchUser, count)
  const channels = Array.from({ length: WATCHED_CHANNELS }, (_, index) => channelOf(index))
  let pushes = 0
  for (const [index, ui] of uis.entries()) {
    const edgeId = edgeNameOf(index)
    await call(ui, 'subscribeEdges', { edges: [edgeId] })
    const payload = {
      jsonrpc: '2.0',
      id: crypto.randomUUID(),
      method: 'subscribeChannels',
      params: { count: 0, channels },
    }
    await call(ui, 'edgeRpc', { edgeId, payload })
    ui.onText = () => {
      pushes++
    }
  }
  return { uis, pushes: () => pushes }
}

/** Spreads the edges over each second in slots; a slot that comes late is caught up with. */
async function run(peers: readonly Peer[], firstSecond: number, seconds: number): Promise<void> {
  const slots = 1000 / SLOT_MS
  const startedAt = performance.now()
  for (let slot = 0; slot < seconds * slots; slot++) {
    const second = firstSecond + Math.floor(slot / slots)
    for (let index = slot % slots; index < peers.length; index += slots) {
      peers[index]?.sendFrame(changedData(index, second, CHANGES, CHANNELS))
    }
    const wait = startedAt + (slot + 1) * SLOT_MS - performance.now()
    if (wait > 0) await sleep(wait)
  }
}
