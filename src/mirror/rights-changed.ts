import type { AccessIndex } from '../access/access-index.ts'
import { type Change, type EntityRows, PUBLIC_PRINCIPAL_ID } from '../access/model.ts'

/** Whose answers about roles a change makes void: those of the users or on the edges named, or all. */
export interface RightsChanged {
  everything: boolean
  /** Logins. */
  users: Set<string>
  /** OpenEMS ids. */
  edges: Set<string>
}

type Index = Pick<AccessIndex, 'user' | 'edge' | 'row'>

/** Notes whom a change of the graph concerns. It may name too many, never too few (domain rules 2.5). Pure. */
export function noteRights(found: RightsChanged, change: Change, index: Index): void {
  const rows = [change.before, change.after]
  switch (change.entity) {
    case 'user':
      if (change.before !== null && change.before.disabledAt !== change.after?.disabledAt)
        found.users.add(change.before.login)
      return
    case 'edge':
      if (differ(change.before, change.after, ['siteId', 'organisationId']))
        found.edges.add((change.after ?? change.before)?.edgeId ?? '')
      return
    case 'grant':
      for (const row of rows) if (row) noteGrant(found, row as EntityRows['grant'], index)
      return
    case 'membership':
      for (const row of rows) if (row) notePrincipal(found, (row as EntityRows['membership']).memberId, index)
      return
    case 'restriction':
    case 'claim':
      for (const row of rows) if (row) notePrincipal(found, (row as EntityRows['claim']).userId, index)
      return
    case 'containment':
      for (const row of rows) if (row) noteResource(found, (row as EntityRows['containment']).childId, index)
      return
    case 'service':
    case 'edgeKey':
      return
    default:
      // A container or a role that is new conveys nothing yet; whatever else happens to one may reach anything.
      found.everything ||= change.before !== null && differ(change.before, change.after, conveying[change.entity])
  }
}

/** What of a container or a role decides about rights. */
const conveying = {
  organisation: ['parentId', 'canEditSites', 'publicAccess', 'strictRoles', 'maxOpenemsRole'],
  site: ['organisationId', 'isVirtual'],
  edgeGroup: ['organisationId'],
  userGroup: ['organisationId'],
  role: ['selfMask', 'contentMask', 'suborganisationMask', 'openemsRole'],
} as const

function differ<T extends object>(before: T | null, after: T | null, members: readonly string[]): boolean {
  if (before === null || after === null) return true
  const of = (row: object, member: string) => (row as Record<string, unknown>)[member]
  return members.some((member) => of(before, member) !== of(after, member))
}

/** A grant to a group concerns many people; on an edge they are named by the edge. */
function noteGrant(found: RightsChanged, grant: EntityRows['grant'], index: Index): void {
  const user = index.user(grant.principalId)
  const edge = index.edge(grant.resourceId)
  if (user) found.users.add(user.login)
  else if (edge) found.edges.add(edge.edgeId)
  else notePrincipal(found, grant.principalId, index)
}

/** Whoever is not there any more, or is no person, has no role anybody keeps. */
function notePrincipal(found: RightsChanged, principalId: number, index: Index): void {
  const user = index.user(principalId)
  if (user) found.users.add(user.login)
  else found.everything ||= principalId === PUBLIC_PRINCIPAL_ID || index.row('userGroup', principalId) !== undefined
}

function noteResource(found: RightsChanged, resourceId: number, index: Index): void {
  const edge = index.edge(resourceId)
  if (edge) found.edges.add(edge.edgeId)
  else found.everything = true
}
