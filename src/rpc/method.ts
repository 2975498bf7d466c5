import type { z } from 'zod'
import type { OpenemsRole, Permission } from '../access/model.ts'
import type { Scope } from '../accounts/scopes.ts'
import type { AppContext } from '../context.ts'
import type { Caller, Session } from './session.ts'
import type { Written } from './written.ts'

/**
 * Kinds of peers; each listener and path serves one (architecture section 2): the OpenEMS UI, an edge, a service or operator,
 * and whoever speaks Backend-to-Backend, over a socket (protocol D.1) or request by request (D.2).
 */
export type ClientKind = 'ui' | 'edge' | 'service' | 'backend' | 'rest'
/** Those that hold a socket. */
export type PeerKind = Exclude<ClientKind, 'rest'>

/**
 * What a method demands before its handler runs:
 * `public` nothing; `signedIn` a user or service; `edge` the edge itself;
 * `{edgeRole, edges}` at least this OpenEMS role on each edge named; `{permission, resource}` a permission on a resource.
 */
export type Access<P> =
  | 'public'
  | 'signedIn'
  | 'edge'
  | { edgeRole: OpenemsRole; edges: (params: P) => string | readonly string[] }
  | { permission: Permission; resource: (params: P) => number }

/** One call on its way through a handler. */
export interface Call {
  /** The service as it is for the caller. */
  ctx: AppContext
  session: Session
  /** Who called. The session may be somebody else's before the call is done. */
  caller: Caller
  now: Date
}

export interface MethodDefinition<N extends string, P extends z.ZodType, R extends z.ZodType> {
  name: N
  summary: string
  clients: readonly ClientKind[]
  params: P
  result: R
  access: Access<z.output<P>>
  /** What a service token must be good for to call it; a method that says nothing demands `manage`. */
  scope?: Scope
  handler: (call: Call, params: z.output<P>) => z.input<R> | Written<z.input<R>> | Promise<z.input<R>>
  /** For the API document; a contract test holds it against both schemas. */
  example?: { params: z.input<P>; result: z.output<R> }
  /** Refused while another acts as the user: his secrets, his consent, and what he alone is shown (K4, G-32). */
  personal?: true
  /** Calls of one socket wait until it is answered (log-in, log-out). */
  exclusive?: true
  /** Not counted against the request limit of a socket. */
  unlimited?: true
  /** How long a UI socket's answer is held back; the effect is immediate, unless another call waits for it (ui.md section 6). */
  answerAfterMs?: (ctx: AppContext) => number
}

/** A method with its types forgotten, as dispatch uses it. */
export interface Method {
  name: string
  summary: string
  clients: readonly ClientKind[]
  params: z.ZodType
  result: z.ZodType
  access: Access<never>
  scope?: Scope
  handler: (call: Call, params: never) => unknown
  personal?: true
  example?: { params: unknown; result: unknown }
  exclusive?: true
  unlimited?: true
  answerAfterMs?: (ctx: AppContext) => number
}

/** A method whose name, parameters and result are known to the compiler: what the client library infers its types from. */
export interface TypedMethod<N extends string, P extends z.ZodType, R extends z.ZodType> extends Method {
  name: N
  params: P
  result: R
}

/**
 * Declares a method: everything about it stands in this one literal. Dispatch, the API document, the permission snapshot,
 * the types of the client library and the tests are derived from the list of literals.
 */
export function defineMethod<const N extends string, P extends z.ZodType, R extends z.ZodType>(
  definition: MethodDefinition<N, P, R>,
): TypedMethod<N, P, R> {
  return definition as unknown as TypedMethod<N, P, R>
}
