import type { AppContext } from '../context.ts'
import type { Actor, Write } from '../db/write.ts'
import { problem } from '../errors.ts'
import type { AccessIndex } from './access-index.ts'
import { normalLimits, requireFit, requirePublic, requireWindows, termsOf } from './grant-rules.ts'
import type { RightsChange } from './graph-owners.ts'
import { guardGrant, guardOwners } from './guard-door.ts'
import {
  type GrantRow,
  type Permission,
  PLATFORM_RESOURCE_ID,
  PUBLIC_PRINCIPAL_ID,
  type ResourceKind,
  type RoleRow,
  type Window,
} from './model.ts'
import {
  controlsService,
  findVisibleUser,
  isAbove,
  type Look,
  managesUsers,
  ownGroups,
  seesUserGroup,
} from './people-door.ts'
import {
  deleteContainment,
  deleteGrantRow,
  insertGrantRow,
  listDefaultContainments,
  listGrantIdsBetween,
  listGrantPairs,
  type NewGrant,
} from './resource-queries.ts'
import { tenantOf } from './tenant.ts'
import { hasRight, isHimself, refusal, requirePeriod, rightsHolder, rowOf } from './write-door.ts'

/** To whom: an account, a user group, a service, or everybody. */
export type Grantee = { login: string } | { userGroupId: number } | { service: string } | { everybody: true }
/** On what. */
export type Target =
  | { edgeId: string }
  | { siteId: number }
  | { organisationId: number }
  | { edgeGroupId: number }
  | { platform: true }

export interface RoleGrant {
  to: Grantee
  on: Target
  /** Name of a role, built in (`resource.detail`) or of the tenant. */
  role: string
  validFrom: Date | null
  validTo: Date | null
  /** Timestamps of stored values that it shows (T2); null all. */
  dataWindows: Window[] | null
  /** Patterns of component ids; null all. */
  components: string[] | null
}

/** Grants a role. Nobody conveys what he does not hold himself, for longer or for more time stamps (G-01, G-19, G-33). */
export async function grantRole(ctx: Pick<AppContext, 'write'>, actor: Actor, given: RoleGrant): Promise<GrantRow> {
  requirePeriod(given.validFrom, given.validTo)
  requireWindows(given.dataWindows)
  return ctx.write(actor, async (w) => {
    const target = findTarget(w.index, given.on)
    if (target === undefined || !hasRight(w, actor, 'share', target.id))
      throw refusal(w, actor, 'edgeId' in given.on ? given.on.edgeId : 'share', !target && nameOfTarget(given.on))
    const role = requireRole(w.index, given.role, target)
    const grant: NewGrant = {
      principalId: await requireGrantee(w, actor, given.to),
      resourceId: target.id,
      roleId: role.id,
      ...normalLimits(given),
      validFrom: given.validFrom?.getTime() ?? null,
      validTo: given.validTo?.getTime() ?? null,
      source: 'manual',
      grantedBy: rightsHolder(actor),
    }
    requirePublic(grant.principalId, role)
    return addGrant(w, actor, 'grant.created', grant)
  })
}

/** Withdraws one grant: whoever may grant there does that, and everybody may give up what he holds himself (G-11). */
export async function revokeGrant(ctx: Pick<AppContext, 'write'>, actor: Actor, grantId: number): Promise<void> {
  await ctx.write(actor, async (w) => {
    const grant = w.index.row('grant', grantId)
    const isOwn = isHimself(w, actor, grant?.principalId)
    if (grant === undefined || !(isOwn || hasRight(w, actor, 'share', grant.resourceId)))
      throw refusal(w, actor, 'share', grant === undefined && `grant ${grantId}`)
    if (grant.source === 'builtIn') throw problem('This grant belongs to the service and cannot be withdrawn')
    if (!isOwn) requireNotAbove(w, actor, grant)
    await removeGrants(w, 'grant.revoked', [grant])
  })
}

/** Adds a grant as part of a write, guarded; one that is there already is not made twice. */
export async function addGrant(
  w: Write,
  actor: Actor,
  action: string,
  grant: NewGrant,
  by: Permission = 'share',
): Promise<GrantRow> {
  guardGrant(w, actor, grant, by)
  const known = (await grantsBetween(w, grant.principalId, grant.resourceId)).find(
    (row) => termsOf(row) === termsOf(grant),
  )
  if (known !== undefined) return known
  const row = await insertGrantRow(w.tx, grant)
  w.inserted(action, 'grant', row)
  return row
}

/** In an organisation nobody takes a role above his own: its managers cannot remove its owners (P-09, C-12). */
export function requireNotAbove(w: Write, actor: Actor, grant: GrantRow): void {
  const look: Look = { index: w.index, askerId: rightsHolder(actor), at: w.now.getTime() }
  if (isAbove(look, grant)) throw problem('An owner is removed by owners only')
}

