import { describe, expect, it } from 'vitest'
import type { Window } from '../../../src/access/model.ts'
import { applyChange, type Windows } from '../../../src/access/windows.ts'
import { readImport } from '../../../src/import/readers.ts'
import { all, briefly, fileOf, problemsIn, roomyLimits, usersIn } from '../../harness/import-files.ts'

/** Reads one user with the periods beside his source SN1, and SN2 without any. */
function read(periods: unknown, mode?: string, others: unknown[] = []) {
  const template = {
    Config: mode === undefined ? {} : { UserRestrictionsSetMode: mode },
    OpUser: {
      RootPath: 'users[*]',
      Items: [
        { OpIdentifier: 'opUser.Email', Path: 'mail' },
        { OpIdentifier: 'opUser.Sources', Path: 'sources[*].serial', Validity: 'periods' },
      ],
    },
  }
  const sources = [{ serial: 'SN1', periods }, { serial: 'SN2' }, ...others]
  const data = {
    users: [
      { mail: 'a@x.org', sources },
      { mail: 'b@x.org', sources: [] },
    ],
  }
  const options = { template: fileOf('t.json', JSON.stringify(template)) }
  return all(readImport(fileOf('users.json', JSON.stringify(data)), options, roomyLimits))
}

/** `2020-01-01..2021-01-01` as windows; a bound left out is open. */
function days(text: string): Window {
  const [from, to] = text.split('..').map((day) => (day === '' ? null : Date.parse(`${day}T00:00:00Z`)))
  return [from ?? null, to ?? null]
}

function upload(text: string): Record<string, string> {
  const [from, to] = text.split('..')
  return { ...(from && { from: `${from}T00:00:00Z` }), ...(to && { to: `${to}T00:00:00Z` }) }
}

const v1 = ['2006-01-01..2017-12-31', '2019-01-01..2020-03-31']
const v2 = ['2021-01-01..2022-12-31']
const v4 = ['2021-01-01..2021-06-01']

/** Null: not restricted. [] after: no access. */
const vectors: {
  name: string
  before: string[] | null
  periods: string[] | { unrestricted: true }
  mode?: string
  after: string[] | null
}[] = [
  { name: 'V1 two periods (D-14 D-24)', before: null, periods: v1, after: v1 },
  { name: 'V2 overlapping ones are one (D-19)', before: null, periods: [...v2, '2021-05-01..2021-07-31'], after: v2 },
  { name: 'V3 an end after all (D-20)', before: v1, periods: ['..2021-06-01'], after: v1 },
  { name: 'V4 an end inside (D-20)', before: v2, periods: ['..2021-06-01'], after: v4 },
  { name: 'V5 an end in a gap (D-20 D-21)', before: v1, periods: ['..2018-01-31'], after: ['2006-01-01..2017-12-31'] },
  {
    name: 'V6 an end before all: no access (D-21 T3)',
    before: ['2019-01-01..2020-03-31'],
    periods: ['..2018-01-31'],
    after: [],
  },
  {
    name: 'V8 touching ones join (D-15 D-19)',
    before: null,
    periods: ['2019-01-01..2020-01-01', '2020-01-01..2021-01-01'],
    after: ['2019-01-01..2021-01-01'],
  },
  {
    name: 'V9 merge fills a gap (D-24)',
    before: v1,
    periods: ['2017-06-01..2019-06-01'],
    mode: 'Merge',
    after: ['2006-01-01..2020-03-31'],
  },
  {
    name: 'V10 set replaces (D-24)',
    before: v1,
    periods: ['2023-01-01..2024-01-01'],
    mode: 'Set',
    after: ['2023-01-01..2024-01-01'],
  },
  { name: 'V11 from = to: no access (T3)', before: null, periods: ['2021-01-01..2021-01-01'], after: [] },
  { name: 'V12 an end on what is not restricted', before: null, periods: ['..2021-06-01'], after: ['..2021-06-01'] },
  { name: 'V13 a start alone', before: null, periods: ['2021-06-01..'], after: ['2021-06-01..'] },
  { name: 'V14 an end never extends (D-20)', before: v4, periods: ['..2022-06-01'], after: v4 },
  {
    name: 'V15 merge extends again (D-24)',
    before: v4,
    periods: ['2021-05-01..2022-01-01'],
    after: ['2021-01-01..2022-01-01'],
  },
  { name: 'V16 merge restricts what was not (D-14)', before: null, periods: v2, after: v2 },
  { name: 'V17 said to be unrestricted', before: v2, periods: { unrestricted: true }, mode: 'Set', after: null },
  { name: 'D-12 merge with an empty list', before: v2, periods: [], after: v2 },
]

