import type { GrantRow } from './model.ts'
import { controlsUserGroup, type Look, managesUsers } from './people-door.ts'

type Asking = Look & { askerId: number }

/** Whether the asker may learn who sees an edge: he grants there, audits it, or handles the members of its organisation. */
export function maySeeAudience({ index, askerId, at }: Asking, edgeId: number): boolean {
  const may = (permission: 'share' | 'auditRead' | 'manageMembers', id: number) =>
    index.allows(askerId, permission, id, at)
  if (may('share', edgeId) || may('auditRead', edgeId) || may('manageMembers', edgeId)) return true
  const organisationId = index.organisationOf(edgeId)
  return organisationId !== undefined && may('manageMembers', organisationId)
}

/** As soon as so many were asked of, it is quicker to find out first of whom there is anything to know at all. */
const few = 50

/**
 * Whether the asker may be told of an account or service: he may know of it (G-17), or he sees it anyway among the grants or
 * members that he decides about. To be asked of many at once: what was looked up for one is kept for the next.
 */
export function knownTo(look: Look): (principalId: number) => boolean {
  const { index, askerId, at } = look
  if (askerId === null || managesUsers(look)) return () => true
  const decides = remembering(
    (resourceId: number) =>
      index.allows(askerId, 'share', resourceId, at) || index.allows(askerId, 'manageMembers', resourceId, at),
  )
  const controls = remembering((groupId: number) => {
    const group = index.row('userGroup', groupId)
    return group !== undefined && controlsUserGroup(look, group)
  })
  let asked = 0
  let near: Acquainted | undefined
  return (principalId) => {
    if (asked++ === few) near = acquaintedWith({ index, askerId, at })
    if (principalId === askerId || index.isShareable(principalId)) return true
    if (near?.principals.has(principalId) === false) return false
    for (const resourceId of index.heldBy(principalId)) {
      if (near?.resources.has(resourceId) !== false && decides(resourceId)) return true
    }
    return index.membershipsOf(principalId).some((row) => row.state === 'active' && controls(row.groupId))
  }
}

interface Acquainted {
  /** What the asker may decide about. */
  resources: ReadonlySet<number>
  /** Whoever holds some of that, or is in a group that the asker may handle. */
  principals: ReadonlySet<number>
}

/** Whom there may be any reason to know; undefined where that would be very many. */
function acquaintedWith({ index, askerId, at }: Asking): Acquainted | undefined {
  const decided = index.decidedBy(askerId, ['share', 'manageMembers'], at)
  if (decided === undefined) return undefined
  const principals = new Set(decided.holders)
  const handles = remembering((id: number) => index.allows(askerId, 'manageMembers', id, at))
  for (const { id, ownerId, organisationId } of index.rows('userGroup')) {
    if (ownerId !== askerId && (organisationId === null || !handles(organisationId))) continue
    for (const { memberId } of index.membersOf(id)) principals.add(memberId)
  }
  return { resources: decided.resources, principals }
}

/** Whether the asker could withdraw each of these grants. */
export function decidesAboutAll({ index, askerId, at }: Look, grants: readonly GrantRow[]): boolean {
  if (askerId === null) return true
  return grants.every(({ resourceId }) => index.allows(askerId, 'share', resourceId, at))
}

/** The same question once: answers are kept for the next. */
export function remembering(ask: (id: number) => boolean): (id: number) => boolean {
  const known = new Map<number, boolean>()
  return (id) => {
    const answer = known.get(id) ?? ask(id)
    known.set(id, answer)
    return answer
  }
}
