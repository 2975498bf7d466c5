import { type Crowd, NOW, type Times, timesOf } from './engine-crowd.ts'
import type { UserClass } from './fleet.ts'
import { waitedMs } from './probe.ts'

export interface CheckTimes extends Times {
  name: string
  /** Of the user whose figures these are. */
  sees: number
  perSecond: number
}

const PAIRS = 20_000
const COLD = 300

/** One check after the other: half of them of edges the user sees, half of any. */
export function measureChecks(crowd: Crowd): CheckTimes[] {
  return crowd.facts.classes.map((one) => {
    const pairs = pairsOf(crowd, one)
    let turn = 0
    const next = () => pairs[turn++ % PAIRS] as readonly [number, number]
    const check = ([userId, edgeId]: readonly [number, number]) => crowd.index.edgeRole(userId, edgeId, NOW)
    const waited = waitedMs()
    const startedAt = performance.now()
    for (const pair of pairs) check(pair)
    const perSecond = (1000 * PAIRS) / (performance.now() - startedAt - (waitedMs() - waited))
    const sees = crowd.index.countEdges(one.users[0] ?? 0, NOW, Number.POSITIVE_INFINITY)
    return { name: one.name, sees, perSecond, ...timesOf(PAIRS, next, check) }
  })
}

/** The first check ever of somebody, while nothing derived is there. */
export function measureColdChecks(crowd: Crowd): ({ name: string } & Times)[] {
  return crowd.facts.classes.map((one) => {
    const prepare = () => {
      const userId = crowd.newcomer(one)
      crowd.forgetDerived()
      return userId
    }
    return {
      name: one.name,
      ...timesOf(COLD, prepare, (userId) => crowd.index.edgeRole(userId, crowd.someEdge(), NOW)),
    }
  })
}

function pairsOf(crowd: Crowd, one: UserClass): [number, number][] {
  const users = one.users.slice(0, 20)
  const seen = users.map((userId) => {
    const total = crowd.index.countEdges(userId, NOW, Number.POSITIVE_INFINITY)
    return Array.from({ length: 20 }, () => {
      const query = { order: [], offset: crowd.random(Math.max(1, total - 20)), limit: 20 }
      return crowd.index.listEdges(userId, query, NOW).map(({ id }) => id)
    }).flat()
  })
  return Array.from({ length: PAIRS }, (_, turn) => {
    const at = turn % users.length
    return [users[at] ?? 0, turn % 2 === 0 ? crowd.someOf(seen[at] ?? []) : crowd.someEdge()]
  })
}
