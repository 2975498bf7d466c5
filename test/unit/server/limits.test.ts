import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { Addresses } from '../../../src/server/addresses.ts'
import { codeLabel } from '../../../src/server/metrics.ts'
import { RateLimit } from '../../../src/server/rate-limit.ts'

describe('the rate limit', () => {
  it('lets a burst through, then the average', () => {
    const limit = new RateLimit(10, 20)
    const taken = (now: number, tries: number) =>
      Array.from({ length: tries }, () => limit.take(now)).filter(Boolean).length
    expect(taken(1_000_000, 50)).toBe(20)
    expect(taken(1_000_100, 50)).toBe(1)
    expect(taken(1_001_100, 50)).toBe(10)
    expect(taken(2_000_000, 50)).toBe(20)
  })

  it('of 0 is none', () => {
    const limit = new RateLimit(0, 0)
    expect(Array.from({ length: 1000 }, () => limit.take(0)).every(Boolean)).toBe(true)
  })
})

describe('the address of a client', () => {
  const request = (remoteAddress: string, forwarded?: string) =>
    ({
      socket: { remoteAddress },
      headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
    }) as unknown as IncomingMessage
  const addresses = new Addresses(['10.0.0.0/8', '2001:db8::1'])

  it.each([
    ['its own', request('203.0.113.7'), '203.0.113.7'],
    ['its own, in the clothes of IPv6', request('::ffff:203.0.113.7'), '203.0.113.7'],
    ['its own, whatever it claims', request('203.0.113.7', '1.2.3.4'), '203.0.113.7'],
    ['what the proxy says', request('10.1.2.3', '203.0.113.7'), '203.0.113.7'],
    [
      'the last one that is no proxy of ours',
      request('::ffff:10.1.2.3', '1.2.3.4, 203.0.113.7, 10.9.9.9'),
      '203.0.113.7',
    ],
    ['the proxy’s when it says nothing', request('10.1.2.3'), '10.1.2.3'],
    ['the proxy’s when it says nonsense', request('10.1.2.3', 'unknown'), '10.1.2.3'],
    ['of IPv6 too', request('2001:db8::1', '2001:db8::2'), '2001:db8::2'],
    ['of a proxy of the same prefix that is not listed', request('2001:db8::3', '2001:db8::2'), '2001:db8::3'],
  ])('is %s', (_what, from, address) => {
    expect(addresses.clientAddress(from)).toBe(address)
  })

  it('is counted until its sockets are gone', () => {
    expect([
      addresses.enter('a', 2),
      addresses.enter('a', 2),
      addresses.enter('a', 2),
      addresses.enter('b', 2),
    ]).toEqual([true, true, false, true])
    addresses.leave('a')
    expect(addresses.enter('a', 2)).toBe(true)
  })

  it('takes nonsense in the setting for an error', () => {
    expect(() => new Addresses(['example.org'])).toThrow(/neither an address nor a CIDR range/)
  })
})

it('metrics name our own codes and no others', () => {
  expect([1003, 3000, -32602, 1, 5014, 123456, Number.NaN].map(codeLabel)).toEqual([
    '1003',
    '3000',
    '-32602',
    '1',
    'other',
    'other',
    'other',
  ])
})
