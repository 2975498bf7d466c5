/** How loud a finished call with this outcome is in the log. */
export type ErrorLevel = 'info' | 'warn' | 'error'

/**
 * Every way a call can fail, once: wire code and template. Codes and texts are OpenEMS's own (protocol A.4) and never
 * reused; `%s` are filled from `details`, which go out as `error.data`.
 */
export const errorKinds = {
  generic: { code: 1, template: '%s', level: 'info' },
  invalidChannel: { code: 1000, template: 'This [%s] is not a valid channel address', level: 'info' },
  unauthenticated: { code: 1001, template: 'User is not authenticated. [%s]', level: 'info' },
  roleDenied: {
    code: 1002,
    template: 'Access to this resource [%s] is denied for User with Role [%s]',
    level: 'info',
  },
  authenticationFailed: { code: 1003, template: 'Authentication failed', level: 'info' },
  /** @NOTE also the answer for what does not exist: ids must not be probeable. */
  forbidden: {
    code: 1005,
    template: 'Access to this resource [%s] is denied. Role for User [%s] is not defined',
    level: 'info',
  },
  unavailable: {
    code: 1006,
    template: 'This service is currently not available. Please try again later',
    level: 'warn',
  },
  edgeNotConnected: { code: 3000, template: 'Edge [%s] is not connected', level: 'info' },
  unknownMethod: { code: 4001, template: 'Unhandled JSON-RPC method [%s]', level: 'info' },
  invalidMessage: {
    code: 4002,
    template: 'JSON-RPC Message is not a valid Request, Result or Notification: %s',
    level: 'info',
  },
  tooManyRequests: {
    code: 4005,
    template: 'Too Many Requests! Request discarded by Rate-Limiter.',
    level: 'warn',
  },
  /** Details: one line per problem, `path: what is wrong`. */
  invalidParams: { code: -32602, template: 'Invalid params: %s', level: 'info' },
  internal: { code: -32603, template: 'Internal error', level: 'error' },
} as const satisfies Record<string, { code: number; template: string; level: ErrorLevel }>
export type ErrorKind = keyof typeof errorKinds

/** JSON-RPC error member as it goes out: `data` is always an array (protocol A.3). */
export interface WireError {
  code: number
  message: string
  data: string[]
}

/** A failure the caller may know about. `details` reach the client, `cause` only the log. */
export class AppError extends Error {
  override name = 'AppError'
  readonly kind: ErrorKind
  readonly details: readonly string[]
  constructor(kind: ErrorKind, details: readonly string[] = [], cause?: unknown) {
    super(fill(errorKinds[kind].template, details), cause === undefined ? undefined : { cause })
    this.kind = kind
    this.details = details
  }
  toWire(): WireError {
    return { code: errorKinds[this.kind].code, message: this.message, data: [...this.details] }
  }
}

/** An error a peer sent (an edge, say), handed on as it came. */
export class PeerError extends Error {
  override name = 'PeerError'
  readonly wire: WireError
  constructor(wire: WireError) {
    super(wire.message)
    this.wire = wire
  }
}

/** A failure with a text of its own, code 1: for what people can mend. */
export function problem(text: string): AppError {
  return new AppError('generic', [text])
}

function fill(template: string, details: readonly string[]): string {
  let next = 0
  return template.replaceAll('%s', () => details[next++] ?? '')
}
