import { problem } from '../errors.ts'
import type { AccessIndex } from './access-index.ts'
import { type GrantRow, PUBLIC_PRINCIPAL_ID, type ResourceKind, type RoleRow, type Window } from './model.ts'
import { tenantOf } from './tenant.ts'
import { normalWindows } from './windows.ts'

/** What every grant keeps to, whether somebody grants by hand or a file brings it. */

/** Which roles there are to give on what; OpenEMS's own fit everywhere (T1, T5). */
const fitting: Readonly<Record<string, readonly ResourceKind[]>> = {
  org: ['organisation'],
  resource: ['edge', 'site'],
  group: ['edgeGroup'],
  openems: ['platform', 'organisation', 'site', 'edge', 'edgeGroup'],
}

/** The role can be given on this: one of the service by its kind, one of a tenant on what belongs to that; else a problem. */
export function requireFit(index: AccessIndex, role: RoleRow, on: { id: number; kind: ResourceKind }): void {
  if (!fitsOn(index, role, on)) throw problem(`The role ${role.name} cannot be given on this`)
}

/** Whether the role can be given on this. */
export function fitsOn(index: AccessIndex, role: RoleRow, on: { id: number; kind: ResourceKind }): boolean {
  if (role.organisationId !== null) return role.organisationId === tenantOf(index, on.id)
  return (fitting[role.name.split('.')[0] ?? ''] ?? []).includes(on.kind)
}

/** What everybody may be granted; else a problem. */
export function requirePublic(principalId: number, role: RoleRow): void {
  if (!isForEverybody(principalId, role)) throw problem('Everybody may be granted resource.overview and nothing more')
}

/** Whether the role is one for everybody, or this is somebody. */
export function isForEverybody(principalId: number, role: RoleRow): boolean {
  return principalId !== PUBLIC_PRINCIPAL_ID || role.name === 'resource.overview'
}

/** What the policies of a tenant open to others at most: whoever switches one on must be able to grant that (K7, K10, G-01). */
export function openedTo(index: AccessIndex, organisationId: number): Omit<GrantRow, 'id'> {
  return {
    principalId: PUBLIC_PRINCIPAL_ID,
    resourceId: organisationId,
    roleId: index.roleByName('openems.guest', null)?.id ?? 0,
    components: null,
    validFrom: null,
    validTo: null,
    dataWindows: null,
    source: 'policy',
    grantedBy: null,
  }
}

/** Every window has a length; else a problem. */
export function requireWindows(windows: readonly Window[] | null): void {
  for (const [from, to] of windows ?? []) {
    if (from !== null && to !== null && from >= to) throw problem('A data window would end before it begins')
  }
}

type Limits = Pick<GrantRow, 'components' | 'dataWindows'>

/** Components and windows as they are stored: sorted, each once, windows that touch joined. */
export function normalLimits({ components, dataWindows }: Limits): Limits {
  return {
    components: components && [...new Set(components)].sort(),
    dataWindows: dataWindows && normalWindows(dataWindows),
  }
}

/** All that a grant conveys to whoever holds it, and where it comes from, as one text: two with the same are the same. */
export function termsOf(grant: Omit<GrantRow, 'id' | 'principalId' | 'grantedBy'>): string {
  const { resourceId, roleId, source, validFrom, validTo } = grant
  const { components, dataWindows } = normalLimits(grant)
  return JSON.stringify([resourceId, roleId, source, validFrom, validTo, dataWindows, components])
}
