/**
 * The vocabulary of access: rows of the graph as the log carries them, roles as data, permissions as bits.
 * Pure data: no database, no sockets. Times are epoch milliseconds; validity is [validFrom, validTo).
 * Rules: docs `domain-rules` 2.1-2.4 (principals, resources, grants add, caps cut).
 */

/** Permission atoms as bits of one integer mask (domain rules 2.3). */
export const permissionBits = {
  discover: 1 << 0, // knows that it exists
  overview: 1 << 1, // summary figures without identity
  live: 1 << 2, // current values
  history: 1 << 3, // stored values
  detail: 1 << 4, // identity and location
  control: 1 << 5, // change settings of a device
  install: 1 << 6, // commission a device
  configRaw: 1 << 7, // raw configuration, shell
  edit: 1 << 8, // rename, move, describe
  delete: 1 << 9,
  createSite: 1 << 10,
  createSub: 1 << 11,
  share: 1 << 12, // grant and withdraw
  manageMembers: 1 << 13,
  manageGroup: 1 << 14, // what a group contains
  alertsOwn: 1 << 15,
  alertsOthers: 1 << 16,
  impersonate: 1 << 17,
  manageUser: 1 << 18,
  auditRead: 1 << 19,
  push: 1 << 20, // write data in (data pusher)
} as const
export type Permission = keyof typeof permissionBits

/** Mask of the permissions named. */
export function maskOf(...permissions: Permission[]): number {
  return permissions.reduce((mask, permission) => mask | permissionBits[permission], 0)
}

/** Every permission. */
export const allPermissions = maskOf(...(Object.keys(permissionBits) as Permission[]))

/** OpenEMS roles, weakest first; the index is the rank (protocol C.7: admin is the strongest). */
export const openemsRoles = ['guest', 'owner', 'installer', 'admin'] as const
export type OpenemsRole = (typeof openemsRoles)[number]

/** [from, to) in epoch milliseconds; null is open. */
export type Window = readonly [from: number | null, to: number | null]

export type PrincipalKind = 'user' | 'group' | 'service' | 'public'
export type ResourceKind = 'platform' | 'organisation' | 'site' | 'edge' | 'edgeGroup'

/** The one `public` principal and the one root resource; created by the first migration. */
export const PUBLIC_PRINCIPAL_ID = 1
export const PLATFORM_RESOURCE_ID = 1

export interface UserRow {
  id: number
  login: string
  email: string | null
  name: string
  language: string
  settings: Record<string, unknown>
  globalRole: OpenemsRole
  shareable: boolean
  disabledAt: number | null
}
export interface UserGroupRow {
  id: number
  name: string
  description: string
  purpose: string
  organisationId: number | null
  ownerId: number | null
}
export interface ServiceRow {
  id: number
  name: string
  organisationId: number | null
  disabledAt: number | null
}
/** Member of a user group: a user, a service or another group. */
export interface MembershipRow {
  id: number
  groupId: number
  memberId: number
  state: 'invited' | 'active' | 'rejected'
  validFrom: number | null
  validTo: number | null
  addedBy: number | null
}
export interface OrganisationRow {
  id: number
  name: string
  /** null: a main organisation, the root of its tenant (P-01). */
  parentId: number | null
  canEditSites: boolean
  canCreateSuborganisations: boolean
  maxOpenemsRole: OpenemsRole
  /** Tenant policies, read from the root only. */
  publicAccess: boolean
  strictRoles: boolean
}
export interface SiteRow {
  id: number
  name: string
  organisationId: number
  isVirtual: boolean
  location: string
  labels: string[]
}
export interface EdgeRow {
  id: number
  /** The OpenEMS id, `edge0`. Never renamed (OC-19). */
  edgeId: string
  comment: string
  producttype: string
  siteId: number | null
  organisationId: number | null
  settings: Record<string, unknown>
}
export interface EdgeKeyRow {
  id: number
  edgeId: number
  /** Keyed SHA-256 of the API key, base64url. */
  keyHash: string
  validTo: number | null
}
export interface EdgeGroupRow {
  id: number
  name: string
  description: string
  purpose: string
  organisationId: number | null
  ownerId: number | null
}
/** Content flows down: edgeGroup -> edgeGroup | site | edge, organisation -> shared site (P-15). */
export interface ContainmentRow {
  id: number
  parentId: number
  childId: number
}
export interface RoleRow {
  id: number
  /** Namespaced: `openems.owner`, `org.owner`, `resource.detail` (T1). */
  name: string
  /** null: built in. */
  organisationId: number | null
  selfMask: number
  contentMask: number
  suborganisationMask: number
  openemsRole: OpenemsRole | null
}
export interface GrantRow {
  id: number
  principalId: number
  resourceId: number
  roleId: number
  /** Component id patterns (`meter*`); null: all components. */
  components: string[] | null
  validFrom: number | null
  validTo: number | null
  /** null: all timestamps; []: none (T3). */
  dataWindows: Window[] | null
  /** Who maintains the row: `manual`, `import:<name>`, `setupPassword` (K12). */
  source: string
  grantedBy: number | null
}
/** Caps the data windows of one user on one edge, last (D-14..24). [] is no access (T3). */
export interface RestrictionRow {
  id: number
  userId: number
  edgeId: number
  windows: Window[]
}
export interface ClaimRow {
  id: number
  userId: number
  key: string
  value: string
}

/** Every kind of row the graph consists of, by the name the log uses. */
export interface EntityRows {
  user: UserRow
  userGroup: UserGroupRow
  service: ServiceRow
  membership: MembershipRow
  organisation: OrganisationRow
  site: SiteRow
  edge: EdgeRow
  edgeKey: EdgeKeyRow
  edgeGroup: EdgeGroupRow
  containment: ContainmentRow
  role: RoleRow
  grant: GrantRow
  restriction: RestrictionRow
  claim: ClaimRow
}
export type EntityName = keyof EntityRows

/** One row of the log, as far as the graph is concerned: `before` null is an insert, `after` null a deletion. */
export type Change = {
  [E in EntityName]: {
    revision: number
    entity: E
    id: number
    before: EntityRows[E] | null
    after: EntityRows[E] | null
  }
}[EntityName]

/** The whole graph at one revision. */
export type Snapshot = { revision: number } & { [E in EntityName]: EntityRows[E][] }

/** Takes some rows of one kind. */
export type TakeRows = <E extends EntityName>(entity: E, rows: readonly EntityRows[E][]) => void

/** A graph without rows, at revision 0. */
export function emptySnapshot(): Snapshot {
  return {
    revision: 0,
    user: [],
    userGroup: [],
    service: [],
    membership: [],
    organisation: [],
    site: [],
    edge: [],
    edgeKey: [],
    edgeGroup: [],
    containment: [],
    role: [],
    grant: [],
    restriction: [],
    claim: [],
  }
}

/** The service principal of the local control socket; the first migration grants it `openems.admin` on the platform. */
export const LOCAL_OPERATOR_PRINCIPAL_ID = 2
