import { createReadStream } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { ImportInput, ImportLimits, RestrictionChange } from '../../../src/import/model.ts'
import { detectFormat, readImport } from '../../../src/import/readers.ts'
import { all, briefly, fileOf, problemsIn, roomyLimits, usersIn } from '../../harness/import-files.ts'

type Json = Record<string, unknown>
interface Given {
  items?: Json[]
  config?: Json
  limits?: Partial<ImportLimits>
  rootPath?: string
}

const email = { OpIdentifier: 'opUser.Email', Path: 'mail' }
const sites = { OpIdentifier: 'opUser.Sites', Path: 'sites[*].key' }
const sources = { OpIdentifier: 'opUser.Sources', Path: 'sources[*].serial', Validity: 'periods' }

/** Reads users by a template of the items given, beside the address. */
function read(users: unknown, { items = [], config = {}, limits = {}, rootPath = 'users[*]' }: Given = {}) {
  const template = { Config: config, OpUser: { RootPath: rootPath, Items: [email, ...items] } }
  const data = typeof users === 'string' ? users : JSON.stringify({ users })
  const options = { template: fileOf('users.template.json', JSON.stringify(template)), language: 'EN' }
  return all(readImport(fileOf('users.json', data, 11), options, { ...roomyLimits, ...limits }))
}

function fixture(name: string): ImportInput {
  const path = new URL(`../../fixtures/import/${name}`, import.meta.url)
  return { name, open: () => createReadStream(path) }
}

const at = (text: string) => Date.parse(text)

