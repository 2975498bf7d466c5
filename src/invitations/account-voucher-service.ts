import type { UserRow } from '../access/model.ts'
import { hasRight, refusal, rightsHolder } from '../access/write-door.ts'
import { requireNewPassword } from '../accounts/account-rules.ts'
import type { AccountsContext } from '../accounts/accounts-context.ts'
import { endSessionsOf } from '../accounts/session-service.ts'
import { deleteManagement } from '../accounts/user-queries.ts'
import type { Actor, Write } from '../db/write.ts'
import { AppError, problem } from '../errors.ts'
import { ensureDefaultEdgeGroup } from '../groups/default-edge-group.ts'
import { type Invitee, listAskers, listImportedUsers, listInvitees } from '../import/import-queries.ts'
import { generateVoucher, keyedHash } from '../lib/secrets.ts'
import { invalidInvitation } from './invalid-invitation.ts'
import {
  deleteRequestsTo,
  deleteVouchersOf,
  findVoucher,
  type Invitation,
  insertInvitations,
  listUnopened,
  updateFirstPassword,
  updateInvitationUsed,
} from './invitation-queries.ts'
import { isFor, voucherHash } from './invitation-service.ts'
import { managedAccounts } from './managed-accounts.ts'

const DAY_MS = 86_400_000

/** Somebody who is invited, with his voucher; or why he gets none. */
export type Invited =
  | { login: string; email: string | null; state: 'invited'; invitationId: number; token: string; expiresAt: Date }
  /** `open`: he signs in, or agreed, already. `refused`: the account has something that is not the asker's to give. */
  | { login: string; state: 'open' | 'refused' }

/**
 * Makes the voucher that opens an account without a password, and takes back the one before. Shown once. For somebody whom an
 * import of the asker's organisation found to have an account elsewhere it is the request to him, and the answer the same
 * (D-03). Whoever may not let somebody in to the account gets the answer for one that does not exist.
 */
export async function inviteAccount(
  ctx: Pick<AccountsContext, 'write' | 'pepper'>,
  actor: Actor,
  { login, validDays }: { login: string; validDays: number },
): Promise<Extract<Invited, { state: 'invited' }>> {
  return await ctx.write(actor, async (w) => {
    const name = login.trim().toLowerCase()
    const asker = (await listAskers(w.tx, name)).find(({ organisationId: id }) =>
      hasRight(w, actor, 'manageMembers', id),
    )
    const accountId = w.index.userByLogin(name)?.id ?? null
    const own = accountId === null ? [] : [{ login: name, accountId, email: null }]
    let [made] = await invite(w, actor, ctx.pepper, own, validDays)
    if (asker !== undefined && (made === undefined || made.state === 'refused')) {
      const request = { login: name, accountId: null, email: asker.email }
      made = (await invite(w, actor, ctx.pepper, [request], validDays, asker.organisationId))[0]
    }
    if (made?.state === 'invited') return made
    if (made?.state === 'open') throw problem('This account has a password or is disabled: an invitation is of no use')
    throw refusal(w, actor, 'user')
  })
}

/**
 * Vouchers for those whom an import invites, page by page in the order of their logins: each opens an account without a
 * password, or lets the organisation's imports give somebody who has an account elsewhere what they say (D-03): the
 * answer does not tell the one from the other. What was issued before is taken back.
 */
export async function inviteImported(
  ctx: Pick<AccountsContext, 'write' | 'pepper'>,
  actor: Actor,
  given: { importId: string; organisationId: number | null; after: string; limit: number; validDays: number },
): Promise<{ invited: Invited[]; next: string | undefined }> {
  const { importId, organisationId, after, limit, validDays } = given
  return await ctx.write(actor, async (w) => {
    const invitees = await listInvitees(w.tx, importId, after, limit)
    const invited = await invite(w, actor, ctx.pepper, invitees, validDays, organisationId)
    return { invited, next: invitees.length < limit ? undefined : invitees.at(-1)?.login }
  })
}

/** Opens an account by its voucher: from now on it has this password. Wrong, used, expired and taken back are one answer. */
export async function openAccount(
  ctx: Pick<AccountsContext, 'db' | 'write' | 'clock' | 'passwords' | 'throttle' | 'pepper' | 'settings'>,
  given: { token: string; password: string; clientAddress: string },
): Promise<{ login: string }> {
  const password = requireNewPassword(given.password)
  if (!(await ctx.throttle.take('registration', given.clientAddress))) throw new AppError('tooManyRequests')
  const voucher = await findVoucher(ctx.db, voucherHash(ctx.pepper, given.token), ctx.clock())
  if (voucher === undefined || voucher.accountId === null) throw invalidInvitation()
  return await openWith(ctx, voucher, password)
}

