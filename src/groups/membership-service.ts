import { guardMembership, guardOwners } from '../access/guard-door.ts'
import type { MembershipRow, UserGroupRow } from '../access/model.ts'
import {
  controlsService,
  controlsUserGroup,
  findVisibleUser,
  grantsWithGroups,
  type Look,
  managesUsers,
  ownGroups,
  seesUserGroup,
} from '../access/people-door.ts'
import { requireNotAbove } from '../access/role-grant-service.ts'
import { isHimself, refusal, requirePeriod, rightsHolder, rowOf } from '../access/write-door.ts'
import type { AppContext } from '../context.ts'
import type { Actor, Write } from '../db/write.ts'
import { problem } from '../errors.ts'
import { invalidInvitation } from '../invitations/invalid-invitation.ts'
import { inSlices } from '../lib/slices.ts'
import { requireUserGroup } from './group-rules.ts'
import { deleteMembership, findMembershipId, insertMembership, updateMembershipState } from './user-group-queries.ts'

/** Who becomes a member: an account, another user group, or a service (2.1). */
export type Member = { login: string } | { userGroupId: number } | { service: string }
export interface NewMembership {
  groupId: number
  member: Member
  validFrom: Date | null
  validTo: Date | null
}

/**
 * Adds a member to a user group (G-31). A group or a service is added at once, and so is an account that is available for sharing;
 * any other account is invited (K5), and whether there is one is not told (G-17, G-18).
 */
export async function addGroupMember(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  given: NewMembership,
): Promise<'active' | 'invited'> {
  const { validFrom, validTo } = given
  requirePeriod(validFrom, validTo)
  return ctx.write(actor, async (w) => {
    const group = requireUserGroup(w, actor, given.groupId)
    const { memberId, state } = await memberOf(w, actor, given.member)
    const period = { validFrom: validFrom?.getTime() ?? null, validTo: validTo?.getTime() ?? null }
    await guardMembership(w, actor, { groupId: group.id, memberId, ...period })
    if (memberId === undefined) {
      w.noted('membership.invitedNobody', 'userGroup', String(group.id))
      return state
    }
    const known = await findMembership(w, group.id, memberId)
    // Whose an e-mail address is, is not told by what becomes of it either.
    const isNamed = !isByAddress(w, given.member)
    if (state === 'invited' && known?.state === 'active' && !isNamed) return state
    if (known?.state === 'active') throw problem('This is a member of the group already')
    if (known !== undefined) await removeMemberships(w, [known])
    const membership = { groupId: group.id, memberId, state, ...period, addedBy: rightsHolder(actor) }
    const row = await insertMembership(w.tx, membership)
    w.inserted(state === 'active' ? 'membership.created' : 'membership.invited', 'membership', row)
    return state
  })
}

/** Makes somebody a member who holds an invitation that was just checked, as part of a write. */
export async function joinGroup(
  w: Write,
  given: { groupId: number; memberId: number; addedBy: number; validFrom: Date | null; validTo: Date | null },
): Promise<void> {
  const known = await findMembership(w, given.groupId, given.memberId)
  if (known?.state === 'active') throw problem('You are a member of the group already')
  if (known !== undefined) await removeMemberships(w, [known])
  const period = { validFrom: given.validFrom?.getTime() ?? null, validTo: given.validTo?.getTime() ?? null }
  const row = await insertMembership(w.tx, { ...given, ...period, state: 'active' })
  w.inserted('membership.accepted', 'membership', row)
}

/**
 * Accepts or rejects an invitation to a user group (P-22); a rejected one may still be accepted. Accepting takes that whoever
 * invited may still bring in somebody, by what the group holds now (G-01).
 */
export async function answerInvitation(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  groupId: number,
  answer: 'active' | 'rejected',
): Promise<void> {
  await ctx.write(actor, async (w) => {
    const before = await findMembership(w, groupId, rightsHolder(actor) ?? 0)
    if (before === undefined || before.state === 'active') throw refusal(w, actor, 'invitation')
    if (before.state === answer) return
    if (answer === 'active' && !(await mayStillAdd(w, before))) throw invalidInvitation()
    await updateMembershipState(w.tx, before.id, answer)
    const action = answer === 'active' ? 'membership.accepted' : 'membership.rejected'
    w.updated(action, 'membership', before, { ...before, state: answer })
  })
}

