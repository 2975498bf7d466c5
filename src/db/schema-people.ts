import type { Generated } from 'kysely'
import type { OpenemsRole, PrincipalKind } from '../access/model.ts'
import type { Scope } from '../accounts/scopes.ts'
import type { OfferedTerms } from '../invitations/offered-terms.ts'
import type { DefaultedJson, Json, NullableJson } from './json-columns.ts'

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
