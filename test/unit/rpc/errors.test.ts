import { describe, expect, it } from 'vitest'
import { AppError, errorKinds, PeerError, problem } from '../../../src/errors.ts'
import { failure } from '../../../src/server/dispatch.ts'

describe('errors on the wire (OC-02, protocol A.4)', () => {
  it.each([
    [problem('text'), { code: 1, message: 'text', data: ['text'] }],
    [
      new AppError('invalidChannel', ['x']),
      { code: 1000, message: 'This [x] is not a valid channel address', data: ['x'] },
    ],
    [
      new AppError('unauthenticated', ['user']),
      { code: 1001, message: 'User is not authenticated. [user]', data: ['user'] },
    ],
    [
      new AppError('roleDenied', ['getEdge', 'GUEST']),
      {
        code: 1002,
        message: 'Access to this resource [getEdge] is denied for User with Role [GUEST]',
        data: ['getEdge', 'GUEST'],
      },
    ],
    [new AppError('authenticationFailed'), { code: 1003, message: 'Authentication failed', data: [] }],
    [
      new AppError('forbidden', ['edge0', 'ada']),
      {
        code: 1005,
        message: 'Access to this resource [edge0] is denied. Role for User [ada] is not defined',
        data: ['edge0', 'ada'],
      },
    ],
    [
      new AppError('unavailable'),
      { code: 1006, message: 'This service is currently not available. Please try again later', data: [] },
    ],
    [
      new AppError('edgeNotConnected', ['edge0']),
      { code: 3000, message: 'Edge [edge0] is not connected', data: ['edge0'] },
    ],
    [new AppError('unknownMethod', ['x']), { code: 4001, message: 'Unhandled JSON-RPC method [x]', data: ['x'] }],
    [
      new AppError('tooManyRequests'),
      { code: 4005, message: 'Too Many Requests! Request discarded by Rate-Limiter.', data: [] },
    ],
    [new AppError('invalidParams', ['a: b']), { code: -32602, message: 'Invalid params: a: b', data: ['a: b'] }],
  ])('%s', (error, wire) => {
    expect(error.toWire()).toEqual(wire)
    expect(failure(error)).toMatchObject({ ok: false, error: wire })
  })

  it('has one code for each kind', () => {
    const codes = Object.values(errorKinds).map(({ code }) => code)
    expect(new Set(codes).size).toBe(codes.length)
  })

  it('hands the error of a peer on as it came, and nothing of what nobody expected', () => {
    const wire = { code: 2000, message: 'Unable to find OpenEMS Component with ID [x]', data: ['x'] }
    expect(failure(new PeerError(wire))).toEqual({ ok: false, error: wire, level: 'info' })
    const cause = new Error('select secret from user_account')
    expect(failure(cause)).toEqual({
      ok: false,
      error: { code: -32603, message: 'Internal error', data: [] },
      level: 'error',
      cause,
    })
    expect(failure(new AppError('unavailable', [], cause))).toMatchObject({ error: { code: 1006, data: [] }, cause })
  })
})
