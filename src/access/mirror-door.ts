import type { AccessIndex } from './access-index.ts'
import { knownTo, maySeeAudience } from './audience-door.ts'
import type { EdgeRow, UserRow } from './model.ts'
import { controlsUserGroup } from './people-door.ts'

/** Who keeps a copy, of which state, when. */
export interface MirrorLook {
  index: AccessIndex
  askerId: number
  at: number
}

const EDGES_PER_PAGE = 500
const USERS_PER_PAGE = 500
const containerKinds = ['organisation', 'site', 'edgeGroup'] as const

/** The edges that somebody finds in his list, where he has a role (C.6): page by page, so that others get their turn. */
export function* mirroredEdges({ index, askerId, at }: MirrorLook): Generator<EdgeRow[]> {
  for (let offset = 0; ; offset += EDGES_PER_PAGE) {
    const page = index.listEdges(askerId, { withRole: true, order: [], offset, limit: EDGES_PER_PAGE }, at)
    yield page
    if (page.length < EDGES_PER_PAGE) return
  }
}

/**
 * The active accounts that somebody sees because he decides about what they were given or where they belong; that an account
 * is available for sharing is no reason to copy it (G-17). In many small lists, so that others get their turn.
 */
export function* mirroredUsers(look: MirrorLook, edges: Iterable<EdgeRow>): Generator<UserRow[]> {
  const { index, askerId, at } = look
  function* active(ids: Iterable<number>): Generator<UserRow[]> {
    let found: UserRow[] = []
    for (const id of ids) {
      const user = index.user(id)
      if (user !== undefined && user.disabledAt === null) found.push(user)
      if (found.length < USERS_PER_PAGE) continue
      yield found
      found = []
    }
    yield found
  }
  // Asked for one thing at a time: while the list is on its way, others are granted something there.
  const holdersOn = ({ id }: { id: number }): Iterable<number> => {
    const decides = index.allows(askerId, 'share', id, at) || index.allows(askerId, 'manageMembers', id, at)
    return decides ? new Set(index.holdersOn(id)) : []
  }
  for (const kind of containerKinds) {
    const all = { offset: 0, limit: Number.MAX_SAFE_INTEGER }
    for (const container of index.listContainers(askerId, kind, all, at)) yield* active(holdersOn(container))
  }
  for (const group of index.rows('userGroup')) {
    const members = controlsUserGroup(look, group) ? index.membersOf(group.id) : []
    yield* active(members.flatMap(({ memberId, state }) => (state === 'active' ? [memberId] : [])))
  }
  for (const edge of edges) yield* active(holdersOn(edge))
}

/** Whether somebody may be told of the role of a user on an edge: he sees both, and who has access there. */
export function maySeeRole(look: MirrorLook, userId: number, edgeId: number): boolean {
  const { index, askerId, at } = look
  if (index.edgeRole(askerId, edgeId, at) === undefined) return false
  return maySeeAudience(look, edgeId) && knownTo(look)(userId)
}
