import { guardGrant, guardMembership } from '../access/guard-door.ts'
import { PLATFORM_RESOURCE_ID, type UserRow } from '../access/model.ts'
import { controlsUserGroup } from '../access/people-door.ts'
import type { NewGrant } from '../access/resource-queries.ts'
import {
  hasRight,
  isHimself,
  refusal,
  requirePeriod,
  requireResource,
  requireRight,
  rightsHolder,
} from '../access/write-door.ts'
import type { AccountsContext } from '../accounts/accounts-context.ts'
import type { Actor, Write } from '../db/write.ts'
import { AppError } from '../errors.ts'
import { requireBringer, requireUserGroup } from '../groups/group-rules.ts'
import { joinGroup } from '../groups/membership-service.ts'
import { upsertImportKeys } from '../import/import-queries.ts'
import { generateToken, keyedHash } from '../lib/secrets.ts'
import {
  joinOrganisation,
  type OrganisationRole,
  organisationGrant,
  requireOrganisationRole,
} from '../organisations/member-service.ts'
import { acceptOffer } from '../sites/hand-over-offer.ts'
import { invalidInvitation } from './invalid-invitation.ts'
import {
  deleteInvitation,
  findInvitationById,
  findVoucher,
  type Invitation,
  insertInvitation,
  updateInvitationRejected,
  updateInvitationUsed,
} from './invitation-queries.ts'
import { managedAccounts } from './managed-accounts.ts'

const DAY_MS = 86_400_000
const MAX_TOKEN_LENGTH = 200

/** Into what somebody is invited. */
export type InvitedTo = { organisationId: number; role: OrganisationRole } | { groupId: number }

/**
 * Makes a voucher for one person, whoever that is: with it he registers, or joins with the account he has, so that whoever
 * invites need not know which of the two (P-22, G-18). Shown once.
 */
export async function inviteMember(
  ctx: Pick<AccountsContext, 'write' | 'pepper' | 'settings'>,
  actor: Actor,
  given: { to: InvitedTo; email: string | null; validFrom: Date | null; validTo: Date | null; validDays: number },
): Promise<{ id: number; token: string; expiresAt: Date }> {
  const { to, email, validFrom: memberFrom, validTo: memberTo } = given
  requirePeriod(memberFrom, memberTo)
  const token = generateToken()
  return await ctx.write(actor, async (w) => {
    await requireInviter(w, actor, to, { validFrom: memberFrom, validTo: memberTo })
    const expiresAt = new Date(w.now.getTime() + given.validDays * DAY_MS)
    const id = await insertInvitation(w.tx, {
      tokenHash: keyedHash(ctx.pepper, token),
      email,
      addressee: email,
      globalRole: ctx.settings.registrationRole,
      createdBy: rightsHolder(actor),
      createdAt: w.now,
      expiresAt,
      memberFrom,
      memberTo,
      ...('groupId' in to ? { groupId: to.groupId } : { organisationId: to.organisationId, memberRole: to.role }),
    })
    w.noted('invitation.created', 'invitation', String(id), to)
    return { id, token, expiresAt }
  })
}

/** Joins by an invitation of one's own, or by a voucher. */
export async function acceptInvitation(
  ctx: Pick<AccountsContext, 'write' | 'pepper'>,
  userId: number,
  by: { invitationId: number } | { token: string },
): Promise<void> {
  const actor = { actorId: userId }
  await ctx.write(actor, async (w) => {
    const user = w.index.user(userId)
    const found =
      'token' in by
        ? await findVoucher(w.tx, voucherHash(ctx.pepper, by.token), w.now)
        : await findInvitationById(w.tx, by.invitationId, w.now)
    const isOpen = found !== undefined && found.accountId === null
    const isMine = isOpen && ('token' in by ? isFor(found, user) : found.userId === userId)
    if (found === undefined || user === undefined || !isMine) throw refusal(w, actor, 'invitation')
    await redeem(w, found, user)
  })
}

/** Rejects an invitation of one's own; it may still be accepted while it is open (P-22). */
export async function rejectInvitation(
  ctx: Pick<AccountsContext, 'write'>,
  userId: number,
  invitationId: number,
): Promise<void> {
  const actor = { actorId: userId }
  await ctx.write(actor, async (w) => {
    const found = await findInvitationById(w.tx, invitationId, w.now)
    if (found === undefined || found.userId !== userId) throw refusal(w, actor, 'invitation')
    await updateInvitationRejected(w.tx, found.id, w.now)
    w.noted('invitation.rejected', 'invitation', String(found.id), { userId })
  })
}

/** Takes an invitation back. */
export async function withdrawInvitation(
  ctx: Pick<AccountsContext, 'write'>,
  actor: Actor,
  invitationId: number,
): Promise<void> {
  await ctx.write(actor, async (w) => {
    const found = await findInvitationById(w.tx, invitationId, w.now)
    if (found === undefined || !(await mayWithdraw(w, actor, found)))
      throw refusal(w, actor, 'invitation', found === undefined && `open invitation ${invitationId}`)
    await deleteInvitation(w.tx, found.id)
    w.noted('invitation.withdrawn', 'invitation', String(found.id))
  })
}