describe('periods of sources in JSON', () => {
  it.each(vectors)('$name', async ({ before, periods, mode, after }) => {
    const items = await read(Array.isArray(periods) ? periods.map(upload) : periods, mode)
    expect(problemsIn(items)).toEqual([])
    const { restrictions, access } = usersIn(items)[0] ?? {}
    const stored: Windows = before?.map(days) ?? null
    const change = restrictions?.byEdge.get('SN1')
    const expected = after?.map(days) ?? null
    expect(restrictions?.byEdge.has('SN2') ?? false).toBe(false)
    expect(access?.edges).toEqual({ keys: ['SN1', 'SN2'] })
    expect(change === undefined ? stored : applyChange(stored, change, restrictions?.mode ?? 'merge')).toEqual(expected)
  })

  it('merge unless the template says set, apart from the mode of sites and sources (D-13 D-23)', async () => {
    const modes = await Promise.all([undefined, 'Merge', 'sEt'].map((mode) => read(v2.map(upload), mode)))
    expect(modes.map((items) => usersIn(items)[0]?.restrictions?.mode)).toEqual(['merge', 'merge', 'set'])
    expect(modes.map((items) => usersIn(items)[0]?.access?.mode)).toEqual(['merge', 'merge', 'merge'])
  })

  it('are put together where a source is named twice', async () => {
    const more = [{ serial: 'SN1', periods: [upload('2022-01-01..2024-01-01')] }]
    const byEdge = usersIn(await read(v2.map(upload), 'Set', more))[0]?.restrictions?.byEdge
    expect(byEdge?.get('SN1')).toEqual({ windows: [days('2021-01-01..2024-01-01')] })
  })

  const path = 'users[0].sources[0].periods'
  const wrong: [what: string, periods: unknown, expected: string[]][] = [
    [
      'an end beside another period: the whole file (D-22 V7)',
      [upload('..2021-06-01'), upload('2021-01-01..2021-06-01')],
      [`${path}: D-22 fatal`],
    ],
    ['a local time (D-16)', [{ from: '2021-06-01T00:00:00' }], [`${path}[0]: D-16`]],
    ['an offset (D-16)', [{ from: '2021-06-01T00:00:00+02:00' }], [`${path}[0]: D-16`]],
    ['a local date (D-16)', [{ from: '01/06/2021' }], [`${path}[0]: D-16`]],
    ['a date alone (D-16)', [{ to: '2021-06-01' }], [`${path}[0]: D-16`]],
    ['a day that there is not (D-16)', [{ to: '2021-02-30T00:00:00Z' }], [`${path}[0]: D-16`]],
    ['a number (D-16)', [{ to: 1622505600000 }], [`${path}[0]: D-16`]],
    ['an end before its start (D-15)', [upload('2022-01-01..2021-01-01')], [`${path}[0]: D-15`]],
    ['neither start nor end (D-14)', [{}], [`${path}: D-14`]],
    ['a word it does not know (D-14)', [{ until: '2021-06-01T00:00:00Z' }], [`${path}[0]: D-14`]],
    ['text (D-14)', 'always', [`${path}: D-14`]],
    ['all its mistakes at once', [{ from: 'x' }, { to: 'y' }], [`${path}[0]: D-16`, `${path}[1]: D-16`]],
    ['both periods and none', [upload('2021-01-01..'), { unrestricted: true }], [`${path}: V17`]],
  ]
  it.each(wrong)('are refused with %s', async (_, periods, expected) => {
    expect(briefly(await read(periods))).toEqual(expected)
  })

  it('are all looked at, also after one that refuses the whole file (D-22)', async () => {
    const more = [{ serial: 'SN3', periods: [{ to: 'soon' }] }]
    const items = await read([upload('..2021-06-01'), upload('..2021-07-01')], 'Merge', more)
    expect(briefly(items)).toEqual([`${path}: D-22 fatal`, 'users[0].sources[2].periods[0]: D-16'])
    expect(usersIn(items).map(({ login }) => login)).toEqual(['b@x.org'])
  })

  it('are refused when a set is empty, for that could mean either (V17)', async () => {
    expect(briefly(await read([], 'Set'))).toEqual([`${path}: V17`])
  })
})
