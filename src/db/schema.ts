import type { ColumnType, Generated } from 'kysely'
import type { OpenemsRole, PrincipalKind, ResourceKind, Window } from '../access/model.ts'
import type { Scope } from '../accounts/scopes.ts'
import type { OfferedTerms } from '../invitations/offered-terms.ts'

/** A jsonb column. Written as text (`JSON.stringify`), because `pg` would send an array as a PostgreSQL array. */
type Json<T> = ColumnType<T, string, string>
type DefaultedJson<T> = ColumnType<T, string | undefined, string>
type NullableJson<T> = ColumnType<T | null, string | null | undefined, string | null>

/** One row: the oldest release that may still run against this schema. */
export interface ReleaseFloorTable {
  onlyRow: Generated<boolean>
  oldestRelease: string
}

/** Whoever may hold a grant; hands out the ids of users, user groups and services. */
export interface PrincipalTable {
  id: Generated<number>
  kind: PrincipalKind
}

/** Log-in and public side of a person. */
export interface UserAccountTable {
  id: number
  login: string
  email: string | null
  name: string
  language: Generated<string>
  settings: DefaultedJson<Record<string, unknown>>
  globalRole: Generated<OpenemsRole>
  shareable: Generated<boolean>
  disabledAt: Date | null
  passwordHash: string | null
  createdAt: Date
}

/** Personal data of a user; never logged. */
export interface UserProfileTable {
  userId: number
  firstname: Generated<string>
  lastname: Generated<string>
  phone: Generated<string>
  street: Generated<string>
  zip: Generated<string>
  city: Generated<string>
  country: Generated<string>
  companyName: Generated<string>
}

export interface UserGroupTable {
  id: number
  name: string
  description: Generated<string>
  purpose: Generated<string>
  organisationId: number | null
  ownerId: number | null
}

/** A token holder that is not a person. */
export interface ServiceTable {
  id: number
  name: string
  organisationId: number | null
  disabledAt: Date | null
}

export interface MembershipTable {
  id: Generated<number>
  groupId: number
  memberId: number
  state: Generated<'invited' | 'active' | 'rejected'>
  validFrom: Date | null
  validTo: Date | null
  addedBy: number | null
}

export interface SessionTable {
  id: string
  userId: number
  createdAt: Date
  expiresAt: Date
  endedAt: Date | null
  endReason: string | null
  clientAddress: Generated<string>
  parentId: string | null
  viaGroupId: number | null
}

/** A member lets those who decide about the group act as him. */
export interface ImpersonationConsentTable {
  membershipId: number
  givenAt: Date
}

/** Where edges start that a user claims. */
export interface DefaultEdgeGroupTable {
  userId: number
  edgeGroupId: number
}

/** Accounts made inside a user group. */
export interface ManagedAccountTable {
  userId: number
  groupId: number
}

export interface ServiceTokenTable {
  id: Generated<number>
  serviceId: number
  tokenHash: string
  scopes: Json<readonly Scope[]>
  createdAt: Date
  expiresAt: Date | null
  endedAt: Date | null
  lastUsedAt: Date | null
}

export interface SigningKeyTable {
  kid: string
  algorithm: string
  publicJwk: Json<Record<string, unknown>>
  sealedPrivateJwk: string
  createdAt: Date
  signsUntil: Date
  verifiesUntil: Date
}

/** Leaky buckets of failed sign-ins. */
export interface SignInThrottleTable {
  key: string
  failures: number
  updatedAt: Date
}

export interface InvitationTable {
  id: Generated<number>
  tokenHash: string | null
  email: string | null
  globalRole: Generated<OpenemsRole>
  createdBy: number | null
  createdAt: Date
  expiresAt: Date
  usedAt: Date | null
  organisationId: number | null
  memberRole: string | null
  groupId: number | null
  userId: number | null
  addressee: string | null
  memberFrom: Date | null
  memberTo: Date | null
  rejectedAt: Date | null
  accountId: number | null
  resourceId: number | null
  handOver: NullableJson<OfferedTerms>
}

/** Whatever may be granted; hands out the ids of organisations, sites, edges and edge groups. */
export interface ResourceTable {
  id: Generated<number>
  kind: ResourceKind
}

export interface OrganisationTable {
  id: number
  name: string
  parentId: number | null
  canEditSites: Generated<boolean>
  canCreateSuborganisations: Generated<boolean>
  maxOpenemsRole: Generated<OpenemsRole>
  publicAccess: Generated<boolean>
  strictRoles: Generated<boolean>
}

export interface SiteTable {
  id: number
  name: string
  organisationId: number
  isVirtual: Generated<boolean>
  location: Generated<string>
  labels: DefaultedJson<string[]>
}

export interface EdgeTable {
  id: number
  edgeId: string
  comment: Generated<string>
  producttype: Generated<string>
  siteId: number | null
  organisationId: number | null
  settings: DefaultedJson<Record<string, unknown>>
  emsType: Generated<string>
  serialNumber: Generated<string>
  setupPasswordHash: string | null
  firstSetupAt: Date | null
  createdAt: Date
}

