import { setTimeout as sleep } from 'node:timers/promises'
import { defaultConfig } from '../../../src/simulator/edge-config.ts'
import type { Child } from '../child.ts'
import { closeAll, connectEdges, until } from '../load.ts'
import { limitFigure, openFileLimit, percentile, ratioFigure, round } from '../report.ts'
import { frameOf } from '../wire.ts'
import { benchUser } from '../world.ts'
import { firstData } from './edge-frames.ts'
import type { Measure } from './plan.ts'

const SPARE_FILES = 200

/** A storm of connecting edges: accepted per CPU-second, everybody online, and what another client notices of it. */
export const storm: Measure = async ({ scale, world, say }) => {
  const { startOurs, startBare, startWatch, edges: known } = await world()
  const edges = Math.min(scale.stormEdges, known, openFileLimit() - SPARE_FILES)
  const scaled =
    edges < scale.stormEdges ? `${edges} edges: the limit of open files is ${openFileLimit()}` : `${edges} edges`
  const perCpuSecond: [number[], number[]] = [[], []]
  const wall: number[] = []
  let statements = 0
  const hello = frameOf(JSON.stringify({ jsonrpc: '2.0', method: 'edgeConfig', params: defaultConfig(10_000) }))
  for (let turn = 0; turn < Math.min(3, scale.rounds); turn++) {
    for (const side of [0, 1] as const) {
      await using child = await (side === 0 ? startOurs() : startBare())
      const peers: Awaited<ReturnType<typeof connectEdges>> = []
      const measured = await child.measure(async () => {
        peers.push(...(await connectEdges(child.ready.ports['edge'] ?? 0, 0, edges)))
      })
      perCpuSecond[side].push(edges / (measured.cpuMs / 1000))
      if (side === 0) {
        wall.push(edges / (measured.wallMs / 1000))
        statements = Math.max(statements, measured.statements)
      }
      await closeAll(peers)
    }
    say(
      `round ${turn + 1}: ${Math.round(perCpuSecond[0].at(-1) ?? 0)} against ${Math.round(perCpuSecond[1].at(-1) ?? 0)}`,
    )
  }
  await using child = await startOurs()
  await using watch = await startWatch(child.ready.ports['ui'] ?? 0, benchUser)
  await sleep(500)
  await watch.ask('latencies')
  const port = child.ready.ports['edge'] ?? 0
  const peers = await connectEdges(port, 0, edges, (peer, index) => {
    peer.sendFrame(hello)
    peer.sendFrame(firstData(index, 100))
  })
  const connectedAfter = await watch.ask<number[]>('latencies')
  const allOnline = await until(async () => (await online(child)) === edges, 30_000)
  const slowest = [...connectedAfter, ...(await watch.ask<number[]>('latencies'))]
  const onlineCount = await online(child)
  await closeAll(peers)
  return [
    ratioFigure({
      name: 'connect storm, accepted',
      ours: perCpuSecond[0],
      bare: perCpuSecond[1],
      unit: '/CPU-s',
      atLeast: 0.85,
      note: `${scaled}; 20 source addresses; log to a file; ${statements} statements in all`,
    }),
    {
      name: 'connect storm, edges online',
      ours: String(onlineCount),
      bare: '',
      ratio: '',
      goal: `all ${edges}`,
      met: allOnline,
      note: 'each sends configuration and 100 channels at once',
    },
    limitFigure({
      name: "connect storm, another client's getEdge",
      value: Math.max(...slowest),
      unit: 'ms',
      atMost: 250,
      note: `slowest of ${slowest.length}; p99 ${round(percentile(slowest, 0.99))} ms; with configuration and first data`,
    }),
  ]
}

async function online(child: Child): Promise<number> {
  return (await child.ask<{ online: number }>('counts')).online
}
