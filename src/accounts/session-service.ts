import { randomUUID } from 'node:crypto'
import { type Impersonation, impersonationMask } from '../access/impersonation.ts'
import type { UserRow } from '../access/model.ts'
import type { Write } from '../db/write.ts'
import { AppError } from '../errors.ts'
import { isPossibleLogin, normaliseLogin, normalisePassword } from './account-rules.ts'
import type { AccountsContext } from './accounts-context.ts'
import {
  findOpenSession,
  findParentId,
  hasSignedInFrom,
  insertSession,
  type OpenSession,
  updateSessionAddress,
  updateSessionsEnded,
} from './session-queries.ts'
import { networkOf } from './throttle.ts'
import { type Credentials, findCredentials, replacePasswordHash } from './user-queries.ts'

const DAY_MS = 86_400_000

/** A session somebody is signed in with; its holder calls `sessions.release(sessionId)` when the socket is done with it. */
export interface SignedIn {
  ok: true
  user: UserRow
  sessionId: string
  expiresAt: Date
  token: string
  /** Somebody acts as the user in this session. */
  impersonation?: Impersonation
}
/** Why not; for the log only: towards the client they are all 1003. */
export interface SignInRefused {
  ok: false
  reason: 'wrongCredentials' | 'credentialsChanged' | 'throttled' | 'disabled' | 'invalidToken' | 'sessionEnded'
}
export type SignIn = SignedIn | SignInRefused

type SignInContext = Pick<
  AccountsContext,
  'db' | 'write' | 'clock' | 'store' | 'passwords' | 'tokens' | 'throttle' | 'sessions' | 'settings'
>

type ResumeContext = Pick<AccountsContext, 'db' | 'clock' | 'sessions'>

/**
 * Signs in with login or e-mail address. An unknown name costs as much as a wrong password; without the database the
 * answer is `unavailable`, never a refusal, because the UI forgets the user on a refusal.
 */
export async function signInWithPassword(
  ctx: SignInContext,
  given: { login: string; password: string; clientAddress: string },
): Promise<SignIn> {
  const checkAndOpen = async (): Promise<SignIn> => {
    const checked = await checkPassword(ctx, given)
    return checked.ok ? openSession(ctx, checked.found, checked.password, networkOf(given.clientAddress)) : checked
  }
  const signIn = await checkAndOpen()
  // A log-in beside it may have stored another hash of the same password.
  return !signIn.ok && signIn.reason === 'credentialsChanged' ? checkAndOpen() : signIn
}

/**
 * Whose login, or e-mail address, and password this is, without signing him in: throttled, queued, and as dear for an unknown
 * name as for a wrong password. `isKnownPlace` names accounts that were right from here before, beside those with sessions.
 */
export async function checkPassword(
  ctx: Pick<SignInContext, 'db' | 'passwords' | 'throttle'>,
  given: { login: string; password: string; clientAddress: string; isKnownPlace?: (userId: number) => boolean },
): Promise<{ ok: true; found: Credentials; password: string } | SignInRefused> {
  const login = normaliseLogin(given.login)
  const password = normalisePassword(given.password)
  const found = isPossibleLogin(login) ? await findCredentials(ctx.db, login) : undefined
  using attempt = await ctx.throttle.begin({
    ...(found === undefined ? { account: `name ${login}` } : { account: accountKey(found.user.id) }),
    password,
    clientAddress: given.clientAddress,
    isKnownAddress: async () =>
      found !== undefined &&
      (given.isKnownPlace?.(found.user.id) === true ||
        (await hasSignedInFrom(ctx.db, found.user.id, networkOf(given.clientAddress)))),
  })
  if (attempt === undefined) return refused('throttled')
  const right = await ctx.passwords.verify(password, found?.passwordHash ?? null)
  if (!right || found === undefined) {
    await attempt.failed()
    return refused('wrongCredentials')
  }
  if (found.user.disabledAt !== null) return refused('disabled')
  return { ok: true, found, password }
}

/**
 * Signs in with a token of an open session; the same token goes on being valid. One of a session that acted as another and is
 * over leads back to the session it was opened from (E-06).
 */
export async function signInWithToken(ctx: SignInContext, token: string, clientAddress: string): Promise<SignIn> {
  const claims = await ctx.tokens.verify(token)
  if (claims === undefined) return refused('invalidToken')
  const session = await findOpenSession(ctx.db, claims.sessionId, ctx.clock())
  if (session === undefined || isOver(ctx, session)) return await goBack(ctx, claims.sessionId)
  if (session.user.id !== claims.userId) return refused('sessionEnded')
  // Where its holder moved to is a place he is known at from now on; who acts as another says nothing about that other.
  const network = networkOf(clientAddress)
  if (network !== session.clientAddress && session.impersonation === undefined)
    await updateSessionAddress(ctx.db, session.sessionId, network)
  return admit(ctx, session, token)
}

