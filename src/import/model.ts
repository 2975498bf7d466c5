/**
 * What every import format is read into: records in natural keys, each with the place it stands at. Readers make them, the
 * planner compares them with what is there. Pure data: no database, no index. Rules: domain-rules 1.5 (D-01..D-30), K12.
 * Natural keys: organisations, sites, groups and services go by `key`, unique for their kind in one file; users by login,
 * edges by their OpenEMS id, roles by name and organisation. A member that is undefined says nothing: what is new gets the
 * default, what is there keeps its own.
 */
import type { OpenemsRole, Permission, Window } from '../access/model.ts'
import type { WindowChange } from '../access/windows.ts'
import type { Pace } from './pace.ts'

/** Where in what was given something stands; every problem names it. Rows and columns count from 1, as spreadsheets do. */
export interface Place {
  file: string
  sheet?: string
  row?: number
  column?: string
  /** In JSON and YAML: `users[3].email`. */
  path?: string
}

/** Something that stops the import of a record, or of the whole file. */
export interface ImportProblem {
  kind: 'problem'
  place: Place
  /** What stands there, cut to 100 characters; never a secret. */
  value?: string
  /** The rule it breaks: `D-02`, `limit`, `format`. */
  rule: string
  /** A sentence that says what to do. */
  text: string
  /** True: nothing of this file can be used, `--skip-invalid` or not (D-22, a broken archive). */
  isFatal?: boolean
}

/** Something that was read, is legal, and has no effect here; reported, never applied (D-17). */
export interface ImportRemark {
  kind: 'remark'
  place: Place
  text: string
}

/** The file itself asks that nothing of it is applied (D-29). */
export interface DryRunRequest {
  kind: 'dryRun'
  place: Place
}

/** Set replaces what the same source gave before, Merge only adds (D-10..D-13, K12). */
export type MergeMode = 'set' | 'merge'

/** A list of natural keys, or a query over what is there (D-26), which `parseQuery` takes. */
export type Selection = { keys: readonly string[] } | { query: string }

/**
 * What a user may open. The mode holds for both; one that is left out stays as it is, an empty list clears under Set (D-12).
 * Queries (D-26): of sites beside an empty list of edges, all edges of those sites; of sites and edges, the edges of those
 * sites that match, too; of edges beside an empty list of sites, these edges of the account and no site.
 */
export interface UserAccess {
  mode: MergeMode
  sites?: Selection
  /** Edge ids or serial numbers: Opinum's sources. */
  edges?: Selection
}

/** Half-open periods (D-15), only an end (D-20), or no restriction at all (V17); `applyChange` makes windows of it. */
export type RestrictionChange = WindowChange

interface Placed {
  place: Place
}

export interface OrganisationRecord extends Placed {
  kind: 'organisation'
  key: string
  name: string
  /** Key of the organisation above; undefined: a main organisation. */
  parent?: string
  canEditSites?: boolean
  canCreateSuborganisations?: boolean
  maxOpenemsRole?: OpenemsRole
  publicAccess?: boolean
  strictRoles?: boolean
}

export interface SiteRecord extends Placed {
  kind: 'site'
  key: string
  name: string
  organisation: string
  isVirtual?: boolean
  location?: string
  labels?: readonly string[]
}

export interface EdgeRecord extends Placed {
  kind: 'edge'
  /** The OpenEMS id. */
  edgeId: string
  comment?: string
  producttype?: string
  serialNumber?: string
  emsType?: string
  site?: string
  organisation?: string
  settings?: Record<string, unknown>
  firstSetupAt?: number
  /** In clear, where the old system had it: hashed at once, so that the device keeps its key. */
  apiKey?: string
  setupPassword?: string
}

export interface GroupRecord extends Placed {
  kind: 'edgeGroup' | 'userGroup'
  key: string
  name: string
  description?: string
  purpose?: string
  organisation?: string
  /** Login. */
  owner?: string
}

/** Content of an edge group, or a site shared with an organisation. */
export interface ContainmentRecord extends Placed {
  kind: 'containment'
  parent: ResourceRef
  child: ResourceRef
}

export interface MembershipRecord extends Placed {
  kind: 'membership'
  group: string
  member: PrincipalRef
  state?: 'invited' | 'active' | 'rejected'
  validFrom?: number
  validTo?: number
}

export interface RoleRecord extends Placed {
  kind: 'role'
  name: string
  organisation?: string
  self: readonly Permission[]
  content: readonly Permission[]
  suborganisation: readonly Permission[]
  openemsRole?: OpenemsRole
}

