import { mkdtemp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Child } from '../child.ts'
import type { FleetFacts } from '../engine-crowd.ts'
import { call, closeAll, closedLoop, openUi, RequestFrame, signedInUis } from '../load.ts'
import { type Figure, limitFigure, median, percentile, ratioFigure } from '../report.ts'
import { benchUser, fleetFile, type World } from '../world.ts'
import type { Bench, Measure } from './plan.ts'

const CONNECTIONS = 20
const GRANTS = 200
/** A round is cut into so many, one side after the other: what else the machine does meets both alike. */
const TURNS_OF_A_ROUND = 6
const goals = { ofBare: 0.5, allToFew: 1.5, secondNodeMs: 50 }
const firstPage = { page: 0, limit: 20 }

/** First pages over sockets, against a bare server with replies of the same size; for who sees ten edges and who sees all. */
export const getEdges: Measure = async (bench) => {
  const world = await bench.fleet(bench.scale.fleets.at(-1) ?? 0)
  const facts = JSON.parse(await readFile(fleetFile(world.folder), 'utf8')) as FleetFacts
  return [...(await pagesOverSockets(bench, world, facts)), ...(await onSecondNode(world, facts))]
}

async function pagesOverSockets({ scale, say }: Bench, world: World, { classes }: FleetFacts): Promise<Figure[]> {
  await using ours = await world.startOurs()
  await using bare = await world.startBare()
  await ours.ask('settled')
  const frame = new RequestFrame('getEdges', firstPage)
  const barePeers = await Promise.all(Array.from({ length: CONNECTIONS }, () => openUi(bare.ready.ports['ui'] ?? 0)))
  const found: { name: string; ours: number[]; bare: number[] }[] = []
  for (const name of ['10', 'all', 'all, in groups']) {
    const userId = classes.find((one) => one.name === name)?.users[0]
    const login = { username: `user${userId}`, password: benchUser.password }
    const peers = await signedInUis(ours.ready.ports['ui'] ?? 0, login, CONNECTIONS)
    const [first] = peers
    if (first === undefined) throw new Error('no socket')
    await bare.ask('reply', await call(first, 'getEdges', firstPage))
    const one: (typeof found)[number] = { name, ours: [], bare: [] }
    await closedLoop(peers, frame, scale.roundMs)
    await closedLoop(barePeers, frame, scale.roundMs)
    const turnMs = scale.roundMs / TURNS_OF_A_ROUND
    for (let turn = 0; turn < scale.rounds * TURNS_OF_A_ROUND; turn++) {
      let answered = 0
      const mine = await ours.measure(async () => {
        answered = await closedLoop(peers, frame, turnMs)
      })
      one.ours.push(answered / (mine.cpuMs / 1000))
      const limit = await bare.measure(async () => {
        answered = await closedLoop(barePeers, frame, turnMs)
      })
      one.bare.push(answered / (limit.cpuMs / 1000))
    }
    say(`getEdges, sees ${name}: ${Math.round(median(one.ours))} against ${Math.round(median(one.bare))}`)
    found.push(one)
    await closeAll(peers)
  }
  await closeAll(barePeers)
  const figures = found.map((one) =>
    ratioFigure({
      name: `getEdges over sockets, sees ${one.name}`,
      ours: one.ours,
      bare: one.bare,
      unit: '/CPU-s',
      atLeast: goals.ofBare,
      note: 'first page; schemas and call log on; texts and sets are taken in',
    }),
  )
  // Per edge shown, as the one who sees ten gets ten and the others twenty.
  const perEdge = (name: string, shown: number) =>
    (found.find((one) => one.name === name)?.ours ?? []).map((rate) => 1e6 / (rate * shown))
  return [
    ...figures,
    ratioFigure({
      name: 'an edge shown: sees all / sees 10',
      ours: perEdge('all', 20),
      bare: perEdge('10', 10),
      unit: 'CPU-us',
      atMost: goals.allToFew,
      note: 'bare: of the user who sees 10',
    }),
  ]
}

/** How long after the reply of one node another has a grant; at once, and when both have taken in texts and sets. */
async function onSecondNode(world: World, facts: FleetFacts): Promise<Figure[]> {
  await using first = await world.startOurs()
  await using second = await world.startOurs({ EMS_DATA_DIR: await mkdtemp(join(world.folder, 'second-')) })
  const atOnce = await delaysOfGrants(first, second, facts, 0)
  await Promise.all([first.ask('settled'), second.ask('settled')])
  const delays = await delaysOfGrants(first, second, facts, GRANTS)
  return [
    limitFigure({
      name: 'a grant on a second node: p99',
      value: percentile(delays, 0.99),
      unit: 'ms',
      atMost: goals.secondNodeMs,
      note: `after the reply of the first; p50 ${percentile(delays, 0.5).toFixed(2)} ms`,
    }),
    limitFigure({
      name: 'the same in the first seconds of both: p99',
      value: percentile(atOnce, 0.99),
      unit: 'ms',
      atMost: goals.secondNodeMs,
      note: `while both take texts in; p50 ${percentile(atOnce, 0.5).toFixed(2)} ms`,
    }),
  ]
}

async function delaysOfGrants(
  first: Child,
  second: Child,
  { firstUser, firstEdge, size }: FleetFacts,
  from: number,
): Promise<number[]> {
  const delays: number[] = []
  for (let turn = from; turn < from + GRANTS; turn++) {
    const grant = { principalId: firstUser + (turn % size.users), resourceId: firstEdge + ((turn * 7) % size.edges) }
    const { revision, at } = await first.ask<{ revision: number; at: number }>('grant', grant)
    delays.push(Math.max(0, (await second.ask<number>('appliedAt', revision)) - at))
  }
  return delays
}