/** Signs in to a session that was just opened. */
export async function resume(ctx: ResumeContext, sessionId: string, token: string): Promise<SignIn> {
  const session = await findOpenSession(ctx.db, sessionId, ctx.clock())
  return session === undefined ? refused('sessionEnded') : admit(ctx, session, token)
}

/**
 * Ends one session, on every node, and whatever acts as another from it; nothing happens if it is not open. To log out while
 * acting as another is to log out altogether.
 */
export async function endSession(
  ctx: Pick<AccountsContext, 'write'>,
  { sessionId, reason, actorId }: { sessionId: string; reason: string; actorId: number | null },
): Promise<void> {
  await ctx.write({ actorId }, async (w) => {
    const outermost = (await findParentId(w.tx, sessionId)) ?? sessionId
    const ended = await updateSessionsEnded(w.tx, { sessionId: outermost }, { now: w.now, reason })
    noteEnded(w, ended, reason)
  })
}

/** Ends all open sessions of a user but one; part of whatever makes that necessary. */
export async function endSessionsOf(w: Write, userId: number, reason: string, exceptSessionId?: string): Promise<void> {
  const ended = await updateSessionsEnded(w.tx, { userId, exceptSessionId }, { now: w.now, reason })
  noteEnded(w, ended, reason)
}

/** Name of an account's bucket of failed attempts. */
export function accountKey(userId: number): string {
  return `user ${userId}`
}

async function openSession(
  ctx: SignInContext,
  found: Credentials,
  password: string,
  clientAddress: string,
): Promise<SignIn> {
  const createdAt = ctx.clock()
  const expiresAt = new Date(createdAt.getTime() + ctx.settings.sessionDays * DAY_MS)
  const sessionId = randomUUID()
  const userId = found.user.id
  // The row is the record of it: a log-in must not wait behind a long write of the log.
  const opened = await insertSession(ctx.db, found, { sessionId, createdAt, expiresAt, clientAddress })
  if (!opened) return refused('credentialsChanged')
  const token = await ctx.tokens.sign({ sessionId, userId }, expiresAt)
  await renewHash(ctx, found, password)
  return admit(ctx, { user: found.user, sessionId, expiresAt, impersonation: undefined }, token)
}

/** The session from which one acted as another. */
async function goBack(ctx: ResumeContext & Pick<AccountsContext, 'tokens'>, sessionId: string): Promise<SignIn> {
  const parentId = await findParentId(ctx.db, sessionId)
  const parent = parentId === undefined ? undefined : await findOpenSession(ctx.db, parentId, ctx.clock())
  if (parent === undefined) return refused('sessionEnded')
  const token = await ctx.tokens.sign({ sessionId: parent.sessionId, userId: parent.user.id }, parent.expiresAt)
  return admit(ctx, parent, token)
}

/** Whether the right to act as another has ended before the session. */
function isOver(ctx: Pick<AccountsContext, 'store' | 'clock'>, { user, impersonation }: OpenSession): boolean {
  if (impersonation === undefined) return false
  return impersonationMask(ctx.store.index, impersonation, user.id, ctx.clock().getTime()) === 0
}

function admit(
  ctx: Pick<AccountsContext, 'sessions'>,
  { user, sessionId, expiresAt, impersonation }: Omit<OpenSession, 'clientAddress'>,
  token: string,
): SignIn {
  if (!ctx.sessions.admit({ sessionId, expiresAt })) return refused('sessionEnded')
  return { ok: true, user, sessionId, expiresAt, token, ...(impersonation && { impersonation }) }
}

/** Hashes with today's cost if the stored hash has another; when there is no time for it, at another log-in. */
async function renewHash(ctx: SignInContext, { user, passwordHash }: Credentials, password: string): Promise<void> {
  if (passwordHash === null || !ctx.passwords.needsRehash(passwordHash)) return
  try {
    await replacePasswordHash(ctx.db, user.id, passwordHash, await ctx.passwords.hash(password))
  } catch (error) {
    if (!(error instanceof AppError && error.kind === 'unavailable')) throw error
  }
}

/** Tells of sessions that were ended as part of a write. */
export function noteEnded(w: Write, ended: readonly { id: string; userId: number }[], reason: string): void {
  for (const { id, userId } of ended) w.noted('session.ended', 'session', id, { userId, reason })
}

function refused(reason: SignInRefused['reason']): SignInRefused {
  return { ok: false, reason }
}
