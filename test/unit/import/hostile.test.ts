import { describe, expect, it } from 'vitest'
import type { ImportLimits, ImportProblem } from '../../../src/import/model.ts'
import { readImport } from '../../../src/import/readers.ts'
import { all, briefly, fileOf, problemsIn, roomyLimits, usersIn } from '../../harness/import-files.ts'
import { xlsx } from '../../harness/xlsx.ts'

const template = JSON.stringify({
  OpUser: {
    RootPath: 'users[*]',
    Items: [
      { OpIdentifier: 'opUser.Email', Path: 'mail' },
      { OpIdentifier: 'opUser.FirstName', Path: 'first' },
      { OpIdentifier: 'opUser.Sites', Path: 'sites' },
    ],
  },
})

interface Given {
  format: 'csv' | 'excel' | 'template-json'
  content: string | Buffer
  limits?: Partial<ImportLimits>
}

function read({ format, content, limits }: Given) {
  const options = format === 'template-json' ? { template: fileOf('t.json', template) } : {}
  return all(readImport(fileOf('f', content), options, { ...roomyLimits, ...limits }, format))
}

const users = (count: number) => Array.from({ length: count }, (_, index) => ({ mail: `u${index}@x.org` }))
const json = (list: unknown) => JSON.stringify({ users: list })
const utf16 = (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le')
const workbook = (row: readonly (string | null)[] = ['a@x.org']) => xlsx({ S: [['email', 'firstname'], row] })
const refused: Record<string, Given & { expected: string[]; says?: RegExp }> = {
  'CSV in Windows-1252': {
    format: 'csv',
    content: Buffer.from('email,firstname\na@x.org,Ann\nb@x.org,L\xe9a\n', 'latin1'),
    expected: ['3: format fatal'],
    says: /UTF-8/,
  },
  'CSV in UTF-16 without mark': {
    format: 'csv',
    content: Buffer.from('email\na@x.org\n', 'utf16le'),
    expected: ['1: format fatal'],
  },
  'CSV cut within a letter': {
    format: 'csv',
    content: Buffer.from('email,firstname\na@x.org,Lé').subarray(0, -1),
    expected: ['2: format fatal'],
  },
  'CSV with NUL': {
    format: 'csv',
    content: 'email,firstname\na@x.org,An\0n\n',
    expected: ['2: format fatal'],
    says: /NUL/,
  },
  'CSV without anything': { format: 'csv', content: '', expected: ['format fatal'] },
  'JSON with a member twice': {
    format: 'template-json',
    content: '{"users":[{"mail":"a@x.org",\n"mail":"b@x.org"}]}',
    expected: ['2: format fatal'],
    says: /mail stands twice/,
  },
  'CSV with a header twice': { format: 'csv', content: 'email,sites,Sites \n', expected: ['1 Sites: format fatal'] },
  'CSV with a large cell': {
    format: 'csv',
    content: `email,firstname,lastname\na@x.org,${'x'.repeat(200)},Maes\n`,
    limits: { maxCellBytes: 100 },
    expected: ['2 firstname: limit'],
  },
  'CSV with a cell of 10 MB': {
    format: 'csv',
    content: `email,firstname\na@x.org,"${'x'.repeat(10_000_000)}"\n`,
    limits: { maxColumns: 10 },
    expected: ['2: limit fatal'],
  },
  'CSV with too many rows': {
    format: 'csv',
    content: `email\n${'a@x.org\n'.repeat(3)}`,
    limits: { maxRows: 2 },
    expected: ['3 email: D-03', '4: limit fatal'],
  },
  'CSV with too many columns': {
    format: 'csv',
    content: `email${',x'.repeat(5)}\n`,
    limits: { maxColumns: 5 },
    expected: ['1: limit fatal'],
  },
  'CSV with a row of a million empty cells': {
    format: 'csv',
    content: `email,firstname\n"a,,"${','.repeat(1_000_000)}\n`,
    expected: ['2: limit fatal'],
    says: /100 cells/,
  },
  'a large file': {
    format: 'csv',
    content: `email\n${'x'.repeat(100)}`,
    limits: { maxFileBytes: 100 },
    expected: ['limit fatal'],
    says: /100 bytes/,
  },
  'CSV with a name of a column beyond measure': {
    format: 'csv',
    content: `email,${'x'.repeat(10_000)}\na@x.org,Ann\n`,
    expected: ['1: limit fatal'],
  },
  'CSV with one line of 10 MB': {
    format: 'csv',
    content: `email,${'x'.repeat(10_000_000)}`,
    expected: ['1: limit fatal'],
  },
  'CSV with a quote that is never closed, where it begins': {
    format: 'csv',
    content: `email,firstname\na@x.org,Ann\nb@x.org,"Bob\n${'c@x.org,Carl\n'.repeat(1_000)}`,
    expected: ['3: format fatal'],
  },
  'CSV with half of a character in a list': {
    format: 'template-json',
    content: '{"users":[{"mail":"a@x.org","sites":["S\\ud800"]}]}',
    expected: ['users[0].access.sites.keys[0]: format'],
    says: /half of a character/,
  },
  'CSV with more sites than anybody lists': {
    format: 'csv',
    content: `email,sites\na@x.org,"${Array.from({ length: 11_000 }, (_, n) => n).join(',')}"\n`,
    expected: ['2 sites: limit'],
    says: /grant a group/,
  },
  'CSV with thousands of claims': {
    format: 'csv',
    content: `email,claims\na@x.org,"${Array.from({ length: 5_000 }, (_, n) => `c${n}=x`).join(',')}"\n`,
    expected: ['2 claims: D-06'],
    says: /at most 200/,
  },
  'too many problems': {
    format: 'csv',
    content: `email\n${'x\n'.repeat(9)}`,
    limits: { maxProblems: 2 },
    expected: ['2 email: D-03', '3 email: D-03', '3 email: limit fatal'],
  },

  'JSON that is none': {
    format: 'template-json',
    content: '{"users": [{"mail": "a@x.org"},\n oops]}',
    expected: ['2: format fatal'],
  },
  'JSON that ends early': {
    format: 'template-json',
    content: '{"users": [{"mail": "a@x.org"}',
    expected: ['1: format fatal'],
  },
  'JSON that goes on': { format: 'template-json', content: `${json(users(1))} {}`, expected: ['1: format fatal'] },
  'JSON nested deeply': {
    format: 'template-json',
    content: `{"users": ${'['.repeat(100_000)}`,
    expected: ['1: limit fatal'],
  },
  'JSON nested deeply beside the users': {
    format: 'template-json',
    content: `{"x": ${'{"a":'.repeat(65)}`,
    expected: ['1: limit fatal'],
  },
  'JSON with a text of 10 MB': {
    format: 'template-json',
    content: json([{ mail: 'a@x.org', first: 'x'.repeat(10_000_000) }]),
    expected: ['1: limit fatal'],
  },
  'JSON with a number of 1 MB': {
    format: 'template-json',
    content: `{"users": [{"mail": "a@x.org", "first": ${'1'.repeat(1_000_000)}}]}`,
    expected: ['1: limit fatal'],
  },
  'JSON with an object of very many members': {
    format: 'template-json',
    content: `{"x": {${Array.from({ length: 100_002 }, (_, n) => `"k${n}": 0`).join(',')}}, "users": []}`,
    expected: ['1: limit fatal'],
  },
  'JSON with a user of very many parts': {
    format: 'template-json',
    content: json([{ mail: 'a@x.org', sites: Array(30_000).fill('S') }]),
    expected: ['1: limit fatal'],
    says: /parts/,
  },
  'JSON with a user beyond measure': {
    format: 'template-json',
    content: json([{ mail: 'a@x.org', sites: Array(20_000).fill('S') }]),
    limits: { maxCellBytes: 1_000, maxColumns: 10 },
    expected: ['1: limit fatal'],
  },
  'JSON with too many users': {
    format: 'template-json',
    content: json(users(4)),
    limits: { maxRows: 3 },
    expected: ['users[3]: limit fatal'],
  },
  'JSON in Latin-1': {
    format: 'template-json',
    content: Buffer.from(json([{ mail: 'a@x.org', first: 'Léa' }]), 'latin1'),
    expected: ['1: format fatal'],
  },
  'JSON users that are none': {
    format: 'template-json',
    content: json([7, null, 'a', []]),
    expected: [0, 1, 2, 3].map((n) => `users[${n}]: D-01`),
  },
}

describe('hostile files', () => {
  it.each(Object.entries(refused))('are refused with a sentence: %s', async (_, { expected, says, ...given }) => {
    const items = await read(given)
    expect(briefly(items)).toEqual(expected)
    const last = problemsIn(items).at(-1) as ImportProblem
    expect(last.text).toMatch(says ?? /^[A-Z].* .*/)
    expect(last.value?.length ?? 0).toBeLessThanOrEqual(100)
  })

  const text = 'email;firstname\na@x.org;Léa\n'
  const harmless: Record<string, Given> = {
    'CSV with a byte order mark': { format: 'csv', content: `\ufeff${text}` },
    'CSV in UTF-16, little end first': { format: 'csv', content: utf16(text) },
    'CSV in UTF-16, big end first': { format: 'csv', content: utf16(text).swap16() },
    'CSV with its delimiter said': { format: 'csv', content: `sep=;\r\n${text}` },
    'CSV with tabs': { format: 'csv', content: text.replaceAll(';', '\t') },
    'CSV of a Macintosh, with more rows than a row has cells': {
      format: 'csv',
      content: `${text.replaceAll('\n', '\r')}${';\r'.repeat(300)}`,
    },
    'CSV with the line ends of two systems': { format: 'csv', content: `email;firstname\r\na@x.org;Léa\n;\r\n` },
    'CSV with lines of Windows, empty ones too': { format: 'csv', content: `${text.replaceAll('\n', '\r\n')}\r\n\r\n` },
    'JSON with a byte order mark': {
      format: 'template-json',
      content: `\ufeff${json([{ mail: 'a@x.org', first: 'Léa' }])}`,
    },
    'JSON in UTF-16': { format: 'template-json', content: utf16(json([{ mail: 'a@x.org', first: 'Léa' }])) },
    'JSON with keys of prototypes': {
      format: 'template-json',
      content:
        '{"__proto__": [1], "users": [{"__proto__": {"mail": "b@x.org"}, "constructor": 1, "mail": "a@x.org", "first": "Léa"}]}',
    },
    'JSON with a large list that nobody asked for': {
      format: 'template-json',
      content: `{"x": [${'[],'.repeat(10_000)}1], "users": [{"mail": "a@x.org", "first": "Léa"}]}`,
    },
    'a workbook': { format: 'excel', content: workbook(['a@x.org', 'Léa']) },
  }
  it.each(Object.entries(harmless))('are told from odd ones: %s', async (_, given) => {
    const items = await read(given)
    expect(problemsIn(items)).toEqual([])
    expect(usersIn(items)).toEqual([{ login: 'a@x.org', email: 'a@x.org', firstname: 'Léa' }])
    expect({}).not.toHaveProperty('mail')
  })

  const unknown: [what: string, content: string | Buffer, says: RegExp][] = [
    ['an empty file', '', /empty/],
    ['a byte order mark and nothing else', '\ufeff', /empty/],
    ['UTF-16 without a mark', Buffer.from('email\na@x.org\n', 'utf16le'), /UTF-8/],
    ['a picture', Buffer.from('89504e470d0a1a0a0000000d', 'hex'), /UTF-8/],
    [
      'a web page that calls itself a workbook',
      '<html><table><tr><td>email</td></tr></table></html>',
      /save it as .xlsx/,
    ],
    ['JSON without a template', '[{"email": "a@x.org"}]', /template/],
    ['a table without addresses', 'name;street\nAnn;Mill Lane\n', /column called email/],
  ]
  it.each(unknown)('of no format say what to do: %s', async (_, content, says) => {
    const items = await all(readImport(fileOf('f.xlsx', content), {}, roomyLimits))
    expect(briefly(items)).toEqual(['format fatal'])
    expect(problemsIn(items)[0]?.text).toMatch(says)
  })

  it('whose names lie are read as what they are', async () => {
    const login = async (name: string, content: string | Buffer) =>
      usersIn(await all(readImport(fileOf(name, content), {}, roomyLimits))).map((user) => user.login)
    expect(await login('people.csv', workbook())).toEqual(['a@x.org'])
    expect(await login('people.xlsx', 'email\na@x.org\n')).toEqual(['a@x.org'])
    expect(await login('people.yaml', json(users(1)).replace('{', '{"template": {"OpUser": {}},'))).toEqual([])
  })

  it('of formats that nobody knows are named so', async () => {
    const items = await all(readImport(fileOf('f', 'hello'), {}, roomyLimits))
    expect(briefly(items)).toEqual(['format fatal'])
    expect(problemsIn(items)[0]?.text).toContain('csv')
    expect(briefly(await all(readImport(fileOf('f', ''), {}, roomyLimits, 'xml')))).toEqual(['format fatal'])
  })

  it('tell nothing on several lines, nor more than 100 characters of a value', async () => {
    const [problem] = problemsIn(await read({ format: 'csv', content: `email\n"x\u0007${'y'.repeat(500)}"\n` }))
    expect(problem?.value).toMatch(/^x\ufffdy{97}…$/)
  })
})
