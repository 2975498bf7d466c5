import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Window } from '../../../src/access/model.ts'
import {
  applyPeriods,
  intersectWindows,
  normalWindows,
  type Period,
  truncateWindows,
  unionWindows,
  type Windows,
  windowsContain,
  windowsCover,
  windowsEmpty,
} from '../../../src/access/windows.ts'
import { someWindows, times } from './worlds.ts'

/** A window between two dates; `..` alone is open. */
function days(text: string): Window {
  const [from, to] = text.split('..').map((day) => (day === '' ? null : Date.parse(`${day}T00:00:00Z`)))
  return [from ?? null, to ?? null]
}

/** A period of an upload; without a start `to ...`, without an end `from ...`. */
function period(text: string): Period {
  const [from, to] = days(text)
  return { ...(from === null ? {} : { from }), ...(to === null ? {} : { to }) }
}

const none: string[] = []
const v1 = ['2006-01-01..2017-12-31', '2019-01-01..2020-03-31']
const v2 = ['2021-01-01..2022-12-31']
const v4 = ['2021-01-01..2021-06-01']

/** The period vectors of domain rules 1.5; null is unrestricted, [] no access. */
const vectors: {
  name: string
  state: string[] | null
  upload: string[]
  mode?: 'set' | 'merge'
  result: string[] | null | 'rejected'
}[] = [
  { name: 'V1 periods apart stay apart', state: null, upload: v1, result: v1 },
  { name: 'V2 one inside the other', state: null, upload: [...v2, '2021-05-01..2021-07-31'], result: v2 },
  { name: 'V3 an end after all', state: v1, upload: ['..2021-06-01'], result: v1 },
  { name: 'V4 an end inside', state: v2, upload: ['..2021-06-01'], result: v4 },
  { name: 'V5 an end before the second', state: v1, upload: ['..2018-01-31'], result: ['2006-01-01..2017-12-31'] },
  {
    name: 'V6 an end before all: no access, not unrestricted',
    state: ['2019-01-01..2020-03-31'],
    upload: ['..2018-01-31'],
    result: none,
  },
  { name: 'V7 an end beside another period', state: v1, upload: ['..2021-06-01', ...v2], result: 'rejected' },
  {
    name: 'V8 touching periods join',
    state: null,
    upload: ['2020-01-01..2021-01-01', '2021-01-01..2022-01-01'],
    result: ['2020-01-01..2022-01-01'],
  },
  {
    name: 'V9 merge closes the gap',
    state: v1,
    upload: ['2017-06-01..2019-06-01'],
    result: ['2006-01-01..2020-03-31'],
  },
  {
    name: 'V10 set replaces',
    state: v1,
    upload: ['2023-01-01..2024-01-01'],
    mode: 'set',
    result: ['2023-01-01..2024-01-01'],
  },
  { name: 'V11 from = to is no access', state: null, upload: ['2020-01-01..2020-01-01'], result: none },
  { name: 'V12 an end cuts the unrestricted, too', state: null, upload: ['..2021-06-01'], result: ['..2021-06-01'] },
  { name: 'V13 a start alone', state: null, upload: ['2021-06-01..'], result: ['2021-06-01..'] },
  { name: 'V14 an end only shortens', state: v4, upload: ['..2022-06-01'], result: v4 },
  {
    name: 'V15 merge can re-extend',
    state: v4,
    upload: ['2021-05-01..2022-01-01'],
    result: ['2021-01-01..2022-01-01'],
  },
  { name: 'V16 a period restricts the unrestricted', state: null, upload: v2, result: v2 },
  { name: 'V17 an empty set is ambiguous', state: v2, upload: [], mode: 'set', result: 'rejected' },
  { name: 'D-12 an empty merge changes nothing', state: v2, upload: [], result: v2 },
]

describe('periods of an import (D-12 D-14 D-19 D-20 D-21 D-22 D-24)', () => {
  it.each(vectors)('$name', ({ state, upload, mode = 'merge', result }) => {
    const outcome = applyPeriods(state?.map(days) ?? null, { mode, periods: upload.map(period) })
    if (result === 'rejected') expect(outcome.ok).toBe(false)
    else expect(outcome).toEqual({ ok: true, windows: result?.map(days) ?? null })
  })

  it('lifts a restriction when told so (V17)', () => {
    expect(applyPeriods([], { mode: 'set', periods: [], unrestricted: true })).toEqual({ ok: true, windows: null })
  })

  it('refuses a period without bounds', () => {
    expect(applyPeriods(null, { mode: 'merge', periods: [{}] })).toEqual({ ok: false, reason: 'noBounds' })
  })
})

describe('windows', () => {
  const some: fc.Arbitrary<Windows> = fc.oneof(someWindows, fc.constant(null))
  const moments = times.flatMap((time) => [time, time + 0.5])
  const inAny = (windows: Windows, at: number) =>
    windows === null || windows.some(([from, to]) => (from ?? at) <= at && at < (to ?? at + 1))

  it('agree with asking every moment (D-15)', () => {
    fc.assert(
      fc.property(some, some, (a, b) => {
        for (const at of moments) {
          expect(windowsContain(a, at)).toBe(inAny(a, at))
          expect(windowsContain(unionWindows(a, b), at)).toBe(inAny(a, at) || inAny(b, at))
          expect(windowsContain(intersectWindows(a, b), at)).toBe(inAny(a, at) && inAny(b, at))
        }
      }),
    )
  })

  it('are merged in any order with one result, and twice as once (invariant 7)', () => {
    fc.assert(
      fc.property(someWindows, someWindows, (a, b) => {
        const merged = unionWindows(a, b)
        expect(unionWindows(b, a)).toEqual(merged)
        expect(unionWindows(merged, b)).toEqual(merged)
        expect(normalWindows(merged ?? [])).toEqual(merged)
      }),
    )
  })

  it('are truncated once and for all, and only ever shorter (invariant 7)', () => {
    fc.assert(
      fc.property(some, fc.constantFrom(...times), fc.constantFrom(...times), (windows, first, second) => {
        const cut = truncateWindows(windows, first)
        expect(truncateWindows(cut, first)).toEqual(cut)
        expect(windowsCover(windows, cut)).toBe(true)
        expect(truncateWindows(cut, second)).toEqual(truncateWindows(windows, Math.min(first, second)))
      }),
    )
  })

  it('cover what lies in them', () => {
    fc.assert(
      fc.property(some, some, (a, b) => {
        expect(windowsCover(a, intersectWindows(a, b))).toBe(true)
        expect(windowsCover(unionWindows(a, b), a)).toBe(true)
        if (windowsCover(a, b)) for (const at of moments) expect(inAny(a, at) || !inAny(b, at)).toBe(true)
      }),
    )
  })

  it('tell none from all (T3)', () => {
    expect([null, [], [[5, 5] as const], [[5, 6] as const]].map((windows) => windowsEmpty(windows))).toEqual([
      false,
      true,
      true,
      false,
    ])
  })
})
