import type { Scope } from '../accounts/scopes.ts'
import { AppError } from '../errors.ts'
import type { ClientKind, Method } from './method.ts'
import type { Caller } from './session.ts'

const servesServices: ReadonlySet<ClientKind> = new Set(['service', 'backend', 'rest'])

/** The scope a service token needs for this method; undefined where no service may call it at all. */
export function scopeOf(method: Method): Scope | undefined {
  return method.clients.some((kind) => servesServices.has(kind)) ? (method.scope ?? 'manage') : undefined
}

/** Throws 1002 for a service token that was not made for this; people are not bound by scopes. */
export function requireScope(caller: Caller, scope: Scope | undefined, resource: string): void {
  if (caller.type !== 'service' || (scope !== undefined && caller.scopes.has(scope))) return
  throw new AppError('roleDenied', [resource, `service token without scope ${scope ?? ''}`])
}
