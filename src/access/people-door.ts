import type { Db } from '../db/database.ts'
import { AppError, problem } from '../errors.ts'
import type { AccessIndex } from './access-index.ts'
import {
  type GrantRow,
  PLATFORM_RESOURCE_ID,
  permissionBits,
  type ServiceRow,
  type UserGroupRow,
  type UserRow,
} from './model.ts'
import { listMembershipIdsOf } from './resource-queries.ts'

/** Who asks (null: the service itself), of which state, when. */
export interface Look {
  index: AccessIndex
  askerId: number | null
  at: number
}

/** How a refusal calls whoever asked: by his login or the name of the service. */
export function nameOfAsker(index: AccessIndex, askerId: number | null): string {
  if (askerId === null) return ''
  return index.user(askerId)?.login ?? index.row('service', askerId)?.name ?? `principal ${askerId}`
}

/** Whether "there is none" is no secret to the asker, who may know of everything and everybody (O-09). */
function knowsAll(look: Look): boolean {
  const { index, askerId, at } = look
  return askerId !== null && index.sight(askerId, at).isOfAll && managesUsers(look)
}

/**
 * The one answer for "there is none", "you may not see it" and "you may not do this" (G-14). `absent`: what there is none of,
 * which is said to those who may know of everything.
 */
export function refusalTo(look: Look, what: string, absent?: string | false): AppError {
  if (absent && knowsAll(look)) return problem(`There is no ${absent.slice(0, 120)}`)
  return new AppError('forbidden', [what, nameOfAsker(look.index, look.askerId)])
}

/** What there is none of, where a number may be that of several kinds. */
export function anyResource(id: number): string {
  return `organisation, site, edge group or edge with the number ${id}`
}

/** Whether the asker looks after all accounts. */
export function managesUsers({ index, askerId, at }: Look): boolean {
  return askerId === null || index.allows(askerId, 'manageUser', PLATFORM_RESOURCE_ID, at)
}

/** Whether the asker knows of an account: its holder made it available for sharing, or it is his own (G-17, G-18). */
export function seesUser(look: Look, user: UserRow): boolean {
  return user.id === look.askerId || user.shareable || managesUsers(look)
}

/** The account of this login if the asker may know of it. */
export function findVisibleUser(look: Look, login: string): UserRow | undefined {
  const user = look.index.userByLogin(login.trim().toLowerCase())
  return user !== undefined && seesUser(look, user) ? user : undefined
}

/** Whether the asker decides about a user group: he owns it, or handles the members of its organisation (GD-03, E-02). */
export function controlsUserGroup(look: Look, group: UserGroupRow): boolean {
  const { index, askerId, at } = look
  if (askerId === null || (group.ownerId === askerId && index.decidesOwn(askerId))) return true
  if (group.organisationId !== null && index.allows(askerId, 'manageMembers', group.organisationId, at)) return true
  return managesUsers(look)
}

/** Whether the asker handles tokens and grants of a service. */
export function controlsService(look: Look, service: ServiceRow): boolean {
  const { index, askerId, at } = look
  if (askerId === null || service.id === askerId) return true
  if (service.organisationId !== null && index.allows(askerId, 'manageMembers', service.organisationId, at)) return true
  return managesUsers(look)
}

/** The grants of a principal and of all groups it belongs to, however deep and whatever the time. */
export function grantsWithGroups(index: AccessIndex, principalId: number): GrantRow[] {
  const principals = new Set([principalId])
  for (const id of principals) {
    for (const row of index.membershipsOf(id)) if (row.state === 'active') principals.add(row.groupId)
  }
  return [...principals].flatMap((id) => index.grantsOf(id))
}

/** Whether a grant makes somebody an owner of an organisation which the asker is not: nobody takes a role above his own (C-12). */
export function isAbove({ index, askerId, at }: Look, { resourceId, roleId }: GrantRow): boolean {
  if (askerId === null || index.row('organisation', resourceId) === undefined) return false
  const isOwners = ((index.row('role', roleId)?.selfMask ?? 0) & permissionBits.manageGroup) !== 0
  return isOwners && !index.allows(askerId, 'manageGroup', resourceId, at)
}

/** The user groups somebody belongs to directly or is invited to, whatever the time. */
export async function ownGroups(db: Db, { index, askerId }: Look): Promise<ReadonlySet<number>> {
  const rows = (await listMembershipIdsOf(db, askerId ?? 0)).map((id) => index.row('membership', id))
  return new Set(rows.flatMap((row) => (row && row.state !== 'rejected' ? [row.groupId] : [])))
}

/** Whether the asker knows of a user group: he decides about it, or it is one of his own (GD-04). */
export function seesUserGroup(look: Look, group: UserGroupRow, own: ReadonlySet<number>): boolean {
  return own.has(group.id) || controlsUserGroup(look, group)
}
