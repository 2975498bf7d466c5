import type { Generated } from 'kysely'
import type { OpenemsRole, ResourceKind, Window } from '../access/model.ts'
import type { DefaultedJson, Json, NullableJson } from './json-columns.ts'

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

/** Who gains or loses what by an import. */
export interface ImportAccessTable {
  importId: string
  page: number
  details: Json<Record<string, unknown>[]>
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
  email: string | null
}
