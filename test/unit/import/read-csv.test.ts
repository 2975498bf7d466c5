import { describe, expect, it } from 'vitest'
import type { ImportLimits, ReadOptions } from '../../../src/import/model.ts'
import { readImport } from '../../../src/import/readers.ts'
import { all, briefly, fileOf, problemsIn, roomyLimits, usersIn } from '../../harness/import-files.ts'

function read(content: string | Buffer, limits: Partial<ImportLimits> = {}, options: ReadOptions = {}) {
  return all(readImport(fileOf('users.csv', content, 7), options, { ...roomyLimits, ...limits }, 'csv'))
}

const header = 'email,firstname,role,sites'

describe('users from CSV', () => {
  it('are read by plain names of columns (D-01 D-02 D-05 D-10 D-11)', async () => {
    const items = await read(
      `Email,Login,First Name,last_name,Language,Phone,Role,Sites,Edges
 Ann@Example.org ,ann,Ann,Ångström,nl,+32 479 12 34 56,Manager,"North, South",edge1
bob@example.org,,,,,,,,
`,
      {},
      { language: 'FR' },
    )
    expect(problemsIn(items)).toEqual([])
    expect(usersIn(items)).toEqual([
      {
        login: 'ann',
        email: 'ann@example.org',
        firstname: 'Ann',
        lastname: 'Ångström',
        phone: '+32 479 12 34 56',
        language: 'NL',
        accountRole: 'Manager',
        access: { mode: 'merge', sites: { keys: ['North', 'South'] }, edges: { keys: ['edge1'] } },
      },
      {
        login: 'bob@example.org',
        email: 'bob@example.org',
        firstname: '',
        lastname: '',
        phone: '',
        languageIfNew: 'FR',
        access: { mode: 'merge', sites: { keys: [] }, edges: { keys: [] } },
      },
    ])
  })

  it('are read by identifiers, and what is left out stays as it is (D-01 D-08)', async () => {
    const items = await read('_opUser.Email;opUser.lastname;Remarks\nann@example.org;Smith;tall\n')
    expect(usersIn(items)).toEqual([{ login: 'ann@example.org', email: 'ann@example.org', lastname: 'Smith' }])
    expect(items.filter(({ kind }) => kind === 'remark')).toEqual([
      { kind: 'remark', place: { file: 'users.csv', row: 1, column: 'Remarks' }, text: 'The column is not imported' },
    ])
  })

  it('may bring claims by key and value (D-06 D-07)', async () => {
    const items = await read(
      'email;claims\na@x.org;"sensors=read, http://opisense.opinum.com/control=NONE; http://opisense.opinum.com=admin,colour=blue"\n',
    )
    expect(usersIn(items)[0]?.claims).toEqual({ sensors: 'READ', control: 'NONE', base: 'ADMIN', colour: 'blue' })
  })

  const wrong: [what: string, rows: string, expected: string[]][] = [
    ['no e-mail address (D-03)', ',Ann,User,', ['2: D-03']],
    ['something else than an address (D-03)', 'ann,Ann,User,', ['2 email: D-03']],
    ['the same address twice (D-03)', 'a@x.org,,,\nb@x.org,,,\nA@X.org ,,,', ['4 email: D-03']],
    ['a role that there is not (D-05)', 'a@x.org,,Boss,', ['2 role: D-05']],
    ['a name of two lines (D-02)', 'a@x.org,"An\nna",,', ['2 firstname: D-02']],
    [
      'everything at once',
      ',"A\tn",Boss,\nb,,Boss,',
      ['2: D-03', '2 firstname: D-02', '2 role: D-05', '3 email: D-03', '3 role: D-05'],
    ],
    ['more cells than columns', 'a@x.org,,,North,South', ['2: format']],
    ['a number that a spreadsheet shortened', 'a@x.org,,,5.41449E+17', ['2 sites: format']],
    ['an open quote', 'a@x.org,"Ann,,\nb@x.org,,,\n', ['2: format fatal']],
    ['a quote within a cell', 'a@x.org,An"n,,', ['2: format fatal']],
  ]
  it.each(wrong)('are refused with %s', async (_, rows, expected) => {
    expect(briefly(await read(`${header}\n${rows}\n`))).toEqual(expected)
  })
})
