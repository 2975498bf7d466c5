import type { GrantRow } from './model.ts'
import { controlsUserGroup, type Look, managesUsers, seesUser } from './people-door.ts'

type Asking = Look & { askerId: number }

/** Whether the asker may learn who sees an edge: he grants there, audits it, or handles the members of its organisation. */
export function maySeeAudience({ index, askerId, at }: Asking, edgeId: number): boolean {
  const may = (permission: 'share' | 'auditRead' | 'manageMembers', id: number) =>
    index.allows(askerId, permission, id, at)
  if (may('share', edgeId) || may('auditRead', edgeId) || may('manageMembers', edgeId)) return true
  const organisationId = index.organisationOf(edgeId)
  return organisationId !== undefined && may('manageMembers', organisationId)
}

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
  return (principalId) => {
    const user = index.user(principalId)
    if (principalId === askerId || (user !== undefined && seesUser(look, user))) return true
    for (const resourceId of index.heldBy(principalId)) if (decides(resourceId)) return true
    return index.membershipsOf(principalId).some((row) => row.state === 'active' && controls(row.groupId))
  }
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
