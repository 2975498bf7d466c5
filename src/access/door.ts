import { AppError } from '../errors.ts'
import type { AccessStore } from './access-store.ts'
import type { Components } from './components.ts'
import { type EdgeRow, type OpenemsRole, openemsRoles, type Permission } from './model.ts'
import { anyResource, nameOfAsker, refusalTo } from './people-door.ts'

/** What the door needs to know of the world. */
export interface DoorContext {
  store: AccessStore
}
/** Who asks: the principal behind a call. */
export type Asker = { type: string; principalId?: number }

/**
 * The one door: every decision about access goes through this file. Deny by default; what does not exist and what may not
 * be seen give the same answer (1005), and nothing is answered from an index too old to trust (1006).
 */

/** The asker's role for this edge. Throws 1005 without one. Sources: protocol C.7, E.3; OC-02. */
export function edgeRoleOf(
  ctx: DoorContext,
  asker: Asker,
  edgeName: string,
  now: Date,
  resource = edgeName,
): { edge: EdgeRow; role: OpenemsRole } {
  const principalId = principalOf(asker)
  ctx.store.assertFresh()
  const { index } = ctx.store
  const edge = index.edgeByName(edgeName)
  const role = edge && index.edgeRole(principalId, edge.id, now.getTime())
  if (edge === undefined || role === undefined) throw new AppError('forbidden', [resource, nameOf(ctx, principalId)])
  return { edge, role }
}

/** At least this role on the edge, else 1002 naming the role held. */
export function requireEdgeRole(
  ctx: DoorContext,
  asker: Asker,
  edgeName: string,
  atLeast: OpenemsRole,
  now: Date,
  resource: string,
): { edge: EdgeRow; role: OpenemsRole } {
  const found = edgeRoleOf(ctx, asker, edgeName, now)
  if (openemsRoles.indexOf(found.role) < openemsRoles.indexOf(atLeast)) {
    throw new AppError('roleDenied', [resource, found.role.toUpperCase()])
  }
  return found
}

/** The components of which the principal may see live values now; asked for each push. */
export function liveComponents(ctx: DoorContext, principalId: number, edgeId: number, now: number): Components {
  return ctx.store.index.componentsOf(principalId, 'live', edgeId, now)
}

/** Same; without any 1005. */
export function requireLive(ctx: DoorContext, principalId: number, edge: EdgeRow, now: Date): Components {
  const components = liveComponents(ctx, principalId, edge.id, now.getTime())
  if (components?.length === 0) throw new AppError('forbidden', [edge.edgeId, 'live'])
  return components
}

/** Which components the principal has a role for; null: all there are. */
export function componentsWithRole(
  { store: { index } }: DoorContext,
  principalId: number,
  edgeId: number,
  now: number,
): ((component: string) => boolean) | null {
  if (!index.isLimited(principalId, edgeId, now)) return null
  return (component) => index.componentRole(principalId, edgeId, component, now) !== undefined
}

/**
 * The role for one component of an edge, null: for the edge as a whole, which takes a grant that is not for some components
 * only. Less than `atLeast` is 1002.
 */
export function requireComponentRole(
  ctx: DoorContext,
  asker: Asker,
  { edge, component }: { edge: EdgeRow; component: string | null },
  atLeast: OpenemsRole,
  now: Date,
  resource: string,
): OpenemsRole {
  const principalId = principalOf(asker)
  const role = ctx.store.index.componentRole(principalId, edge.id, component, now.getTime())
  if (role !== undefined && openemsRoles.indexOf(role) >= openemsRoles.indexOf(atLeast)) return role
  const held = ctx.store.index.edgeRole(principalId, edge.id, now.getTime())
  const text = held === undefined || held === role ? held : `${held} of some components`
  throw new AppError('roleDenied', [resource, (text ?? 'none').toUpperCase()])
}

/** Whether the principal may read the system log of the edge now, in which every component writes; asked for each line. */
export function maySeeSystemLog(
  { store: { index } }: DoorContext,
  principalId: number,
  edgeId: number,
  now: number,
): boolean {
  const role = index.componentRole(principalId, edgeId, null, now)
  return role !== undefined && role !== 'guest'
}

/** Whether the principal holds at least this role on the edge now. */
export function holdsRole(
  ctx: DoorContext,
  principalId: number,
  edgeId: number,
  atLeast: OpenemsRole,
  now: number,
): boolean {
  const role = ctx.store.index.edgeRole(principalId, edgeId, now)
  return role !== undefined && openemsRoles.indexOf(role) >= openemsRoles.indexOf(atLeast)
}

/** The permission on the resource, else 1005. `name`: what whoever may know of all is told that there is none of. */
export function requirePermission(
  ctx: DoorContext,
  asker: Asker,
  permission: Permission,
  resourceId: number,
  now: Date,
  name = anyResource(resourceId),
): void {
  const principalId = principalOf(asker)
  ctx.store.assertFresh()
  const { index } = ctx.store
  const at = now.getTime()
  if (index.allows(principalId, permission, resourceId, at)) return
  const isAbsent = !index.allows(principalId, 'discover', resourceId, at)
  throw refusalTo({ index, askerId: principalId, at }, permission, isAbsent && name)
}

/** The principal behind the asker. Throws 1001 for strangers and edges. */
export function principalOf(asker: Asker): number {
  if (asker.principalId === undefined) throw new AppError('unauthenticated', ['user'])
  return asker.principalId
}

function nameOf(ctx: DoorContext, principalId: number): string {
  return nameOfAsker(ctx.store.index, principalId)
}