/** Takes a member out of a user group, or an invitation back. Everybody may leave (EC-07 the other way round). */
export async function removeGroupMember(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  { groupId, member }: { groupId: number; member: Member },
): Promise<void> {
  await ctx.write(actor, async (w) => {
    const memberId = idOf(w, member)
    const isOwn = isHimself(w, actor, memberId)
    const group = isOwn ? w.index.row('userGroup', groupId) : requireUserGroup(w, actor, groupId)
    const membership = group && memberId !== undefined ? await findMembership(w, group.id, memberId) : undefined
    if (group === undefined || (isOwn && membership === undefined))
      throw refusal(w, actor, 'userGroup', group === undefined && `user group ${groupId}`)
    // Whether an account was ever invited, or which member has this address, is not told either.
    if (membership === undefined) return
    if (membership.state === 'active' && !isOwn && isByAddress(w, member) && !managesUsers(lookAt(w, actor))) return
    if (membership.state === 'active' && !isOwn) requireNotAboveGroup(w, actor, group)
    guardOwners(w, { membershipsRemoved: [membership] })
    await removeMemberships(w, [membership])
  })
}

/** Who decides about a group for handling its organisation's members takes nobody out of it who is above him by it (P-09, C-12). */
export function requireNotAboveGroup(w: Write, actor: Actor, group: UserGroupRow): void {
  if (isHimself(w, actor, group.ownerId ?? undefined)) return
  for (const grant of grantsWithGroups(w.index, group.id)) requireNotAbove(w, actor, grant)
}

/** Ends memberships as part of a write, of which the guard of the owners has been asked. */
export async function removeMemberships(w: Write, memberships: readonly MembershipRow[]): Promise<void> {
  for (const membership of memberships) {
    await deleteMembership(w.tx, membership.id)
    w.deleted('membership.deleted', 'membership', membership)
  }
}

/**
 * Whether an asker may see this membership in a list. Invitations of accounts stay unseen: whom an address belongs to could be
 * read from them, also of accounts that are available for sharing (G-17).
 */
export function showsMembership(look: Look, membership: MembershipRow): boolean {
  return look.index.user(membership.memberId) === undefined || membership.state === 'active' || managesUsers(look)
}

/** Whether whoever made a membership could make it now; the service itself, which no one is named for, always. */
async function mayStillAdd(
  w: Write,
  { groupId, memberId, validFrom, validTo, addedBy }: MembershipRow,
): Promise<boolean> {
  if (addedBy === null) return true
  const at = w.now.getTime()
  const group = rowOf(w, 'userGroup', groupId)
  if (!controlsUserGroup({ index: w.index, askerId: addedBy, at }, group)) return false
  return (await inSlices(w.index.guardMembership(addedBy, { groupId, memberId, validFrom, validTo }, at))).ok
}

async function memberOf(
  w: Write,
  actor: Actor,
  member: Member,
): Promise<{ memberId: number | undefined; state: 'active' | 'invited' }> {
  const look = lookAt(w, actor)
  if ('userGroupId' in member) {
    const group: UserGroupRow | undefined = w.index.row('userGroup', member.userGroupId)
    if (group === undefined || !seesUserGroup(look, group, await ownGroups(w.tx, look)))
      throw refusal(w, actor, 'userGroup', group === undefined && `user group ${member.userGroupId}`)
    return { memberId: group.id, state: 'active' }
  }
  if ('service' in member) {
    const service = w.index.row('service', idOf(w, member) ?? 0)
    if (service === undefined || !controlsService(look, service))
      throw refusal(w, actor, 'service', service === undefined && `service ${member.service}`)
    return { memberId: service.id, state: 'active' }
  }
  const visible = findVisibleUser(look, member.login)
  if (visible) return { memberId: visible.id, state: 'active' }
  return { memberId: idOf(w, member), state: 'invited' }
}

async function findMembership(w: Write, groupId: number, memberId: number): Promise<MembershipRow | undefined> {
  const id = await findMembershipId(w.tx, groupId, memberId)
  return id === undefined ? undefined : rowOf(w, 'membership', id)
}

function idOf(w: Write, member: Member): number | undefined {
  if ('userGroupId' in member) return member.userGroupId
  if ('login' in member) {
    const name = normal(member.login)
    return (w.index.userByLogin(name) ?? w.index.userByEmail(name))?.id
  }
  return w.index.serviceByName(member.service)?.id
}

/** Whether an account is named by its address, by which nobody who cannot see it learns anything. */
function isByAddress(w: Write, member: Member): boolean {
  return 'login' in member && w.index.userByLogin(normal(member.login)) === undefined
}

function lookAt(w: Write, actor: Actor): Look {
  return { index: w.index, askerId: rightsHolder(actor), at: w.now.getTime() }
}

function normal(login: string): string {
  return login.trim().toLowerCase()
}
