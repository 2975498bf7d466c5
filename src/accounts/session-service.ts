import { randomUUID } from 'node:crypto'
import type { UserRow } from '../access/model.ts'
import type { Write } from '../db/write.ts'
import { AppError } from '../errors.ts'
import { isPossibleLogin, normaliseLogin, normalisePassword } from './account-rules.ts'
import type { AccountsContext } from './accounts-context.ts'
import {
  findOpenSession,
  hasSignedInFrom,
  insertSession,
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
}
/** Why not; for the log only: towards the client they are all 1003. */
export interface SignInRefused {
  ok: false
  reason: 'wrongCredentials' | 'throttled' | 'disabled' | 'invalidToken' | 'sessionEnded'
}
export type SignIn = SignedIn | SignInRefused

type SignInContext = Pick<
  AccountsContext,
  'db' | 'clock' | 'passwords' | 'tokens' | 'throttle' | 'sessions' | 'settings'
>

/**
 * Signs in with login or e-mail address. An unknown name costs as much as a wrong password; without the database the
 * answer is `unavailable`, never a refusal, because the UI forgets the user on a refusal.
 */
export async function signInWithPassword(
  ctx: SignInContext,
  given: { login: string; password: string; clientAddress: string },
): Promise<SignIn> {
  const checked = await checkPassword(ctx, given)
  if (!checked.ok) return checked
  return await openSession(ctx, checked.found, checked.password, networkOf(given.clientAddress))
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

/** Signs in with a token of an open session; the same token goes on being valid. */
export async function signInWithToken(ctx: SignInContext, token: string, clientAddress: string): Promise<SignIn> {
  const claims = await ctx.tokens.verify(token)
  if (claims === undefined) return refused('invalidToken')
  const session = await findOpenSession(ctx.db, claims.sessionId, ctx.clock())
  if (session === undefined || session.user.id !== claims.userId) return refused('sessionEnded')
  // Where its holder moved to is a place he is known at from now on.
  const network = networkOf(clientAddress)
  if (network !== session.clientAddress) await updateSessionAddress(ctx.db, session.sessionId, network)
  return admit(ctx, session.user, session, token)
}

/** Ends one session, on every node; nothing happens if it is not open. */
export async function endSession(
  ctx: Pick<AccountsContext, 'write'>,
  { sessionId, reason, actorId }: { sessionId: string; reason: string; actorId: number | null },
): Promise<void> {
  await ctx.write({ actorId }, async (w) => {
    const ended = await updateSessionsEnded(w.tx, { sessionId }, { now: w.now, reason })
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
  const opened = await insertSession(ctx.db, found, { sessionId, createdAt, expiresAt, clientAddress })
  if (!opened) return refused('wrongCredentials')
  const token = await ctx.tokens.sign({ sessionId, userId }, expiresAt)
  await renewHash(ctx, found, password)
  return admit(ctx, found.user, { sessionId, expiresAt }, token)
}

function admit(
  ctx: SignInContext,
  user: UserRow,
  { sessionId, expiresAt }: { sessionId: string; expiresAt: Date },
  token: string,
): SignIn {
  if (!ctx.sessions.admit({ sessionId, expiresAt })) return refused('sessionEnded')
  return { ok: true, user, sessionId, expiresAt, token }
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

function noteEnded(w: Write, ended: readonly { id: string; userId: number }[], reason: string): void {
  for (const { id, userId } of ended) w.noted('session.ended', 'session', id, { userId, reason })
}

function refused(reason: SignInRefused['reason']): SignInRefused {
  return { ok: false, reason }
}
