import { atOnce } from '../lib/slices.ts'
import { handlesClaims, isClaimTakenFrom } from './claim-service.ts'
import type { ExplainQuestion } from './explain.ts'
import type { NearMiss } from './explain-near.ts'
import type { Redaction } from './explain-redact.ts'
import type { Slice } from './explain-slice.ts'
import { fitsOn, isForEverybody, openedTo } from './grant-rules.ts'
import type { GuardResult } from './graph-guard.ts'
import {
  type GrantRow,
  type Permission,
  permissionBits,
  type ResourceKind,
  type RoleRow,
  type Window,
} from './model.ts'
import { managesUsers } from './people-door.ts'
import { mayOpen } from './restriction-service.ts'
import { windowsContain } from './windows.ts'

type Question = Pick<ExplainQuestion, 'principalId' | 'resourceId' | 'permission' | 'at'>

/** So many roles are tried for a new grant: each is a guard of its own. */
const maxRoles = 20

/** Whether the asker may make the change himself, as short as it may be: the guards are asked that would be asked then. */
export function mayMend(redaction: Redaction, slice: Slice, miss: NearMiss, question: Question): boolean {
  const { look } = redaction
  const { index, askerId } = look
  const { code, id, memberId = 0 } = miss
  const { principalId, at } = question
  const period = { validFrom: at, validTo: at + 1 }
  const passes = (guard: (askerId: number) => GuardResult) => askerId === null || guard(askerId).ok
  switch (code) {
    case 'accountDisabled':
      return managesUsers(look)
    case 'claimNone':
      if (!mayClaim(redaction, principalId) || isClaimTakenFrom(look, miss.detail ?? '')) return false
      return passes((asker) => index.guardClaim(asker, principalId, miss.detail ?? '', look.at))
    case 'restriction':
      return mayOpen(look, principalId, id, at)
    case 'membershipInvited':
    case 'membershipRejected':
      return memberId === askerId
    case 'membershipNotYet':
    case 'membershipEnded':
    case 'notMember':
      if (!redaction.controlsGroup(id) || !redaction.knows(memberId)) return false
      return passes((asker) => atOnce(index.guardMembership(asker, { groupId: id, memberId, ...period }, look.at)))
    case 'notContained':
      if (index.row('organisation', id) !== undefined && !redaction.may('edit', memberId)) return false
      return passes((asker) => atOnce(index.guardContainment(asker, { parentId: id, childId: memberId }, look.at)))
    case 'entityGate':
      return mayOpenGate(redaction, id, 'edit') && passes((asker) => index.guardGate(asker, id, look.at))
    case 'suborganisationGate':
      return mayOpenGate(redaction, id, 'createSub')
    case 'noPublicAccess':
      if (!redaction.may('manageGroup', id)) return false
      return passes((asker) => index.guardGrant(asker, openedTo(index, id), look.at))
    case 'roleLacks':
    case 'noGrant':
      return mayGrantAnew(redaction, slice, miss, question)
    default:
      return mayRenew(redaction, miss, at)
  }
}

/** Whether the asker decides about the claims of somebody, and so may know of them. */
export function mayClaim({ look }: Redaction, userId: number): boolean {
  const user = look.index.user(userId)
  return user === undefined ? managesUsers(look) : handlesClaims(look, user)
}

/** The gates of an organisation are for the one above it (P-06). */
function mayOpenGate(redaction: Redaction, organisationId: number, permission: Permission): boolean {
  const above = redaction.look.index.row('organisation', organisationId)?.parentId
  return above != null && redaction.may('manageGroup', above) && redaction.may(permission, above)
}

/** Whether he may grant once more what there is, for a moment at least. */
function mayRenew(redaction: Redaction, { code, grant }: NearMiss, at: number): boolean {
  if (grant === undefined) return false
  const isShown = code === 'dataWindows' || windowsContain(grant.dataWindows, at)
  const role = redaction.look.index.row('role', grant.roleId)
  return (
    role !== undefined &&
    mayGrant(redaction, role, { ...grant, dataWindows: isShown ? [[at, at + 1]] : grant.dataWindows }, at)
  )
}

/** Whether there is a role that would do and that he may grant, for a moment at least: now, or for what he may read himself. */
function mayGrantAnew(redaction: Redaction, slice: Slice, miss: NearMiss, question: Question): boolean {
  const { principalId, resourceId, permission, at } = question
  const { index, askerId } = redaction.look
  const holder = miss.grant?.principalId ?? principalId
  if (!redaction.may('share', miss.id)) return false
  const bit = permissionBits[permission]
  const own = askerId === null ? null : index.access(askerId, resourceId, redaction.look.at).windows
  const windows: (Window[] | null)[] = [[[at, at + 1]], own && [...own]]
  const tried = [...index.rows('role')]
    .filter((role) => ((role.selfMask | role.contentMask | role.suborganisationMask) & bit) !== 0)
    .filter((role) => fitsOn(index, role, { id: miss.id, kind: redaction.resource(miss.id).kind as ResourceKind }))
    .slice(0, maxRoles)
    .flatMap((role) => windows.map((dataWindows) => ({ role, dataWindows })))
  const terms = { id: 0, components: null, validFrom: at, validTo: at + 1, source: '', grantedBy: null }
  return tried.some(({ role, dataWindows }) => {
    const grant = { ...terms, principalId: holder, resourceId: miss.id, roleId: role.id, dataWindows }
    if (!mayGrant(redaction, role, grant, at)) return false
    const rows = [
      { entity: 'role', row: role },
      { entity: 'grant', row: slice.inward('grant', grant) },
    ] as const
    return slice.trying(rows, () => slice.allows(principalId, bit, slice.inside(resourceId), at))
  })
}

function mayGrant(redaction: Redaction, role: RoleRow, grant: GrantRow, at: number): boolean {
  const { index, askerId, at: now } = redaction.look
  if (!isForEverybody(grant.principalId, role)) return false
  if (!redaction.knows(grant.principalId) && !isOfMember(redaction, role, grant)) return false
  const proposed = { ...grant, validFrom: at, validTo: at + 1 }
  return askerId === null || index.guardGrant(askerId, proposed, now).ok
}

/** Whether an owner of an organisation would give one of its members a role in it: him he knows, however private he is. */
function isOfMember(redaction: Redaction, role: RoleRow, { principalId, resourceId }: GrantRow): boolean {
  const { index } = redaction.look
  const isOfOrganisation = (one: RoleRow | undefined) =>
    one !== undefined && one.organisationId === null && one.name.startsWith('org.')
  return (
    isOfOrganisation(role) &&
    redaction.may('manageGroup', resourceId) &&
    index
      .grantsOf(principalId)
      .some((row) => row.resourceId === resourceId && isOfOrganisation(index.row('role', row.roleId)))
  )
}
