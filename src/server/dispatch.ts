import type { AppContext } from '../context.ts'
import { AppError, type ErrorLevel, errorKinds, PeerError, type WireError } from '../errors.ts'
import { authorise, parseParams, requireSignedIn } from '../rpc/authorise.ts'
import type { Call, ClientKind, Method } from '../rpc/method.ts'
import type { Session } from '../rpc/session.ts'
import { Written } from '../rpc/written.ts'

/** Outcome of one call, ready to be written and logged. */
export type Outcome =
  | { ok: true; result: unknown }
  | { ok: false; error: WireError; level: ErrorLevel; cause?: unknown }

/** Methods by name for each kind of client; made once. */
export type MethodTable = Record<ClientKind, ReadonlyMap<string, Method>>

export function methodTable(methods: readonly Method[]): MethodTable {
  const of = (kind: ClientKind) =>
    new Map(methods.filter((method) => method.clients.includes(kind)).map((method) => [method.name, method]))
  return { ui: of('ui'), edge: of('edge'), service: of('service'), backend: of('backend'), rest: of('rest') }
}

/**
 * Runs one call: validate, authorise, handle, validate the result, map errors. Answers at once where the handler does, so
 * that a call answered from memory costs no trip through the promise queue. Never throws.
 */
export function dispatch(
  ctx: AppContext,
  method: Method,
  session: Session,
  params: unknown,
): Outcome | Promise<Outcome> {
  try {
    const caller = session.caller
    requireSignedIn(method, caller)
    const parsed = parseParams(method, params)
    const call: Call = { ctx, session, caller, now: ctx.clock() }
    authorise(call, method, caller, parsed)
    const result = method.handler(call, parsed as never)
    if (result instanceof Promise) return result.then((value) => success(method, value), failure)
    return success(method, result)
  } catch (error) {
    return failure(error)
  }
}

function success(method: Method, value: unknown): Outcome {
  if (value instanceof Written) return { ok: true, result: value }
  const parsed = method.result.safeParse(value ?? {})
  if (parsed.success) return { ok: true, result: parsed.data }
  return failure(new Error(`${method.name} made a result its schema does not allow`, { cause: parsed.error }))
}

/** Three outcomes only: a known failure, a peer's error handed on, or "Internal error" with the cause in the log. */
export function failure(error: unknown): Outcome {
  if (error instanceof AppError) {
    const outcome = { ok: false, error: error.toWire(), level: errorKinds[error.kind].level } as const
    return error.cause === undefined ? outcome : { ...outcome, cause: error.cause }
  }
  if (error instanceof PeerError) return { ok: false, error: error.wire, level: 'info' }
  if (error instanceof RangeError && error.message.includes('call stack')) {
    return { ok: false, error: new AppError('invalidParams', ['nested too deeply']).toWire(), level: 'info' }
  }
  return { ok: false, error: new AppError('internal').toWire(), level: 'error', cause: error }
}
