import { requireEdgeRole, requirePermission } from '../access/door.ts'
import { AppError, problem } from '../errors.ts'
import type { Call, Method } from './method.ts'
import { requireScope, scopeOf } from './scope.ts'
import type { Caller } from './session.ts'

/**
 * The kind of caller that a method is for, else 1001; a service token that was made for it, else 1002.
 * What is a person's own nobody does who acts as him (K4).
 */
export function requireSignedIn(method: Method, caller: Caller): void {
  if (method.access === 'public') return
  if (method.access === 'edge') {
    if (caller.type !== 'edge') throw new AppError('unauthenticated', ['edge'])
    return
  }
  if (!('principalId' in caller)) throw new AppError('unauthenticated', ['user'])
  if (method.personal && caller.type === 'user' && caller.impersonation !== undefined) {
    throw problem('You act as somebody else: go back to yourself for this')
  }
  requireScope(caller, scopeOf(method), method.name)
}

/** What the method demands before its handler runs, else what the door throws. */
export function authorise(call: Call, method: Method, caller: Caller, params: unknown): void {
  const { access } = method
  if (typeof access === 'string') return
  if ('edgeRole' in access) {
    const edges = (access.edges as (params: unknown) => string | readonly string[])(params)
    for (const edge of typeof edges === 'string' ? [edges] : edges) {
      requireEdgeRole(call.ctx, caller, edge, access.edgeRole, call.now, method.name)
    }
    return
  }
  requirePermission(
    call.ctx,
    caller,
    access.permission,
    (access.resource as (params: unknown) => number)(params),
    call.now,
  )
}

/** The parameters as the method takes them. Throws `invalidParams` with one line per problem. */
export function parseParams(method: Method, params: unknown): unknown {
  const parsed = method.params.safeParse(params)
  if (!parsed.success) {
    const problems = parsed.error.issues
      .slice(0, 10)
      .map((issue) => `${issue.path.join('.') || 'params'}: ${issue.message}`)
    throw new AppError('invalidParams', [problems.join('; ').slice(0, 1000)])
  }
  return parsed.data
}
