import { describe, expect, it } from 'vitest'
import { matchesQuery, parseQuery } from '../../../src/import/query.ts'
import { readImport } from '../../../src/import/readers.ts'
import { all, briefly, fileOf, roomyLimits } from '../../harness/import-files.ts'

const sites: Record<string, Record<string, string[]>> = {
  mill: { name: ['Mill Lane 1'], location: ['Mill Lane 1, 9000 Ghent'], label: ['flat', 'rented'] },
  north: { name: ['North'], location: ['Harbour, Charleroi'], label: [] },
  or: { name: ["O'Hara or 50%"], location: [''], label: ['shop'] },
}

function found(query: string): string[] | string {
  const parsed = parseQuery(query, 'site')
  if (typeof parsed === 'string') return parsed
  return Object.keys(sites).filter((name) =>
    matchesQuery(parsed, (field) =>
      field === 'all' ? Object.values(sites[name] ?? {}).flat() : (sites[name]?.[field] ?? []),
    ),
  )
}

describe('queries for sites and sources (D-26)', () => {
  const right: [query: string, names: string[]][] = [
    ['ghent rented', ['mill']],
    ['lane', ['mill']],
    ["Name = 'North'", ['north']],
    ["name = 'nort'", []],
    ["Name = 'North' OR City = 'Ghent'", ['mill', 'north']],
    ["Name = 'North' OR City = 'Ghent' AND Label = shop", ['north']],
    ["(Name = 'North' OR City = 'Ghent') AND Label = flat", ['mill']],
    ["NOT Name = North AND NOT (label = 'flat')", ['or']],
    ['Name != North', ['mill', 'or']],
    ['name <> "O\'Hara or 50%"', ['mill', 'north']],
    ['Name like ILL', ['mill']],
    ["Name like 'M%1'", ['mill']],
    ["Name like '%or%'", ['north', 'or']],
    ["Name like 'M%2'", []],
    ["Name = 'O%'", []],
  ]
  it.each(right)('%s', (query, names) => {
    expect(found(query)).toEqual(names)
  })

  const wrong: [query: string, says: RegExp][] = [
    ["Name = 'North", /quote/],
    ['Name =', /value/],
    ['Name = a b', /go on with b/],
    ["'Master Data'.Key = 1", /asks for Master Data/],
    ['constructor = 1', /asks for constructor/],
    ['(Name = a', /not closed/],
    ['Name = a OR', /asks for nothing/],
    [`${'('.repeat(10_000)}Name = a`, /too long/],
    [`${'NOT '.repeat(10_000)}Name = a`, /too long/],
  ]
  it.each(wrong)('are refused: %.40s', (query, says) => {
    expect(found(query)).toMatch(says)
  })

  it('are checked where they stand, without being carried out', async () => {
    const template = {
      OpUser: {
        RootPath: 'users[*]',
        Items: [
          { OpIdentifier: 'opUser.Email', Path: 'mail' },
          { OpIdentifier: 'opUser.Sources', Path: 'q', Transform: { Operation: 'Query' } },
        ],
      },
    }
    const input = fileOf(
      'u.json',
      JSON.stringify({
        users: [
          { mail: 'a@x.org', q: 'City = Ghent' },
          { mail: 'b@x.org', q: 'Id like edge' },
        ],
      }),
    )
    const items = await all(readImport(input, { template: fileOf('t.json', JSON.stringify(template)) }, roomyLimits))
    expect(briefly(items)).toEqual(['users[0].q: D-26'])
  })
})
