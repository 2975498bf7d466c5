import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readFrame, writeError, writeNotification, writeRequest, writeResult } from '../../../src/rpc/envelope.ts'

const id = '0a517f4d-f2a6-4b0d-a2a1-9e93a9b41275'

describe('reading (protocol A.1, A.2; ui.md section 2)', () => {
  const golden: [rule: string, text: string, frame: object][] = [
    [
      'a request of the UI, its extra member ignored',
      `{"jsonrpc":"2.0","method":"getEdges","params":{"page":0},"requiredState":9,"id":"${id}"}`,
      { kind: 'request', id, method: 'getEdges', params: { page: 0 } },
    ],
    [
      'jsonrpc is never looked at',
      `{"method":"logout","params":{},"id":"${id}"}`,
      { kind: 'request', id, method: 'logout', params: {} },
    ],
    [
      'params may be missing',
      `{"method":"logout","id":"${id}"}`,
      { kind: 'request', id, method: 'logout', params: {} },
    ],
    [
      'an id that is no UUID',
      '{"method":"logout","id":"x"}',
      { kind: 'request', id: 'x', method: 'logout', params: {} },
    ],
    ['a number as id', '{"method":"logout","id":7}', { kind: 'request', id: 7, method: 'logout', params: {} }],
    [
      'a notification',
      '{"jsonrpc":"2.0","method":"timestampedData","params":{}}',
      { kind: 'notification', method: 'timestampedData', params: {} },
    ],
    [
      'null as id is a notification',
      '{"method":"logMessage","params":{},"id":null}',
      { kind: 'notification', method: 'logMessage', params: {} },
    ],
    ['a success', `{"jsonrpc":"2.0","id":"${id}","result":{}}`, { kind: 'success', id, result: {} }],
    [
      'method wins over result',
      `{"method":"a","result":{},"id":"${id}"}`,
      { kind: 'request', id, method: 'a', params: {} },
    ],
    [
      'an error',
      `{"id":"${id}","error":{"code":1002,"message":"no","data":["a",2]}}`,
      { kind: 'error', id, error: { code: 1002, message: 'no', data: ['a', '2'] } },
    ],
    [
      'an error without data',
      `{"id":"${id}","error":{"code":1,"message":"no"}}`,
      { kind: 'error', id, error: { code: 1, message: 'no', data: [] } },
    ],
    [
      'an error that says nothing',
      `{"id":"${id}","error":{}}`,
      { kind: 'error', id, error: { code: 1, message: 'Unknown error', data: [] } },
    ],
    [
      'params that are no object',
      `{"method":"a","params":[1],"id":"${id}"}`,
      { kind: 'invalid', id, reason: 'params must be an object' },
    ],
    [
      'params that are null',
      `{"method":"a","params":null,"id":"${id}"}`,
      { kind: 'invalid', id, reason: 'params must be an object' },
    ],
    ['an id that is an object', '{"method":"a","id":{}}', { kind: 'invalid', id: undefined, reason: 'id' }],
    ['not JSON', '{"method":', { kind: 'invalid', id: undefined, reason: 'not JSON' }],
    ['nothing', '', { kind: 'invalid', id: undefined, reason: 'not JSON' }],
    ['a batch', '[]', { kind: 'invalid', id: undefined, reason: 'batches are not supported' }],
    ['null', 'null', { kind: 'invalid', id: undefined, reason: 'not an object' }],
    ['an empty object', '{}', { kind: 'invalid', id: undefined, reason: 'neither request, notification nor response' }],
    [
      'a method that is no text',
      `{"method":1,"id":"${id}"}`,
      { kind: 'invalid', id, reason: 'neither request, notification nor response' },
    ],
    ['no method name', `{"method":"","id":"${id}"}`, { kind: 'invalid', id, reason: 'method name' }],
  ]
  it.each(golden)('%s', (_rule, text, frame) => {
    expect(readFrame(text)).toEqual(frame)
  })

  it('never throws, whatever stands where', () => {
    fc.assert(
      fc.property(
        fc.json({ maxDepth: 6 }),
        fc.constantFrom('params', 'id', 'result', 'error', 'method'),
        (json, member) => {
          expect(readFrame(`{"method":"a","${member}":${json}}`).kind).toBeTypeOf('string')
          expect(readFrame(`{"id":"x","${member}":${json}}`).kind).toBeTypeOf('string')
          expect(readFrame(json).kind).toBeTypeOf('string')
        },
      ),
      { numRuns: 500 },
    )
  })

  it('survives values that cannot be made text', () => {
    const stubborn = '{"toString":1,"valueOf":1}'
    expect(readFrame(`{"id":"x","error":{"code":1,"message":"","data":[${stubborn},[1],null,true]}}`)).toMatchObject({
      error: { data: [stubborn, '[1]', '', 'true'] },
    })
  })

  it('refuses depth, with the id if it has one', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
    for (const depth of [200, 5000, 500_000]) {
      expect(readFrame(`{"method":"a","id":"x","params":{"a":${nested(depth)}}}`)).toEqual({
        kind: 'invalid',
        id: 'x',
        reason: 'nested too deeply',
      })
      expect(readFrame(nested(depth)).kind).toBe('invalid')
    }
    expect(readFrame(`{"method":"a","id":"x","params":{"a":${nested(190)}}}`).kind).toBe('request')
  })

  it('takes out what the database cannot keep: NUL and halves of surrogate pairs, in names too', () => {
    const text = '{"method":"a","params":{"x\\u0000":["\\ud800","\\ud83d\\ude00","\\u00e4","\\\\u0000"]}}'
    expect(readFrame(text)).toMatchObject({ params: { 'x\ufffd': ['\ufffd', '😀', 'ä', '\\u0000'] } })
  })
})

describe('writing (protocol A.1, A.3): bytes', () => {
  it('orders the members as OpenEMS does and always has a result', () => {
    expect(writeResult(id, { a: 1 })).toBe(`{"jsonrpc":"2.0","id":"${id}","result":{"a":1}}`)
    expect(writeResult(7, undefined)).toBe('{"jsonrpc":"2.0","id":7,"result":{}}')
    expect(writeResult('x', null)).toBe('{"jsonrpc":"2.0","id":"x","result":{}}')
  })

  it('gives an error its data, always an array', () => {
    expect(writeError(id, { code: 3000, message: 'Edge [edge0] is not connected', data: ['edge0'] })).toBe(
      `{"jsonrpc":"2.0","id":"${id}","error":{"code":3000,"message":"Edge [edge0] is not connected","data":["edge0"]}}`,
    )
  })

  it('writes notifications and requests', () => {
    expect(writeNotification('edgeRpc', { edgeId: 'edge0' })).toBe(
      '{"jsonrpc":"2.0","method":"edgeRpc","params":{"edgeId":"edge0"}}',
    )
    expect(writeRequest(id, 'authenticatedRpc', {})).toBe(
      `{"jsonrpc":"2.0","method":"authenticatedRpc","params":{},"id":"${id}"}`,
    )
  })
})