export interface GrantRecord extends Placed {
  kind: 'grant'
  principal: PrincipalRef
  resource: ResourceRef
  role: string
  /** Key of the organisation whose own role it is; undefined: a role of the service. */
  roleOrganisation?: string
  components?: readonly string[]
  validFrom?: number
  validTo?: number
  /** undefined: all timestamps; []: none (T3). */
  dataWindows?: readonly Window[]
  source?: string
}

export interface ServiceRecord extends Placed {
  kind: 'service'
  /** Names of services need not be unique, their keys are. */
  key: string
  name: string
  organisation?: string
  disabled?: boolean
}

export type PlacedField = 'email' | 'role' | 'claims' | 'sites' | 'edges'

/** One person with everything the file says about him: one record, one row of the log. */
export interface UserRecord extends Placed {
  kind: 'user'
  /** Trimmed, lower case. Equals the e-mail address where the file does not say it (D-02): then the address finds the user. */
  login: string
  email?: string
  name?: string
  firstname?: string
  lastname?: string
  phone?: string
  address?: AddressRecord
  language?: string
  /** Only for a user that is new, where the file does not say it (D-02). */
  languageIfNew?: string
  shareable?: boolean
  disabled?: boolean
  globalRole?: OpenemsRole
  settings?: Record<string, unknown>
  /** Exactly one (D-04, D-05); undefined: unchanged. */
  accountRole?: 'User' | 'Manager'
  /** Keys are set, none is ever removed (D-08). */
  claims?: Readonly<Record<string, string>>
  /** Only for a user that is new (D-09 FORCE). */
  claimsIfNew?: Readonly<Record<string, string>>
  access?: UserAccess
  restrictions?: { mode: MergeMode; byEdge: ReadonlyMap<string, RestrictionChange> }
  alerting?: readonly AlertingRecord[]
  /** Where in the record these stand, for what is found out later: a column, or a path. */
  where?: Readonly<Partial<Record<PlacedField, Pick<Place, 'column' | 'path'>>>>
}

export interface AddressRecord {
  street?: string
  zip?: string
  city?: string
  country?: string
  companyName?: string
}

export interface AlertingRecord {
  edgeId: string
  offlineDelayMinutes: number
  faultDelayMinutes: number
  warningDelayMinutes: number
}

/** By natural key: a login, the key of a group or of a service; '' for the public. */
export interface PrincipalRef {
  kind: 'user' | 'userGroup' | 'service' | 'public'
  key: string
}

/** By natural key: the key from the file, or the id of an edge; '' for the platform. */
export interface ResourceRef {
  kind: 'organisation' | 'site' | 'edge' | 'edgeGroup' | 'platform'
  key: string
}

export type ImportRecord =
  | OrganisationRecord
  | SiteRecord
  | EdgeRecord
  | GroupRecord
  | ContainmentRecord
  | MembershipRecord
  | RoleRecord
  | GrantRecord
  | ServiceRecord
  | UserRecord

/** What a reader yields, in the order of the file; a record may refer to one that comes later. */
export type ImportItem = ImportRecord | ImportProblem | ImportRemark | DryRunRequest

/** A file to read. It can be opened several times, every time from its beginning. */
export interface ImportInput {
  name: string
  /** Where it lies on disk, if it does: of an archive only the parts needed are read then, rather than all into memory. */
  path?: string
  open(): AsyncIterable<Buffer>
}

export interface ReadOptions {
  /** What says how to read the file, where the format needs it. */
  template?: ImportInput
  /** Language of new users whom the file gives none (D-02): the theme's. */
  language?: string
  /** Of the work that it is read for; undefined: its own. */
  pace?: Pace
}

/**
 * Reads a file piece by piece. What is wrong with its content is a problem among the items, all of it at once, also after a
 * fatal one; where nothing more can be read it throws `Unreadable`, of which `readImport` makes the last problem. The event
 * loop gets its turn every few milliseconds.
 */
export type Reader = (input: ImportInput, options: ReadOptions, limits: ImportLimits) => AsyncIterable<ImportItem>

/** Periods of one user or grant on one edge: what one file says, and what several add up to. */
export const MAX_PERIODS = 1000

/** What a reader must never exceed, whatever the file says; every one is a setting. */
export interface ImportLimits {
  /** Of what was uploaded. */
  maxFileBytes: number
  /** Of what an archive unpacks to, and how many times its packed size that may be. */
  maxUnpackedBytes: number
  maxUnpackedRatio: number
  maxRows: number
  maxColumns: number
  maxCellBytes: number
  /** Problems after which reading stops. */
  maxProblems: number
}
