import { guardEntry, guardOwners } from '../access/guard-door.ts'
import type { OpenemsRole, UserRow } from '../access/model.ts'
import { changeRow } from '../access/write-door.ts'
import type { Actor, Write } from '../db/write.ts'
import { AppError, problem } from '../errors.ts'
import { createDefaultEdgeGroup, renameDefaultEdgeGroup } from '../groups/default-edge-group.ts'
import { deleteVouchersOf } from '../invitations/invitation-queries.ts'
import {
  normalisePassword,
  parseLanguage,
  requireEmail,
  requireLine,
  requireLogin,
  requireNewPassword,
} from './account-rules.ts'
import type { AccountsContext } from './accounts-context.ts'
import { hasSignedInFrom } from './session-queries.ts'
import { accountKey, endSessionsOf } from './session-service.ts'
import { networkOf } from './throttle.ts'
import {
  deleteManagement,
  findCredentialsById,
  insertUser,
  type NewUser,
  replacePasswordHash,
  updatePasswordHash,
  updateUser,
} from './user-queries.ts'

export interface NewAccount {
  login: string
  name: string
  email?: string | null | undefined
  /** Without one nobody can sign in with a password. */
  password?: string | undefined
  language?: string | undefined
  /** Decided by our code or by an administrator; what a stranger asks for must not arrive here. */
  globalRole: OpenemsRole
  shareable?: boolean | undefined
}

/** An account that was checked, with its password hashed. */
export type PreparedUser = NewUser & { hasDefaultEdgeGroup: boolean }

/** Creates an account. */
export async function createUser(
  ctx: Pick<AccountsContext, 'write' | 'passwords' | 'settings'>,
  actor: Actor,
  account: NewAccount,
): Promise<UserRow> {
  const prepared = await prepareUser(ctx, account)
  return await ctx.write(actor, (w) => addUser(w, prepared))
}

/** Checks an account and hashes its password, both before the writer lock is taken. */
export async function prepareUser(
  ctx: Pick<AccountsContext, 'passwords' | 'settings'>,
  account: NewAccount,
): Promise<PreparedUser> {
  const password = account.password === undefined ? undefined : requireNewPassword(account.password)
  return {
    login: requireLogin(account.login),
    email: requireEmail(account.email),
    name: requireLine(account.name, 'The name') || requireLogin(account.login),
    language: account.language === undefined ? 'EN' : parseLanguage(account.language),
    globalRole: account.globalRole,
    shareable: account.shareable ?? false,
    passwordHash: password === undefined ? null : await ctx.passwords.hash(password),
    hasDefaultEdgeGroup: ctx.settings.defaultEdgeGroup,
  }
}

/** Adds a prepared account as part of a write, with an edge group of its own if the settings say so (G-21). */
export async function addUser(w: Write, prepared: PreparedUser): Promise<UserRow> {
  const { hasDefaultEdgeGroup, ...account } = prepared
  requireFree(w, account)
  const row = await insertUser(w.tx, account, w.now)
  w.inserted('user.created', 'user', row)
  if (hasDefaultEdgeGroup) await createDefaultEdgeGroup(w, row)
  return row
}

/** Changes what an account is called and known by; sessions stay, for they go by its number. */
export async function renameUser(
  ctx: Pick<AccountsContext, 'write'>,
  actor: Actor,
  userId: number,
  change: {
    login?: string | undefined
    name?: string | undefined
    email?: string | undefined
    globalRole?: OpenemsRole | undefined
  },
): Promise<UserRow> {
  return await ctx.write(actor, async (w) => {
    const before = requireUser(w, userId)
    const { login = before.login, name = before.name, email, globalRole = before.globalRole } = change
    const after = await changeUser(w, 'user.renamed', before, {
      login: requireLogin(login),
      name: requireLine(name, 'The name') || requireLogin(login),
      email: email === undefined ? before.email : requireEmail(email),
      globalRole,
    })
    if (after.login !== before.login) await renameDefaultEdgeGroup(w, userId, before.login, after.login)
    return after
  })
}

/** Sets somebody's password and ends all his sessions; not of who has more on the platform, or for longer (EC-10). */
export async function setPassword(
  ctx: Pick<AccountsContext, 'write' | 'passwords'>,
  actor: Actor,
  userId: number,
  password: string,
): Promise<void> {
  const passwordHash = await ctx.passwords.hash(requireNewPassword(password))
  await ctx.write(actor, async (w) => {
    guardEntry(w, actor, requireUser(w, userId).id)
    await replacePassword(w, userId, passwordHash)
  })
}