/**
 * Uses an invitation up, and makes the user what it says, by the rights that whoever invited him has now. One of an organisation
 * without a role lets its imports give him what they say (D-03).
 */
export async function redeem(w: Write, invitation: Invitation, user: UserRow): Promise<void> {
  if (!(await updateInvitationUsed(w.tx, invitation.id, w.now))) throw invalidInvitation()
  const { createdBy, organisationId, groupId, resourceId, memberRole } = invitation
  w.noted('invitation.accepted', 'invitation', String(invitation.id), { userId: user.id })
  if (organisationId === null && groupId === null && resourceId === null) return
  if (createdBy === null) throw invalidInvitation()
  const inviter: Actor = { actorId: createdBy }
  const period = { validFrom: invitation.memberFrom, validTo: invitation.memberTo }
  try {
    if (groupId !== null) {
      await requireInviter(w, inviter, { groupId }, period)
      await joinGroup(w, { groupId, memberId: user.id, addedBy: createdBy, ...period })
    } else if (organisationId !== null && isRequest(invitation)) {
      requireRight(w, inviter, 'manageMembers', organisationId)
      await upsertImportKeys(w.tx, organisationId, [{ kind: 'guest', key: user.login, targetId: user.id }])
    } else if (organisationId !== null) {
      const role = requireOrganisationRole(memberRole)
      await requireInviter(w, inviter, { organisationId, role }, period)
      await joinOrganisation(w, inviter, user, { organisationId, role, ...period })
    } else await acceptOffer(w, inviter, invitation, user)
  } catch (error) {
    // What whoever invited may no longer do is his secret.
    if (error instanceof AppError && (error.kind === 'forbidden' || resourceId !== null)) throw invalidInvitation()
    throw error
  }
}

/**
 * Whether a voucher is for this account: one with an e-mail address is for who has it; a request for whom it asked, by login
 * or by address, as he signs in.
 */
export function isFor(invitation: Invitation, user: Partial<Pick<UserRow, 'login' | 'email'>> | undefined): boolean {
  const { email, addressee } = invitation
  const address = email?.toLowerCase()
  if (!isRequest(invitation)) return email === null || address === user?.email?.toLowerCase()
  return [user?.login, user?.email?.toLowerCase()].some((own) => own && (own === addressee || own === address))
}

/** Whether it asks somebody who has an account elsewhere to let an organisation's imports give him something (D-03). */
export function isRequest({ organisationId, memberRole, accountId }: Invitation): boolean {
  return organisationId !== null && memberRole === null && accountId === null
}

/** The keyed hash of a voucher. */
export function voucherHash(pepper: Uint8Array, token: string): string {
  if (token.length > MAX_TOKEN_LENGTH) throw invalidInvitation()
  return keyedHash(pepper, token)
}

/** Whoever made it, who may invite there, and for one that leads nowhere yet whoever looks after accounts. */
async function mayWithdraw(w: Write, actor: Actor, invitation: Invitation): Promise<boolean> {
  const { createdBy, organisationId, groupId, accountId, resourceId } = invitation
  if (isHimself(w, actor, createdBy ?? undefined)) return true
  if (resourceId !== null) return hasRight(w, actor, 'share', resourceId)
  if (accountId !== null) return (await managedAccounts(w, actor, [accountId])).has(accountId)
  if (organisationId !== null) return hasRight(w, actor, 'manageMembers', organisationId)
  if (groupId === null) return hasRight(w, actor, 'manageUser', PLATFORM_RESOURCE_ID)
  const group = w.index.row('userGroup', groupId)
  const look = { index: w.index, askerId: rightsHolder(actor), at: w.now.getTime() }
  return group !== undefined && controlsUserGroup(look, group)
}

async function requireInviter(
  w: Write,
  actor: Actor,
  to: InvitedTo,
  { validFrom, validTo }: { validFrom: Date | null; validTo: Date | null },
): Promise<void> {
  if ('groupId' in to) {
    const group = requireUserGroup(w, actor, to.groupId)
    requireBringer(w, actor, group)
    const period = { validFrom: validFrom?.getTime() ?? null, validTo: validTo?.getTime() ?? null }
    await guardMembership(w, actor, { groupId: group.id, memberId: undefined, ...period })
    return
  }
  const organisation = requireResource(w, actor, 'manageMembers', 'organisation', to.organisationId)
  const grant: NewGrant = organisationGrant(w, actor, {
    ...to,
    organisationId: organisation.id,
    validFrom,
    validTo,
    principalId: 0,
  })
  guardGrant(w, actor, grant, 'manageMembers')
}
