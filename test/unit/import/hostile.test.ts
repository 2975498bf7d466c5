import { describe, expect, it } from 'vitest'
import type { ImportLimits, ImportProblem } from '../../../src/import/model.ts'
import { readImport } from '../../../src/import/readers.ts'
import { all, briefly, fileOf, problemsIn, roomyLimits, usersIn } from '../../harness/import-files.ts'
import { xlsx, zip } from '../../harness/xlsx.ts'

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
const bomb = zip([{ name: 'xl/workbook.xml', data: Buffer.alloc(50_000_000) }])

/** A workbook whose only sheet is this XML. */
function withSheet(xml: string): Buffer {
  const relation = '<Relationships><Relationship Id="r1" Target="worksheets/s.xml"/></Relationships>'
  return zip([
    { name: 'xl/workbook.xml', data: '<workbook xmlns:r="r"><sheets><sheet name="S" r:id="r1"/></sheets></workbook>' },
    { name: 'xl/_rels/workbook.xml.rels', data: relation },
    { name: 'xl/worksheets/s.xml', data: xml },
  ])
}

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
    expected: ['3: D-03', '4: limit fatal'],
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

  'an archive that unpacks to too much': {
    format: 'excel',
    content: bomb,
    limits: { maxUnpackedBytes: 1_000_000 },
    expected: ['limit fatal'],
  },
  'an archive packed beyond reason': {
    format: 'excel',
    content: bomb,
    limits: { maxUnpackedRatio: 100 },
    expected: ['limit fatal'],
    says: /100 times/,
  },
  'an archive that lies about its size': {
    format: 'excel',
    content: zip([
      { name: 'xl/workbook.xml', data: `<workbook>${' '.repeat(1_000_000)}</workbook>`, declaredBytes: 20 },
    ]),
    expected: ['xl/workbook.xml: format fatal'],
  },
  'an archive with the same part twice': {
    format: 'excel',
    content: zip([
      { name: 'a', data: '' },
      { name: 'a', data: '' },
    ]),
    expected: ['a: format fatal'],
  },
  'an archive that climbs': {
    format: 'excel',
    content: zip([{ name: '../../etc/passwd', data: '' }]),
    expected: ['format fatal'],
  },
  'an encrypted archive': {
    format: 'excel',
    content: zip([{ name: 'xl/workbook.xml', data: 'x', isEncrypted: true }]),
    expected: ['format fatal'],
    says: /password/,
  },
  'a workbook with a password': {
    format: 'excel',
    content: Buffer.from('d0cf11e0a1b11ae1', 'hex'),
    expected: ['format fatal'],
    says: /password/,
  },
  'half a workbook': { format: 'excel', content: workbook().subarray(0, 500), expected: ['format fatal'] },
  'an archive that is no workbook': {
    format: 'excel',
    content: zip([{ name: 'a.txt', data: 'hello' }]),
    expected: ['format fatal'],
  },
  'a workbook that links to others': {
    format: 'excel',
    content: xlsx(
      { S: [['email'], ['a@x.org']] },
      { extra: [{ name: 'xl/externalLinks/externalLink1.xml', data: '<x/>' }] },
    ),
    expected: ['format fatal'],
    says: /other workbooks/,
  },
  'a workbook with entities': {
    format: 'excel',
    content: withSheet('<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><worksheet>&b;</worksheet>'),
    expected: ['S: format fatal'],
    says: /document type/,
  },
  'a sheet that is no XML': {
    format: 'excel',
    content: withSheet('<worksheet><row></worksheet>'),
    expected: ['S: format fatal'],
  },
  'a sheet with columns beyond the limit': {
    format: 'excel',
    content: withSheet('<worksheet><row><c r="XFD1"><v>1</v></c></row></worksheet>'),
    expected: ['S 1: limit fatal'],
  },
  'a sheet with rows beyond any sheet': {
    format: 'excel',
    content: withSheet('<worksheet><row r="99999999999"/></worksheet>'),
    expected: ['S: format fatal'],
  },
  'a sheet that jumps back': {
    format: 'excel',
    content: withSheet('<worksheet><row r="5"/><row r="5"/></worksheet>'),
    expected: ['S 5: format fatal'],
  },
  'a sheet with cells twice': {
    format: 'excel',
    content: withSheet('<worksheet><row r="1"><c r="A1"><v>1</v></c><c r="A1"><v>2</v></c></row></worksheet>'),
    expected: ['S 1: format fatal'],
  },
  'a sheet with too many rows': {
    format: 'excel',
    content: xlsx({ S: [['email'], ['a@x.org'], ['b@x.org'], ['c@x.org']] }),
    limits: { maxRows: 2 },
    expected: ['S 4: limit fatal'],
  },
  'a sheet with a large cell': {
    format: 'excel',
    content: workbook(['a@x.org', 'x'.repeat(200)]),
    limits: { maxCellBytes: 150 },
    expected: ['S 2 firstname: limit'],
  },
  'a sheet with a cell of 10 MB': {
    format: 'excel',
    content: workbook(['a@x.org', 'x'.repeat(10_000_000)]),
    limits: { maxUnpackedRatio: 10_000 },
    expected: ['S: limit fatal'],
  },
  'a sheet with a cell of many texts': {
    format: 'excel',
    content: withSheet(
      `<worksheet><row><c t="inlineStr"><is><t>email</t></is></c></row><row><c t="inlineStr"><is>${'<r><t>abcdefghij</t></r>'.repeat(20_000)}</is></c></row></worksheet>`,
    ),
    limits: { maxUnpackedRatio: 10_000 },
    expected: ['S 2 email: limit'],
  },
  'a shared text of 10 MB': {
    format: 'excel',
    content: xlsx({ S: [['email', 'x'.repeat(10_000_000)]] }, { sharesStrings: true }),
    limits: { maxUnpackedRatio: 10_000 },
    expected: ['xl/sharedStrings.xml: limit fatal'],
  },
  'a sheet in Latin-1': {
    format: 'excel',
    content: withSheet(Buffer.from('<worksheet>é</worksheet>', 'latin1') as unknown as string),
    expected: ['xl/worksheets/s.xml: format fatal'],
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
