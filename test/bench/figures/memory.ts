import { setTimeout as sleep } from 'node:timers/promises'
import { defaultConfig } from '../../../src/simulator/edge-config.ts'
import { closeAll, connectEdges } from '../load.ts'
import type { Memory } from '../probe.ts'
import { limitFigure, median, openFileLimit, ratioFigure, round } from '../report.ts'
import { frameOf } from '../wire.ts'
import { firstData } from './edge-frames.ts'
import type { Measure } from './plan.ts'

const CHANNELS = 100

/** Resident memory that one more edge costs a cold server, idle and with its values cached; after garbage collection. */
export const memory: Measure = async ({ scale, world, say }) => {
  const { startOurs, startBare, edges: known } = await world()
  const edges = Math.min(scale.memoryEdges, known, openFileLimit() - 200)
  const idle: [number[], number[]] = [[], []]
  const idleHeap: [number[], number[]] = [[], []]
  const filled: [number[], number[]] = [[], []]
  const hello = frameOf(JSON.stringify({ jsonrpc: '2.0', method: 'edgeConfig', params: defaultConfig(10_000) }))
  for (let turn = 0; turn < Math.min(3, scale.rounds); turn++) {
    for (const side of [0, 1] as const) {
      await using child = await (side === 0 ? startOurs() : startBare())
      const before = await child.memory()
      const peers = await connectEdges(child.ready.ports['edge'] ?? 0, 0, edges)
      await sleep(500)
      const connected = await child.memory()
      idle[side].push(perEdge(before, connected, 'rss', edges))
      idleHeap[side].push(perEdge(before, connected, 'heap', edges))
      for (const [index, peer] of peers.entries()) {
        peer.sendFrame(hello)
        peer.sendFrame(firstData(index, CHANNELS))
        if (index % 100 === 99) await sleep(10)
      }
      await sleep(3000)
      filled[side].push(perEdge(before, await child.memory(), 'rss', edges))
      await closeAll(peers)
    }
    say(
      `round ${turn + 1}: ${round(idle[0].at(-1) ?? 0)} against ${round(idle[1].at(-1) ?? 0)} KB, filled ${round(filled[0].at(-1) ?? 0)} against ${round(filled[1].at(-1) ?? 0)} KB`,
    )
  }
  return [
    ratioFigure({
      name: 'memory per edge, idle',
      ours: idle[0],
      bare: idle[1],
      unit: 'KB',
      atMost: 1.6,
      note: `${edges} edges, resident; heap ${round(median(idleHeap[0]))} against ${round(median(idleHeap[1]))} KB`,
    }),
    limitFigure({
      name: `memory per edge, ${CHANNELS} channels`,
      value: median(filled[0]),
      bare: median(filled[1]),
      unit: 'KB',
      atMost: 25,
      note: 'connection, configuration digest and values together',
    }),
  ]
}

function perEdge(before: Memory, after: Memory, what: keyof Memory, edges: number): number {
  return (after[what] - before[what]) / edges / 1024
}
