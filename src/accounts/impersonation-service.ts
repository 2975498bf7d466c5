import { randomUUID } from 'node:crypto'
import { type Impersonation, impersonationMask } from '../access/impersonation.ts'
import { listMembershipIdsOf } from '../access/resource-queries.ts'
import { refusal } from '../access/write-door.ts'
import type { Write } from '../db/write.ts'
import { problem } from '../errors.ts'
import type { AccountsContext } from './accounts-context.ts'
import { deleteConsent, insertConsent, listConsentingGroups } from './impersonation-queries.ts'
import { findOpenSession, insertImpersonation, updateSessionsEnded } from './session-queries.ts'
import { noteEnded, resume, type SignIn } from './session-service.ts'

const MINUTE_MS = 60_000

type ImpersonationContext = Pick<
  AccountsContext,
  'db' | 'write' | 'tokens' | 'sessions' | 'settings' | 'store' | 'clock'
>

/**
 * Opens a session in which one acts as another, for some minutes (E-06, K4): by the right on the platform, or as who decides
 * about a user group whose member consented. The session it was opened from stays, and is the way back.
 */
export async function impersonate(
  ctx: ImpersonationContext,
  { actorId, sessionId: parentId, login }: { actorId: number; sessionId: string; login: string },
): Promise<SignIn> {
  const userId = ctx.store.index.userByLogin(login.trim().toLowerCase())?.id ?? 0
  if (userId === actorId) throw problem('You are yourself already')
  const sessionId = randomUUID()
  const parentExpiresAt = await ctx.write({ actorId, ...(userId === 0 ? {} : { subjectId: userId }) }, async (w) => {
    const parent = await findOpenSession(w.tx, parentId, w.now)
    const groupId = await wayTo(w, actorId, userId)
    if (groupId === undefined || parent === undefined) throw refusal(w, { actorId }, 'impersonate')
    const boxed = w.now.getTime() + ctx.settings.impersonationMinutes * MINUTE_MS
    const expiresAt = new Date(Math.min(boxed, parent.expiresAt.getTime()))
    await insertImpersonation(w.tx, { sessionId, userId, parentId, groupId, createdAt: w.now, expiresAt })
    w.noted('impersonation.started', 'session', sessionId, { userId, groupId, expiresAt: expiresAt.toISOString() })
    return parent.expiresAt
  })
  // The token outlives the session: it is what leads back when the minutes are over.
  const token = await ctx.tokens.sign({ sessionId, userId, actorId }, parentExpiresAt)
  return await resume(ctx, sessionId, token)
}

/** Ends it and goes back to the session it was opened from. */
export async function endImpersonation(
  ctx: ImpersonationContext,
  { sessionId, userId, impersonation }: { sessionId: string; userId: number; impersonation: Impersonation },
): Promise<void> {
  await ctx.write({ actorId: impersonation.actorId, subjectId: userId }, async (w) => {
    noteEnded(
      w,
      await updateSessionsEnded(w.tx, { sessionId }, { now: w.now, reason: 'impersonationEnded' }),
      'impersonationEnded',
    )
  })
}

/** A member lets those who decide about a group act as him, or ends that, also for whoever does so now. */
export async function setImpersonationConsent(
  ctx: Pick<AccountsContext, 'write'>,
  userId: number,
  groupId: number,
  consents: boolean,
): Promise<void> {
  const actor = { actorId: userId }
  await ctx.write(actor, async (w) => {
    const rows = (await listMembershipIdsOf(w.tx, userId)).map((id) => w.index.row('membership', id))
    const membership = rows.find((row) => row?.groupId === groupId && row.state === 'active')
    if (membership === undefined) throw refusal(w, actor, 'userGroup')
    const change = { groupId, userId }
    if (consents) {
      await insertConsent(w.tx, membership.id, w.now)
      w.noted('impersonation.consented', 'membership', String(membership.id), change)
      return
    }
    if (!(await deleteConsent(w.tx, membership.id))) return
    w.noted('impersonation.consentWithdrawn', 'membership', String(membership.id), change)
    const end = { now: w.now, reason: 'consentWithdrawn' }
    noteEnded(w, await updateSessionsEnded(w.tx, { userId, viaGroupId: groupId }, end), end.reason)
  })
}

/** By what somebody may act as another: null the platform, else a group; undefined: he may not. */
async function wayTo(w: Write, actorId: number, userId: number): Promise<number | null | undefined> {
  const ways = [null, ...(await listConsentingGroups(w.tx, userId))]
  return ways.find((groupId) => impersonationMask(w.index, { actorId, groupId }, userId, w.now.getTime()) !== 0)
}
