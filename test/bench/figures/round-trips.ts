import { call, closeAll, closedLoop, openUi, RequestFrame, signedInUis } from '../load.ts'
import { median, ratioFigure, round } from '../report.ts'
import { benchUser } from '../world.ts'
import type { Measure } from './plan.ts'

const CONNECTIONS = 50
const getEdge0 = new RequestFrame('getEdge', { edgeId: 'edge0' })

/** Authenticated `getEdge` over 50 sockets, one in flight on each, against a bare server with a reply of the same size. */
export const roundTrips: Measure = async ({ scale, world, say }) => {
  const { startOurs, startBare } = await world()
  await using ours = await startOurs()
  await using bare = await startBare()
  const ourPeers = await signedInUis(ours.ready.ports['ui'] ?? 0, benchUser, CONNECTIONS)
  const [first] = ourPeers
  if (first === undefined) throw new Error('no socket')
  await bare.ask('reply', await call(first, 'getEdge', { edgeId: 'edge0' }))
  const barePeers = await Promise.all(Array.from({ length: CONNECTIONS }, () => openUi(bare.ready.ports['ui'] ?? 0)))
  const perCpuSecond: [number[], number[]] = [[], []]
  const wall: number[] = []
  await closedLoop(ourPeers, getEdge0, scale.roundMs)
  await closedLoop(barePeers, getEdge0, scale.roundMs)
  for (let turn = 0; turn < scale.rounds; turn++) {
    for (const [side, child, peers] of [
      [0, ours, ourPeers],
      [1, bare, barePeers],
    ] as const) {
      let answered = 0
      const measured = await child.measure(async () => {
        answered = await closedLoop(peers, getEdge0, scale.roundMs)
      })
      perCpuSecond[side].push(answered / (measured.cpuMs / 1000))
      if (side === 0) wall.push(answered / (measured.wallMs / 1000))
    }
    say(
      `round ${turn + 1}: ${Math.round(perCpuSecond[0].at(-1) ?? 0)} against ${Math.round(perCpuSecond[1].at(-1) ?? 0)}`,
    )
  }
  await closeAll([...ourPeers, ...barePeers])
  return [
    ratioFigure({
      name: 'getEdge round trips, 50 sockets',
      ours: perCpuSecond[0],
      bare: perCpuSecond[1],
      unit: '/CPU-s',
      atLeast: 0.6,
      note: `wall ${round(median(wall) / 1000, 1)}k/s; call log on, request limit off`,
    }),
  ]
}
