import type { Generated } from 'kysely'
import type { NullableJson } from './json-columns.ts'
import type {
  AccessGrantTable,
  ClaimTable,
  ContainmentTable,
  EdgeConfigChangeTable,
  EdgeConfigTable,
  EdgeGroupTable,
  EdgeKeyCopyTable,
  EdgeKeyTable,
  EdgeStateTable,
  EdgeTable,
  ImportAccessTable,
  ImportInviteeTable,
  ImportJobTable,
  ImportKeyTable,
  OrganisationTable,
  ResourceTable,
  RestrictionTable,
  RoleTable,
  SetupProtocolTable,
  SiteTable,
  UserAlertingTable,
} from './schema-fleet.ts'
import type {
  DefaultEdgeGroupTable,
  ImpersonationConsentTable,
  InvitationTable,
  ManagedAccountTable,
  MembershipTable,
  PrincipalTable,
  ServiceTable,
  ServiceTokenTable,
  SessionTable,
  SignInThrottleTable,
  SigningKeyTable,
  UserAccountTable,
  UserGroupTable,
  UserProfileTable,
} from './schema-people.ts'

export type * from './schema-fleet.ts'
export type * from './schema-people.ts'

/** One row: the oldest release that may still run against this schema. */
export interface ReleaseFloorTable {
  onlyRow: Generated<boolean>
  oldestRelease: string
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
  importAccess: ImportAccessTable
  change: ChangeTable
}