export interface EdgeKeyTable {
  id: Generated<number>
  edgeId: number
  keyHash: string
  createdAt: Date
  validTo: Date | null
}

/** An API key in clear, sealed: for peers that need it. */
export interface EdgeKeyCopyTable {
  edgeKeyId: number
  sealedWith: string
  sealed: string
}

/** Last known state of an edge, written behind. */
export interface EdgeStateTable {
  edgeId: number
  online: Generated<boolean>
  lastMessageAt: Date | null
  version: Generated<string>
  sumState: number | null
}

export interface EdgeConfigTable {
  edgeId: number
  config: Json<Record<string, unknown>>
  digest: string
  receivedAt: Date
}

export interface EdgeConfigChangeTable {
  id: Generated<number>
  edgeId: number
  at: Date
  actorId: number | null
  summary: string
  changes: Json<unknown>
}

export interface EdgeGroupTable {
  id: number
  name: string
  description: Generated<string>
  purpose: Generated<string>
  organisationId: number | null
  ownerId: number | null
}

export interface ContainmentTable {
  id: Generated<number>
  parentId: number
  childId: number
}

export interface RoleTable {
  id: Generated<number>
  name: string
  organisationId: number | null
  selfMask: number
  contentMask: number
  suborganisationMask: number
  openemsRole: OpenemsRole | null
}

export interface AccessGrantTable {
  id: Generated<number>
  principalId: number
  resourceId: number
  roleId: number
  components: NullableJson<string[]>
  validFrom: Date | null
  validTo: Date | null
  dataWindows: NullableJson<Window[]>
  source: Generated<string>
  grantedBy: number | null
}

export interface RestrictionTable {
  id: Generated<number>
  userId: number
  edgeId: number
  windows: Json<Window[]>
}

export interface ClaimTable {
  id: Generated<number>
  userId: number
  key: string
  value: string
}

export interface UserAlertingTable {
  edgeId: number
  userId: number
  offlineDelayMinutes: Generated<number>
  faultDelayMinutes: Generated<number>
  warningDelayMinutes: Generated<number>
  lastOfflineAlertAt: Generated<Date | null>
  lastSumStateAlertAt: Generated<Date | null>
}

export interface SetupProtocolTable {
  id: Generated<number>
  edgeId: number
  type: string
  createdAt: Date
  createdBy: number | null
  content: Json<unknown>
}

export type ImportState = 'running' | 'done' | 'refused' | 'cancelled' | 'failed' | 'interrupted'

/** Who imported what, when, with which result. */
export interface ImportJobTable {
  id: string
  state: ImportState
  organisationId: number | null
  name: string
  fileName: string
  fileBytes: Generated<number>
  fileDigest: Generated<string>
  format: Generated<string>
  options: DefaultedJson<Record<string, unknown>>
  isDryRun: boolean
  createdBy: number | null
  createdAt: Date
  endedAt: Date | null
  counts: DefaultedJson<Record<string, unknown>>
  report: DefaultedJson<Record<string, unknown>>
}

/** What things are called in imported files. */
export interface ImportKeyTable {
  id: Generated<number>
  organisationId: number | null
  kind: string
  key: string
  targetId: number
}

/** Whom an import invites. */
export interface ImportInviteeTable {
  importId: string
  login: string
  accountId: number | null
}

/** The log. Written by `db/write.ts` only. */
export interface ChangeTable {
  revision: number
  at: Date
  actorId: number | null
  subjectId: number | null
  action: string
  entity: string
  entityId: string
  noted: boolean
  before: NullableJson<object>
  after: NullableJson<object>
  hash: string
}

/** Every table; a contract test compares this file with the migrated database. */
export interface Database {
  releaseFloor: ReleaseFloorTable
  principal: PrincipalTable
  userAccount: UserAccountTable
  userProfile: UserProfileTable
  userGroup: UserGroupTable
  service: ServiceTable
  membership: MembershipTable
  session: SessionTable
  impersonationConsent: ImpersonationConsentTable
  defaultEdgeGroup: DefaultEdgeGroupTable
  managedAccount: ManagedAccountTable
  serviceToken: ServiceTokenTable
  signingKey: SigningKeyTable
  signInThrottle: SignInThrottleTable
  invitation: InvitationTable
  resource: ResourceTable
  organisation: OrganisationTable
  site: SiteTable
  edge: EdgeTable
  edgeKey: EdgeKeyTable
  edgeKeyCopy: EdgeKeyCopyTable
  edgeState: EdgeStateTable
  edgeConfig: EdgeConfigTable
  edgeConfigChange: EdgeConfigChangeTable
  edgeGroup: EdgeGroupTable
  containment: ContainmentTable
  role: RoleTable
  accessGrant: AccessGrantTable
  restriction: RestrictionTable
  claim: ClaimTable
  userAlerting: UserAlertingTable
  setupProtocol: SetupProtocolTable
  importJob: ImportJobTable
  importKey: ImportKeyTable
  importInvitee: ImportInviteeTable
  change: ChangeTable
}