describe('users from JSON with a template', () => {
  it('are read as the sample says (D-01 D-02 D-05 D-09 D-13 D-25)', async () => {
    const input = fixture('users.json')
    const options = { template: fixture('users.template.json') }
    expect((await detectFormat(input, options))?.name).toBe('template-json')
    const items = await all(readImport(input, options, roomyLimits))
    expect(items.filter(({ kind }) => kind !== 'user')).toEqual([])
    expect(items[1]?.place).toEqual({ file: 'users.json', path: 'people[1]' })
    expect(usersIn(items)).toEqual([
      {
        login: 'carla@example.org',
        email: 'carla@example.org',
        firstname: 'Carla',
        lastname: 'Maes',
        phone: '+32 470 11 22 33',
        language: 'NL',
        accountRole: 'Manager',
        claims: { sensors: 'READ', control: 'WRITE' },
        access: { mode: 'set', sites: { keys: ['Mill Lane 1', 'Mill Lane 3'] }, edges: { keys: [] } },
      },
      {
        login: 'tom@example.org',
        email: 'tom@example.org',
        firstname: 'Tom',
        lastname: 'Weber',
        phone: '+49 170 4455667',
        language: 'DE',
        accountRole: 'User',
        claims: { sensors: 'READ', control: 'NONE' },
        access: { mode: 'set', sites: { keys: [] }, edges: { keys: ['SN-0001', 'SN-0002'] } },
        restrictions: {
          mode: 'merge',
          byEdge: new Map<string, RestrictionChange>([
            ['SN-0001', { windows: [[at('2019-01-01T00:00:00Z'), at('2021-07-01T00:00:00Z')]] }],
            ['SN-0002', { windows: [[at('2021-07-01T00:00:00Z'), null]] }],
          ]),
        },
      },
      {
        login: 'lea@example.org',
        email: 'lea@example.org',
        firstname: 'Léa',
        lastname: 'Dubois',
        language: 'FR',
        accountRole: 'User',
        claims: { sensors: 'READ', control: 'NONE' },
        access: { mode: 'set', sites: { keys: [] }, edges: { keys: ['SN-0001', 'SN-0003'] } },
        restrictions: {
          mode: 'merge',
          byEdge: new Map([['SN-0001', { windows: [[at('2021-07-01T00:00:00Z'), null]] }]]),
        },
      },
    ])
  })

  it('take a new user’s language from the option where the file has none (D-02)', async () => {
    const items = await read([{ mail: 'a@x.org' }], { items: [{ OpIdentifier: 'opUser.Language', Path: 'language' }] })
    expect(usersIn(items)).toEqual([{ login: 'a@x.org', email: 'a@x.org', languageIfNew: 'EN' }])
  })

  it('force claims on new users only (D-09 D-08), a role and a language on all', async () => {
    const items = await read([{ mail: 'a@x.org' }], {
      items: [
        {
          opIdentifier: 'opUser.Claims',
          transform: {
            operation: 'force',
            claims: [{ Claim: { Name: 'http://opisense.opinum.com/sensors', Value: 'read' } }],
          },
        },
        { opIdentifier: 'opUser.Roles', transform: { operation: 'FORCE', array: ['User'] } },
        { opIdentifier: 'opUser.Language', transform: { operation: 'Force', value: 'fr' } },
      ],
    })
    expect(usersIn(items)).toEqual([
      { login: 'a@x.org', email: 'a@x.org', language: 'FR', accountRole: 'User', claimsIfNew: { sensors: 'READ' } },
    ])
  })

  it('have lists that are emptied, left alone or filled: [], nothing, keys (D-10 D-11 D-12)', async () => {
    const users = [
      { mail: 'a@x.org', sites: [], sources: [] },
      { mail: 'b@x.org', sites: null },
      { mail: 'c@x.org', sites: [{ key: 'North' }, { key: 'North' }, { key: 7 }] },
    ]
    for (const [said, mode] of [
      ['Set', 'set'],
      ['merge', 'merge'],
      [undefined, 'merge'],
    ] as const) {
      const config = said === undefined ? {} : { UserSitesAndSourcesMergeMode: said }
      const read3 = usersIn(await read(users, { items: [sites, sources], config }))
      expect(read3.map(({ access }) => access)).toEqual([
        { mode, sites: { keys: [] }, edges: { keys: [] } },
        undefined,
        { mode, sites: { keys: ['North', '7'] } },
      ])
    }
  })

  it('are given sites and sources by queries (D-26)', async () => {
    const query = (field: string, Path: string) => ({ OpIdentifier: field, Path, Transform: { Operation: 'query' } })
    const users = [
      { mail: 'a@x.org', s: " City = 'Ghent' ", e: 'SerialNumber like SN' },
      { mail: 'b@x.org', s: "City = 'Ghent'" },
      { mail: 'c@x.org', e: 'SerialNumber like SN' },
      { mail: 'd@x.org' },
    ]
    const items = await read(users, { items: [query('opUser.Sites', 's'), query('opUser.Sources', 'e')] })
    const none = { keys: [] }
    expect(usersIn(items).map(({ access }) => [access?.sites, access?.edges])).toEqual([
      [{ query: "City = 'Ghent'" }, { query: 'SerialNumber like SN' }],
      [{ query: "City = 'Ghent'" }, none],
      [none, { query: 'SerialNumber like SN' }],
      [none, none],
    ])
  })

  it('have all periods that a path leads to beside a source (D-19, D-22, D-23)', async () => {
    const [first, second] = [
      { from: '2020-01-01T00:00:00Z', to: '2020-02-01T00:00:00Z' },
      { from: '2021-01-01T00:00:00Z', to: '2021-02-01T00:00:00Z' },
    ]
    const windows = [first, second].map(({ from, to }) => [at(from), at(to)])
    const ask = (periods: unknown, Validity: string, config: Json = {}) =>
      read([{ mail: 'a@x.org', sources: [{ serial: 'SN-1', periods }, { serial: 'SN-2' }] }], {
        items: [{ ...sources, Validity }],
        config,
      })
    const readByEach = async (periods: unknown, validity = 'periods[*]') =>
      usersIn(await ask(periods, validity))[0]?.restrictions?.byEdge
    const expected = new Map([['SN-1', { windows }]])
    expect(await readByEach([first, second], 'periods')).toEqual(expected)
    expect(await readByEach([first, second])).toEqual(expected)
    expect(await readByEach([{ of: second }, { of: first }], 'periods[*].of')).toEqual(expected)
    expect(await readByEach([])).toBeUndefined()
    for (const validity of ['periods', 'periods[*]']) {
      const mixed = await ask([first, { to: '2020-01-15T00:00:00Z' }], validity)
      expect(problemsIn(mixed)).toMatchObject([{ rule: 'D-22', isFatal: true }])
      const none = await ask([], validity, { UserRestrictionsSetMode: 'Set' })
      expect(problemsIn(none)).toMatchObject([{ rule: 'V17' }])
    }
    expect(briefly(await ask([first, { from: 'soon' }], 'periods[*]'))).toEqual([
      'users[0].sources[0].periods[1]: D-16',
    ])
  })

  it('ask for a dry run (D-29), and say what has no effect (D-17)', async () => {
    const items = await read([], {
      items: [{ ...sites, Validity: 'periods' }],
      config: { whatif: true, CustomizationAssembly: 'x.exe' },
    })
    expect(items.map((item) => [item.kind, item.place.path])).toEqual([
      ['remark', 'Config.CustomizationAssembly'],
      ['remark', 'OpUser.Items[1]'],
      ['dryRun', undefined],
      ['remark', undefined],
    ])
  })

  it('may stand in one file with their template', async () => {
    const template = { Config: { Whatif: false }, OpUser: { RootPath: 'users[*]', Items: [email] } }
    const input = fileOf('all.json', JSON.stringify({ template, users: [{ mail: 'a@x.org' }] }))
    expect(usersIn(await all(readImport(input, {}, roomyLimits)))).toEqual([{ login: 'a@x.org', email: 'a@x.org' }])
  })

  const roleMap = { Operation: 'Convert', KeyValuePairs: [{ Key: 'chief', Value: 'Manager' }] }
  const claimMap = {
    Operation: 'Convert',
    KeyValuePairs: [{ Key: 'look', Value: [{ Name: 'sensors', Value: 'READ' }] }],
  }
  const wrong: [what: string, user: Json, item: Json, expected: string[]][] = [
    ['no e-mail address (D-03)', { mail: null }, {}, ['users[0]: D-03']],
    ['a language that there is not (D-02)', { x: 'IT' }, { OpIdentifier: 'opUser.Language' }, ['users[0].x: D-02']],
    [
      'a role that no key maps (D-05)',
      { x: 'Manager' },
      { OpIdentifier: 'opUser.Roles', Transform: roleMap },
      ['users[0].x: D-05'],
    ],
    ['two roles (D-04)', { x: ['User', 'Manager'] }, { OpIdentifier: 'opUser.Roles' }, ['users[0].x[0]: D-04']],
    [
      'an unknown alias (D-09)',
      { x: 'see' },
      { OpIdentifier: 'opUser.Claims', Transform: claimMap },
      ['users[0].x: D-09'],
    ],
    ['an alias without mapping (D-09)', { x: 'see' }, { OpIdentifier: 'opUser.Claims' }, ['users[0].x: D-09']],
    [
      'a value no claim has (D-07)',
      { x: [{ Name: 'sensors', Value: 'SOME' }] },
      { OpIdentifier: 'opUser.Claims' },
      ['users[0].x: D-07'],
    ],
    [
      'a key that is none (D-06)',
      { x: [{ Name: '__proto__', Value: 'x' }] },
      { OpIdentifier: 'opUser.Claims' },
      ['users[0].x: D-06'],
    ],
    [
      'a claim against itself (D-06)',
      { x: ['control=READ', 'control=NONE'] },
      { OpIdentifier: 'opUser.Claims' },
      ['users[0].x[1]: D-06'],
    ],
    [
      'a phone number that is a number',
      { x: 479123456 },
      { OpIdentifier: 'opUser.PhoneNumber' },
      ['users[0].x: format'],
    ],
    ['a key beyond exact numbers', { x: 541448820000000000 }, { OpIdentifier: 'opUser.Sites' }, ['users[0].x: format']],
    ['a list where text is due', { x: ['Ann'] }, { OpIdentifier: 'opUser.FirstName' }, ['users[0].x: format']],
    [
      'an element without its key',
      { x: [{}] },
      { OpIdentifier: 'opUser.Sites', Path: 'x[*].key' },
      ['users[0].x[0].key: format'],
    ],
    [
      'an object where a list is due',
      { x: {} },
      { OpIdentifier: 'opUser.Sites', Path: 'x[*]' },
      ['users[0].x: format'],
    ],
    [
      'a user name that can be none (D-02)',
      { x: 'Ann Maes' },
      { OpIdentifier: 'opUser.UserName' },
      ['users[0].x: D-02'],
    ],
  ]
  it.each(wrong)('are refused with %s', async (_, user, item, expected) => {
    const items = Object.keys(item).length === 0 ? [] : [{ Path: 'x', ...item }]
    expect(briefly(await read([{ mail: 'a@x.org', ...user }], { items }))).toEqual(expected)
  })

  it('are refused when they are there twice, by address or by name (D-03)', async () => {
    const users = [
      { mail: 'a@x.org', login: 'ann' },
      { mail: ' A@x.org', login: 'bob' },
      { mail: 'c@x.org', login: 'ANN' },
    ]
    const items = await read(users, { items: [{ OpIdentifier: 'opUser.UserName', Path: 'login' }] })
    expect(briefly(items)).toEqual(['users[1].mail: D-03', 'users[2].login: D-03'])
    expect(problemsIn(items)[0]?.text).toContain('users[0]')
  })

  const templates: [what: string, given: Given, expected: string[]][] = [
    [
      'a query for sites and a list for sources (D-26)',
      { items: [{ ...sites, Transform: { Operation: 'Query' } }, sources] },
      ['OpUser.Items[1]: D-26 fatal'],
    ],
    [
      'a mode that there is not (D-13)',
      { config: { UserRestrictionsSetMode: 'Append' } },
      ['Config.UserRestrictionsSetMode: D-13 fatal'],
    ],
    [
      'a processing mode that only creates (D-29)',
      { config: { ProcessingMode: 'Create' } },
      ['Config.ProcessingMode: D-29 fatal'],
    ],
    [
      'a mapping to an unknown role (D-05)',
      {
        items: [
          {
            OpIdentifier: 'opUser.Roles',
            Path: 'x',
            Transform: { Operation: 'Convert', KeyValuePairs: [{ Key: 'a', Value: 'Admin' }] },
          },
        ],
      },
      ['OpUser.Items[1]: D-05 fatal'],
    ],
    [
      'two roles forced (D-04)',
      { items: [{ OpIdentifier: 'opUser.Roles', Transform: { Operation: 'Force', Array: ['User', 'Manager'] } }] },
      ['OpUser.Items[1]: D-04 fatal'],
    ],
    [
      'claims forced and read (D-09)',
      {
        items: [
          { OpIdentifier: 'opUser.Claims', Path: 'x' },
          {
            OpIdentifier: 'opUser.Claims',
            Transform: { Operation: 'Force', Claims: [{ Name: 'control', Value: 'NONE' }] },
          },
        ],
      },
      ['OpUser.Items[2]: D-09 fatal'],
    ],
    [
      'all its mistakes at once',
      {
        items: [
          { OpIdentifier: 'opUser.Nose', Path: 'x' },
          { OpIdentifier: 'opUser.Sites' },
          { ...email, Tranform: {} },
        ],
        rootPath: 'users[?(@.x)]',
      },
      [
        'OpUser.Items[1]: D-01',
        'OpUser.Items[2]: D-01',
        'OpUser.Items[3]: D-01',
        'OpUser.Items[3]: format',
        'OpUser.RootPath: D-01 fatal',
      ],
    ],
  ]
  it.each(templates)('are not read by a template with %s', async (_, given, expected) => {
    expect(briefly(await read([{ mail: 'a@x.org' }], given))).toEqual(expected)
  })
})
