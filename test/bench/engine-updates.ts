import { type Crowd, NOW, type Times, timesOf } from './engine-crowd.ts'
import { page } from './engine-pages.ts'

/** What a change costs: applied and the first check that depends on it, and a first page after it. */
export interface UpdateTimes {
  kind: string
  applied: Times
  page: Times
}

const CHANGES = 500
const NEAR_ROOT = 50

/** Changes as the log brings them, each taken back before the next. */
export function measureUpdates(crowd: Crowd): UpdateTimes[] {
  const { facts, index } = crowd
  const { firstUserGroup, firstEdgeGroup, size } = facts
  const someUser = () => facts.firstUser + crowd.random(size.users)
  const leafGroup = () => firstEdgeGroup + size.edgeGroups - 1 - crowd.random(Math.floor(size.edgeGroups / 4))
  const userGroup = () =>
    firstUserGroup + Math.floor(size.userGroups / 2) - crowd.random(Math.floor(size.userGroups / 4))
  const seesAll = facts.classes.at(-1)?.users[0] ?? 0
  const nestings = [...index.rows('containment')].filter(
    ({ parentId, childId }) => parentId < firstEdgeGroup + size.edgeGroups / 2000 && childId < facts.firstEdge,
  )
  return [
    updates(crowd, 'a grant', CHANGES, () => {
      const [userId, edgeId] = [someUser(), crowd.someEdge()]
      return { change: crowd.change('grant', crowd.grant(userId, edgeId)), userId, edgeId }
    }),
    updates(crowd, 'a membership', CHANGES, () => {
      const userId = someUser()
      return {
        change: crowd.change('membership', crowd.membership(userGroup(), userId)),
        userId,
        edgeId: crowd.someEdge(),
      }
    }),
    updates(crowd, 'an edge into a group', CHANGES, () => {
      const edgeId = crowd.someEdge()
      const row = { id: crowd.nextId(), parentId: leafGroup(), childId: edgeId }
      return { change: crowd.change('containment', row), userId: crowd.someOf(facts.classes[1]?.users ?? []), edgeId }
    }),
    updates(crowd, 'a nesting removed near the root', NEAR_ROOT, () => {
      const row = nestings[crowd.random(nestings.length)]
      if (row === undefined) throw new Error('no nesting near the root')
      return { change: crowd.change('containment', row), userId: seesAll, edgeId: crowd.someEdge() }
    }),
  ]
}

type Update = { change: ReturnType<Crowd['change']>; userId: number; edgeId: number }

function updates(crowd: Crowd, kind: string, count: number, prepare: () => Update): UpdateTimes {
  const { index } = crowd
  const apply = ({ change, userId, edgeId }: Update) => {
    index.apply([change])
    return index.edgeRole(userId, edgeId, NOW)
  }
  const query = { order: [], offset: 0, limit: 20 }
  let last: Update | undefined
  const next = () => {
    if (last) index.apply([takenBack(last.change, index.revision + 1)])
    last = prepare()
    return last
  }
  const applied = timesOf(count, next, apply)
  const applyFirst = () => {
    const update = next()
    apply(update)
    return update.userId
  }
  const pages = timesOf(count, applyFirst, (userId) => page(crowd, userId, query))
  if (last) index.apply([takenBack(last.change, index.revision + 1)])
  return { kind, applied, page: pages }
}

function takenBack(change: Update['change'], revision: number): Update['change'] {
  return { ...change, revision, before: change.after, after: change.before } as Update['change']
}