/** The same with a voucher that was looked up; `also` is part of the write. */
export async function openWith(
  ctx: Pick<AccountsContext, 'write' | 'passwords' | 'settings'>,
  voucher: Invitation,
  password: string,
  { email, also }: { email?: string; also?: (w: Write, user: UserRow) => Promise<void> } = {},
): Promise<UserRow> {
  const { accountId, createdBy } = voucher
  const passwordHash = await ctx.passwords.hash(requireNewPassword(password))
  return await ctx.write({ actorId: accountId }, async (w) => {
    const user = w.index.user(accountId ?? 0)
    if (user === undefined || user.disabledAt !== null || createdBy === null) throw invalidInvitation()
    if (email !== undefined && !isFor(voucher, { email })) throw invalidInvitation()
    if (!(await updateInvitationUsed(w.tx, voucher.id, w.now))) throw invalidInvitation()
    // Whoever made it may have lost the account since, or somebody else may have given it more.
    if (!(await managedAccounts(w, { actorId: createdBy }, [user.id])).has(user.id)) throw invalidInvitation()
    if (!(await updateFirstPassword(w.tx, user.id, passwordHash))) throw invalidInvitation()
    w.noted('invitation.accepted', 'invitation', String(voucher.id), { userId: user.id })
    w.noted('user.passwordChanged', 'user', String(user.id))
    if (await deleteManagement(w.tx, user.id)) w.noted('user.managementEnded', 'user', String(user.id))
    await endSessionsOf(w, user.id, 'passwordChanged')
    if (ctx.settings.defaultEdgeGroup) await ensureDefaultEdgeGroup(w, user)
    await also?.(w, user)
    return user
  })
}

async function invite(
  w: Write,
  actor: Actor,
  pepper: Uint8Array,
  invitees: readonly Invitee[],
  validDays: number,
  organisationId: number | null = null,
): Promise<Invited[]> {
  const ids = invitees.flatMap(({ accountId }) => accountId ?? [])
  const managed = await managedAccounts(w, actor, ids)
  const unopened = await listUnopened(w.tx, ids)
  const agreed = await agreedIn(w, organisationId, invitees)
  const mayAsk = organisationId !== null && hasRight(w, actor, 'manageMembers', organisationId)
  const stateOf = ({ login, accountId }: Invitee) => {
    if (accountId === null ? !mayAsk : !managed.has(accountId)) return 'refused'
    const isOpen = accountId === null ? agreed.has(login) : !unopened.has(accountId)
    return isOpen ? 'open' : 'invited'
  }
  const asked = invitees.map((invitee) => ({ ...invitee, state: stateOf(invitee) }) as const)
  const fresh = asked.filter(({ state }) => state === 'invited')
  await deleteVouchersOf(
    w.tx,
    fresh.flatMap(({ accountId }) => accountId ?? []),
  )
  if (organisationId !== null) {
    const others = fresh.filter(({ accountId }) => accountId === null)
    await deleteRequestsTo(
      w.tx,
      organisationId,
      others.map(({ login }) => login),
    )
  }
  const made = await makeVouchers(w, actor, pepper, fresh, { organisationId, validDays })
  return asked.map(({ login, state }) => {
    const voucher = made.get(login)
    return voucher ?? { login, state: state === 'open' ? 'open' : 'refused' }
  })
}

async function makeVouchers(
  w: Write,
  actor: Actor,
  pepper: Uint8Array,
  invitees: readonly Invitee[],
  { organisationId, validDays }: { organisationId: number | null; validDays: number },
): Promise<Map<string, Extract<Invited, { state: 'invited' }>>> {
  const expiresAt = new Date(w.now.getTime() + validDays * DAY_MS)
  const drafts = invitees.map((invitee) => {
    const account = w.index.user(invitee.accountId ?? 0)
    return { ...invitee, email: account ? account.email : invitee.email, token: generateVoucher() }
  })
  const ids = await insertInvitations(
    w.tx,
    drafts.map(({ login, accountId, email, token }) => ({
      tokenHash: keyedHash(pepper, token),
      email,
      addressee: login,
      accountId,
      organisationId: accountId === null ? organisationId : null,
      createdBy: rightsHolder(actor),
      createdAt: w.now,
      expiresAt,
    })),
  )
  const made = drafts.map(({ login, email, token, accountId }, position) => {
    const invitationId = ids[position] ?? 0
    const about = accountId === null ? { organisationId } : { userId: accountId }
    w.noted('invitation.created', 'invitation', String(invitationId), about)
    return [login, { login, email, state: 'invited', invitationId, token, expiresAt }] as const
  })
  return new Map(made)
}

/** Which of the people with accounts of their own let the organisation's imports give them something. */
async function agreedIn(
  w: Write,
  organisationId: number | null,
  invitees: readonly Invitee[],
): Promise<ReadonlySet<string>> {
  const accounts = invitees.flatMap(({ login, accountId, email }) => {
    const names = accountId === null ? [login, email?.toLowerCase() ?? login] : []
    const users = names.flatMap((name) => [w.index.userByLogin(name) ?? [], w.index.userByEmail(name) ?? []].flat())
    return users.map(({ id }) => ({ login, id }))
  })
  const ids = accounts.map(({ id }) => id)
  const imported = await listImportedUsers(w.tx, organisationId, ids)
  return new Set(accounts.filter(({ id }) => imported.has(id)).map(({ login }) => login))
}