/** Sets a password that is hashed already, as part of a write that has asked whether it may. */
export async function replacePassword(w: Write, userId: number, passwordHash: string): Promise<void> {
  await updatePasswordHash(w.tx, userId, passwordHash)
  await deleteVouchersOf(w.tx, [userId])
  w.noted('user.passwordChanged', 'user', String(userId))
  await endSessionsOf(w, userId, 'passwordChanged')
}

/** Changes one's own password, which takes the old one, and ends one's other sessions. */
export async function changeOwnPassword(
  ctx: Pick<AccountsContext, 'db' | 'write' | 'passwords' | 'throttle'>,
  given: { userId: number; sessionId: string; oldPassword: string; newPassword: string; clientAddress: string },
): Promise<void> {
  const { userId, sessionId, clientAddress } = given
  const oldPassword = normalisePassword(given.oldPassword)
  const newPassword = requireNewPassword(given.newPassword)
  const found = await findCredentialsById(ctx.db, userId)
  using attempt = await ctx.throttle.begin({
    account: accountKey(userId),
    password: oldPassword,
    clientAddress,
    isKnownAddress: () => hasSignedInFrom(ctx.db, userId, networkOf(clientAddress)),
  })
  if (attempt === undefined) throw new AppError('tooManyRequests')
  const oldHash = found?.passwordHash ?? null
  if (!(await ctx.passwords.verify(oldPassword, oldHash)) || oldHash === null) {
    await attempt.failed()
    throw problem('The old password is wrong')
  }
  const newHash = await ctx.passwords.hash(newPassword)
  await ctx.write({ actorId: userId }, async (w) => {
    // A password set by an administrator in the meantime must stay.
    const replaced = await replacePasswordHash(w.tx, userId, oldHash, newHash)
    if (!replaced) throw problem('The old password is wrong')
    w.noted('user.passwordChanged', 'user', String(userId))
    // From now on the account is his alone (EC-08).
    if (await deleteManagement(w.tx, userId)) w.noted('user.managementEnded', 'user', String(userId))
    await endSessionsOf(w, userId, 'passwordChanged', sessionId)
  })
}

/** Stops somebody from signing in and from everything he is signed in to; what he was granted stays. */
export async function disableUser(ctx: Pick<AccountsContext, 'write'>, actor: Actor, userId: number): Promise<void> {
  requireAnother(actor, userId, 'disable')
  await ctx.write(actor, async (w) => {
    const user = requireUser(w, userId)
    guardOwners(w, { usersRemoved: [userId] })
    if (user.disabledAt === null) await changeUser(w, 'user.disabled', user, { disabledAt: w.now.getTime() })
    await endSessionsOf(w, userId, 'disabled')
  })
}

/** Lets somebody sign in again. */
export async function enableUser(ctx: Pick<AccountsContext, 'write'>, actor: Actor, userId: number): Promise<void> {
  await ctx.write(actor, async (w) => {
    const user = requireUser(w, userId)
    if (user.disabledAt !== null) await changeUser(w, 'user.enabled', user, { disabledAt: null })
  })
}

/** Changes columns of an account as part of a write; nothing is written or logged when nothing changes. */
export async function changeUser(
  w: Write,
  action: string,
  before: UserRow,
  change: Partial<UserRow>,
): Promise<UserRow> {
  const after = { ...before, ...change }
  await changeRow(w, action, 'user', { before, after }, async (tx) => {
    requireFree(w, after, before.id)
    await updateUser(tx, after)
  })
  return after
}

/** The account, or a refusal. */
export function requireUser(w: Write, userId: number): UserRow {
  const user = w.index.user(userId)
  if (user === undefined) throw problem('There is no such user')
  return user
}

/** Refuses what would shut out who does it, so that there is always one left who can undo it. */
export function requireAnother(actor: Actor, userId: number, verb: string): void {
  if (actor.actorId === userId) throw problem(`You cannot ${verb} your own account`)
}

/** A login must not be another's e-mail address nor the reverse: either signs in. */
function requireFree(w: Write, { login, email }: Pick<UserRow, 'login' | 'email'>, except?: number): void {
  const takenBy = (name: string) =>
    [w.index.userByLogin(name), w.index.userByEmail(name)].some((user) => user !== undefined && user.id !== except)
  if (takenBy(login)) throw problem('This login is taken')
  if (email !== null && takenBy(email.toLowerCase())) throw problem('This e-mail address is taken')
}
