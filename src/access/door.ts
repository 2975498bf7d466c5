import { AppError } from '../errors.ts'
import type { AccessStore } from './access-store.ts'
import { type EdgeRow, type OpenemsRole, openemsRoles, type Permission } from './model.ts'

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

/** Whether the principal may see live values of the edge now; asked for each push. */
export function maySeeLive(ctx: DoorContext, principalId: number, edgeId: number, now: number): boolean {
  return ctx.store.index.allows(principalId, 'live', edgeId, now)
}

/** Same, else 1005. */
export function requireLive(ctx: DoorContext, principalId: number, edge: EdgeRow, now: Date): void {
  if (!maySeeLive(ctx, principalId, edge.id, now.getTime())) throw new AppError('forbidden', [edge.edgeId, 'live'])
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

/** The permission on the resource, else 1005. */
export function requirePermission(
  ctx: DoorContext,
  asker: Asker,
  permission: Permission,
  resourceId: number,
  now: Date,
): void {
  const principalId = principalOf(asker)
  ctx.store.assertFresh()
  if (!ctx.store.index.allows(principalId, permission, resourceId, now.getTime())) {
    throw new AppError('forbidden', [permission, nameOf(ctx, principalId)])
  }
}

/** The principal behind the asker. Throws 1001 for strangers and edges. */
export function principalOf(asker: Asker): number {
  if (asker.principalId === undefined) throw new AppError('unauthenticated', ['user'])
  return asker.principalId
}

function nameOf(ctx: DoorContext, principalId: number): string {
  return ctx.store.index.user(principalId)?.login ?? `service:${principalId}`
}
