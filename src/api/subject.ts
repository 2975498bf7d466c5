import { principalOf } from '../access/door.ts'
import { impersonationMask } from '../access/impersonation.ts'
import type { Actor } from '../db/write.ts'
import { AppError } from '../errors.ts'
import type { Call } from '../rpc/method.ts'
import { requireScope } from '../rpc/scope.ts'
import { login } from './rights-shapes.ts'

/** For methods that a person calls for himself and a backend for the person it speaks for. */
export const onBehalf = { userId: login.optional() }

/**
 * Whose rights and data a call is about: the caller's own, or those of the user a service names. Whether it may is decided
 * as for people who act as somebody (K4), and its token needs the scope `authenticate`; but where they have a session in
 * which everything is done as the other, a service names another user with each call, so that only this call is about him.
 * Who names anybody else, an unknown or a disabled account gets the one answer 1005.
 */
export function subjectOf(call: Call, userId: string | undefined): number {
  const { ctx, caller, now } = call
  const own = principalOf(caller)
  if (userId === undefined) return own
  ctx.store.assertFresh()
  const named = ctx.store.index.userByLogin(userId.toLowerCase())
  if (caller.type !== 'service') {
    if (named?.id === own) return own
    throw new AppError('forbidden', [userId, 'user'])
  }
  requireScope(caller, 'authenticate', userId)
  const acting = { actorId: own, groupId: null }
  if (named === undefined || impersonationMask(ctx.store.index, acting, named.id, now.getTime()) === 0)
    throw new AppError('forbidden', [userId, 'user'])
  return named.id
}

/** The same where only a person will do: services have no profile. */
export function personOf(call: Call, userId: string | undefined): number {
  const subjectId = subjectOf(call, userId)
  if (call.ctx.store.index.user(subjectId) === undefined) throw new AppError('unauthenticated', ['user'])
  return subjectId
}

/** Who does it, and as whom, for the log. */
export function actorFor(call: Call, subjectId: number): Actor {
  const actorId = principalOf(call.caller)
  return actorId === subjectId ? { actorId } : { actorId, subjectId }
}