/** Removes grants as part of a write that adds others, unless an organisation would lose its last owner (P-09). */
export async function removeGrants(
  w: Write,
  action: string,
  grants: readonly GrantRow[],
  change: RightsChange = {},
): Promise<void> {
  guardOwners(w, { ...change, grantsRemoved: grants })
  for (const grant of grants) {
    await deleteGrantRow(w.tx, grant.id)
    w.deleted(action, 'grant', grant)
  }
  await leaveDefaultGroups(w, grants)
}

/** Who has nothing left on a thing himself does not keep seeing it by his default edge group, where it only started (G-21). */
async function leaveDefaultGroups(w: Write, grants: readonly GrantRow[]): Promise<void> {
  if (grants.length === 0) return
  const principalIds = [...new Set(grants.map((grant) => grant.principalId))]
  const resourceIds = [...new Set(grants.map((grant) => grant.resourceId))]
  const lying = await listDefaultContainments(w.tx, principalIds, resourceIds)
  if (lying.length === 0) return
  const left = await listGrantPairs(w.tx, principalIds, resourceIds)
  const was = (pairs: readonly { principalId: number; resourceId: number }[], userId: number, childId: number) =>
    pairs.some(({ principalId, resourceId }) => principalId === userId && resourceId === childId)
  for (const { id, userId, childId } of lying) {
    if (!was(grants, userId, childId) || was(left, userId, childId)) continue
    await deleteContainment(w.tx, id)
    w.deleted('edgeGroup.removed', 'containment', rowOf(w, 'containment', id))
  }
}

/** What somebody has on a resource that he has just created (G-02). */
export async function grantOwnership(w: Write, ownerId: number, resourceId: number, roleName: string): Promise<void> {
  const row = await insertGrantRow(w.tx, {
    principalId: ownerId,
    resourceId,
    roleId: roleNamed(w.index, roleName).id,
    components: null,
    validFrom: null,
    validTo: null,
    dataWindows: null,
    source: 'manual',
    grantedBy: ownerId,
  })
  w.inserted('grant.created', 'grant', row)
}

/** The grants of one principal on one resource as they are inside this write. */
export async function grantsBetween(w: Write, principalId: number, resourceId: number): Promise<GrantRow[]> {
  return (await listGrantIdsBetween(w.tx, principalId, resourceId)).map((id) => rowOf(w, 'grant', id))
}

/** The built-in role of this name. */
export function roleNamed(index: AccessIndex, name: string): RoleRow {
  const role = index.roleByName(name, null)
  if (role !== undefined) return role
  throw problem(`There is no role ${name.slice(0, 100)}`)
}

/** The resource somebody names, if there is one of that kind. */
export function findTarget(index: AccessIndex, on: Target): { id: number; kind: ResourceKind } | undefined {
  if ('platform' in on) return { id: PLATFORM_RESOURCE_ID, kind: 'platform' }
  if ('edgeId' in on) return found('edge', index.edgeByName(on.edgeId))
  if ('siteId' in on) return found('site', index.row('site', on.siteId))
  if ('organisationId' in on) return found('organisation', index.row('organisation', on.organisationId))
  return found('edgeGroup', index.row('edgeGroup', on.edgeGroupId))
}

/** What somebody names, in words: what there is none of. */
export function nameOfTarget(on: Target): string {
  if ('edgeId' in on) return `edge ${on.edgeId}`
  if ('siteId' in on) return `site ${on.siteId}`
  if ('organisationId' in on) return `organisation ${on.organisationId}`
  return 'edgeGroupId' in on ? `edge group ${on.edgeGroupId}` : 'platform'
}

function nameOfGrantee(to: Grantee): string {
  if ('login' in to) return `user ${to.login}`
  if ('userGroupId' in to) return `user group ${to.userGroupId}`
  return 'service' in to ? `service ${to.service}` : 'public'
}

function found(kind: ResourceKind, row: { id: number } | undefined) {
  return row && { id: row.id, kind }
}

/** A role of the tenant of what it is granted on, else a built-in one that fits there. */
function requireRole(index: AccessIndex, name: string, target: { id: number; kind: ResourceKind }): RoleRow {
  const tenantId = tenantOf(index, target.id)
  const own = tenantId === undefined ? undefined : index.roleByName(name, tenantId)
  if (own !== undefined) return own
  const role = roleNamed(index, name)
  requireFit(index, role, target)
  return role
}

/** Whoever may be granted something by the actor: those of whom he may know (G-17, G-19). */
async function requireGrantee(w: Write, actor: Actor, to: Grantee): Promise<number> {
  const look: Look = { index: w.index, askerId: rightsHolder(actor), at: w.now.getTime() }
  if ('everybody' in to) return PUBLIC_PRINCIPAL_ID
  if ('login' in to) {
    const user = findVisibleUser(look, to.login)
    if (user) return user.id
    if (managesUsers(look)) throw problem(`There is no user ${to.login.slice(0, 100)}`)
  } else if ('userGroupId' in to) {
    const group = w.index.row('userGroup', to.userGroupId)
    if (group && seesUserGroup(look, group, await ownGroups(w.tx, look))) return group.id
  } else {
    const service = w.index.serviceByName(to.service)
    if (service && controlsService(look, service)) return service.id
  }
  throw refusal(w, actor, 'grantee', nameOfGrantee(to))
}
