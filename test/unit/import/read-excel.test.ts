import { createReadStream } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { ImportLimits, ReadOptions } from '../../../src/import/model.ts'
import { detectFormat, readImport } from '../../../src/import/readers.ts'
import { all, briefly, fileOf, problemsIn, roomyLimits, usersIn } from '../../harness/import-files.ts'
import { type XlsxCell, type XlsxOptions, xlsx } from '../../harness/xlsx.ts'

type Sheets = Parameters<typeof xlsx>[0]

function read(
  sheets: Sheets,
  {
    options = {},
    limits = {},
    how = {},
  }: { options?: ReadOptions; limits?: Partial<ImportLimits>; how?: XlsxOptions } = {},
) {
  return all(readImport(fileOf('users.xlsx', xlsx(sheets, how)), options, { ...roomyLimits, ...limits }))
}

const look = JSON.stringify([
  {
    Key: 'look',
    Value: [
      { Name: 'sensors', Value: 'READ' },
      { Name: 'control', Value: 'NONE' },
    ],
  },
])
const header = ['SheetName', 'Field', 'Operation', 'MapTo']

describe('users from Excel', () => {
  it('are read as the sample says, from disk (D-01 D-05 D-10 D-13)', async () => {
    const path = fileURLToPath(new URL('../../fixtures/import/users.xlsx', import.meta.url))
    const input = { name: 'users.xlsx', path, open: () => createReadStream(path) }
    expect((await detectFormat(input, {}))?.name).toBe('excel')
    const items = await all(readImport(input, {}, roomyLimits))
    expect(items.filter(({ kind }) => kind !== 'user')).toEqual([])
    expect(items[1]?.place).toEqual({ file: 'users.xlsx', sheet: 'Users', row: 3 })
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
      },
      {
        login: 'lea@example.org',
        email: 'lea@example.org',
        firstname: 'Léa',
        lastname: 'Dubois',
        phone: '',
        language: 'FR',
        accountRole: 'User',
        claims: { sensors: 'READ', control: 'NONE' },
        access: { mode: 'set', sites: { keys: [] }, edges: { keys: ['SN-0001', 'SN-0003'] } },
      },
    ])
  })

  it('are mapped, forced and converted by the sheet of mappings (D-05 D-09)', async () => {
    const items = await read({
      People: [
        ['_opUser.Email', '_opUser.Roles', '_opUser.Claims', '_opUser.Sites'],
        null,
        ['a@x.org', 'chief', 'look', 'North;South'],
        ['b@x.org'],
      ],
      Mappings: [
        header,
        ['People', '_opUser.Roles', 'CONVERT', 'chief = Manager, tenant = User'],
        ['People', '_opUser.Claims', 'Convert', look],
        ['People', '_opUser.Sites', 'LIST', ';'],
        ['People', '_opUser.Language', 'FORCE', 'NL'],
        ['Meters', '_opSource.EnergyTypeId', 'CONVERT', 'GAS = 2'],
      ],
    })
    expect(problemsIn(items)).toEqual([])
    expect(usersIn(items)).toEqual([
      {
        login: 'a@x.org',
        email: 'a@x.org',
        language: 'NL',
        accountRole: 'Manager',
        claims: { sensors: 'READ', control: 'NONE' },
        access: { mode: 'merge', sites: { keys: ['North', 'South'] } },
      },
      { login: 'b@x.org', email: 'b@x.org', language: 'NL', access: { mode: 'merge', sites: { keys: [] } } },
    ])
  })

  it('force claims on new users (D-09) and ask for a dry run (D-29)', async () => {
    const items = await read({
      Users: [['opUser.Email'], ['a@x.org']],
      Config: [
        ['Key', 'Value'],
        ['UserSheetName', 'users'],
        ['ProcessingMode', 'Whatif'],
      ],
      Mappings: [
        header,
        ['Users', '_opUser.Claims', 'FORCE', '[{"Name":"http://opisense.opinum.com/control","Value":"NONE"}]'],
      ],
    })
    expect(items.map(({ kind }) => kind)).toEqual(['dryRun', 'user'])
    expect(usersIn(items)).toEqual([{ login: 'a@x.org', email: 'a@x.org', claimsIfNew: { control: 'NONE' } }])
  })

  const own: Sheets = {
    Data: [
      ['Mail', 'Family', 'Notes'],
      ['a@x.org', 'Maes', 'tall'],
    ],
  }
  const columns = [
    ['mail', 'FAMILY', 'key'],
    ['_opUser.Email', '_opUser.LastName', '_opKey'],
    ['only', 'a', 'reminder'],
  ]
  it('are read by a sheet of columns in the workbook, in another one, or by JSON (D-01)', async () => {
    const within = await read({
      ...own,
      Columns: columns,
      Config: [
        ['UserSheetName', 'Data'],
        ['UserTemplateSheetName', 'Columns'],
        ['TemplateIsIncludedInDataFile', true],
      ],
    })
    const other = fileOf('template.xlsx', xlsx({ Data: columns, Config: [['UserSheetName', 'Data']] }))
    const json = fileOf(
      'template.json',
      JSON.stringify({
        OpUser: {
          RootPath: '',
          Items: [
            { OpIdentifier: 'opUser.Email', Path: 'mail' },
            { OpIdentifier: 'opUser.LastName', Path: 'family' },
          ],
        },
      }),
    )
    const beside = await Promise.all([other, json].map((template) => read(own, { options: { template } })))
    for (const items of [within, ...beside]) {
      expect(problemsIn(items)).toEqual([])
      expect(usersIn(items)).toEqual([{ login: 'a@x.org', email: 'a@x.org', lastname: 'Maes' }])
    }
  })

  it('carry no periods (D-18)', async () => {
    const template = fileOf(
      't.json',
      JSON.stringify({
        OpUser: {
          RootPath: 'users[*]',
          Items: [
            { OpIdentifier: 'opUser.Email', Path: 'mail' },
            { OpIdentifier: 'opUser.Sources', Path: 'meters', Validity: 'periods' },
          ],
        },
      }),
    )
    const items = await read(
      {
        S: [
          ['mail', 'meters', 'periods'],
          ['a@x.org', 'SN1', '2021'],
        ],
      },
      { options: { template } },
    )
    expect(items.filter(({ kind }) => kind === 'remark').map((item) => 'text' in item && item.text)).toEqual([
      'The column is not imported',
      'Tables carry no periods (D-18): the Validity has no effect here',
    ])
    expect(usersIn(items)).toEqual([
      { login: 'a@x.org', email: 'a@x.org', access: { mode: 'merge', edges: { keys: ['SN1'] } } },
    ])
  })

  it('come from every sheet that has them, each once, but from none that is hidden (D-03)', async () => {
    const items = await read(
      {
        A: [['email'], ['a@x.org']],
        B: [['e-mail'], ['b@x.org'], ['a@x.org']],
        Notes: [['hello']],
        H: [['email'], ['h@x.org']],
      },
      { how: { hidden: ['H'], sharesStrings: true } },
    )
    expect(usersIn(items).map(({ login }) => login)).toEqual(['a@x.org', 'b@x.org'])
    expect(briefly(items)).toEqual(['B 3 e-mail: D-03'])
    expect(problemsIn(items)[0]?.text).toContain('A, row 2')
    expect(items.at(-1)).toEqual({
      kind: 'remark',
      place: { file: 'users.xlsx', sheet: 'H' },
      text: 'The sheet is hidden: not imported',
    })
  })

  it('take numbers as keys, but never as phone numbers', async () => {
    const items = await read({
      S: [
        ['email', 'edges', 'phone'],
        ['a@x.org', 1001, ''],
        ['b@x.org', 1.5e17, 479123456],
      ],
    })
    expect(usersIn(items)[0]?.access?.edges).toEqual({ keys: ['1001'] })
    expect(briefly(items)).toEqual(['S 3 phone: format', 'S 3 edges: format'])
  })

  const cells: [what: string, cell: XlsxCell][] = [
    ['a formula with its result', { xml: '<c t="str"><f>A1&amp;B1</f><v>Ann</v></c>' }],
    ['a formula without result', { xml: '<c><f>A1</f></c>' }],
    ['a formula that reaches out', { xml: `<c t="str"><f>[1]S!A1</f><v>Ann</v></c>` }],
    ['an error', { xml: '<c t="e"><v>#REF!</v></c>' }],
    ['a date', { xml: '<c s="1"><v>44348</v></c>' }],
    ['a date in a format of its own', { xml: '<c s="2"><v>44348</v></c>' }],
    ['a date of the other kind', { xml: '<c t="d"><v>2021-06-01</v></c>' }],
    ['a switch', true],
    ['a broken number', { xml: '<c><v>1e999</v></c>' }],
    ['two lines', 'An_x000A_na'],
  ]
  it.each(cells)('are refused with %s in a cell that is used', async (_, cell) => {
    const items = await read({
      S: [
        ['email', 'firstname'],
        ['a@x.org', cell],
      ],
    })
    const [problem] = problemsIn(items)
    expect(problemsIn(items)).toHaveLength(1)
    expect(problem?.place).toEqual({ file: 'users.xlsx', sheet: 'S', row: 2, column: 'firstname' })
  })

  it('may have anything in cells that are not used', async () => {
    const items = await read({ S: [['email', 'age'], ...cells.map(([, cell], index) => [`${index}@x.org`, cell])] })
    expect(problemsIn(items)).toEqual([])
    expect(usersIn(items)).toHaveLength(cells.length)
  })

  const wrong: [what: string, sheets: Sheets, expected: string[]][] = [
    ['no column for the address (D-03)', { S: [['name'], ['Ann']] }, ['D-01 fatal']],
    ['a property that there is not (D-01)', { S: [['email', 'opUser.Nose']] }, ['S 1 opUser.Nose: D-01 fatal']],
    ['a header twice', { S: [['email', 'x', 'E-Mail']] }, ['S 1 E-Mail: format fatal']],
    ['the same name twice', { S: [['email', 'Phone', 'phone']] }, ['S 1 phone: format fatal']],
    [
      'a column missing (D-01)',
      {
        S: [['b']],
        C: [['a'], ['_opUser.Email']],
        Config: [
          ['UserTemplateSheetName', 'C'],
          ['UserSheetName', 'S'],
        ],
      },
      ['S 1 a: D-01 fatal'],
    ],
    ['a sheet missing (D-01)', { S: [['email']], Config: [['UserSheetName', 'T']] }, ['D-01 fatal']],
    [
      'mistakes in its template, all at once (D-05 D-13)',
      {
        S: [['email']],
        Config: [['UserSitesAndSourcesMergeMode', 'Both']],
        Mappings: [header, ['', '_opUser.Roles', 'CONVERT', 'a = Boss'], ['', '_opUser.Nose', 'FORCE', 'x']],
      },
      ['Config 1: D-13', 'Mappings 2 MapTo: D-05', 'Mappings 3 Field: D-01 fatal'],
    ],
  ]
  it.each(wrong)('are not read with %s', async (_, sheets, expected) => {
    expect(briefly(await read(sheets))).toEqual(expected)
  })
})
