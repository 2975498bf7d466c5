import { describe, expect, it } from 'vitest'
import type { ImportLimits, ImportProblem } from '../../../src/import/model.ts'
import { readImport } from '../../../src/import/readers.ts'
import { all, briefly, fileOf, problemsIn, roomyLimits, usersIn } from '../../harness/import-files.ts'
import { xlsx, zip } from '../../harness/xlsx.ts'

interface Given {
  content: Buffer
  limits?: Partial<ImportLimits>
}

const read = ({ content, limits }: Given) =>
  all(readImport(fileOf('f', content), {}, { ...roomyLimits, ...limits }, 'excel'))

const workbook = (row: readonly (string | null)[] = ['a@x.org']) => xlsx({ S: [['email', 'firstname'], row] })
const bomb = zip([{ name: 'xl/workbook.xml', data: Buffer.alloc(50_000_000) }])

/** A workbook whose only sheet is this XML. */
function withSheet(xml: string, styles = '<styleSheet/>'): Buffer {
  const relation = '<Relationships><Relationship Id="r1" Target="worksheets/s.xml"/></Relationships>'
  return zip([
    { name: 'xl/workbook.xml', data: '<workbook xmlns:r="r"><sheets><sheet name="S" r:id="r1"/></sheets></workbook>' },
    { name: 'xl/_rels/workbook.xml.rels', data: relation },
    { name: 'xl/styles.xml', data: styles },
    { name: 'xl/worksheets/s.xml', data: xml },
  ])
}

const withStyles = (styles: string) => withSheet('<worksheet/>', `<styleSheet>${styles}</styleSheet>`)

/** An archive whose parts are all the same bytes: each is small, together they are not. */
function overlapping(count: number): Buffer {
  const part = zip([{ name: 'a', data: ' '.repeat(1_000_000) }])
  const directory = part.indexOf('PK\x01\x02')
  const entry = part.subarray(directory, part.length - 22)
  const entries = Array.from({ length: count }, (_, n) => {
    const name = Buffer.from(`xl/${n}`)
    const head = Buffer.from(entry.subarray(0, 46))
    head.writeUInt16LE(name.length, 28)
    return Buffer.concat([head, name])
  })
  const all = Buffer.concat(entries)
  const tail = Buffer.from(part.subarray(part.length - 22))
  tail.writeUInt16LE(count, 8)
  tail.writeUInt16LE(count, 10)
  tail.writeUInt32LE(all.length, 12)
  return Buffer.concat([part.subarray(0, directory), all, tail])
}

const refused: Record<string, Given & { expected: string[]; says?: RegExp }> = {
  'an archive that unpacks to too much': {
    content: bomb,
    limits: { maxUnpackedBytes: 1_000_000 },
    expected: ['limit fatal'],
  },
  'an archive packed beyond reason': {
    content: bomb,
    limits: { maxUnpackedRatio: 100 },
    expected: ['limit fatal'],
    says: /100 times/,
  },
  'an archive that lies about its size': {
    content: zip([
      { name: 'xl/workbook.xml', data: `<workbook>${' '.repeat(1_000_000)}</workbook>`, declaredBytes: 20 },
    ]),
    expected: ['xl/workbook.xml: format fatal'],
  },
  'an archive with the same part twice': {
    content: zip([
      { name: 'a', data: '' },
      { name: 'a', data: '' },
    ]),
    expected: ['a: format fatal'],
  },
  'an archive that climbs': {
    content: zip([{ name: '../../etc/passwd', data: '' }]),
    expected: ['format fatal'],
  },
  'an encrypted archive': {
    content: zip([{ name: 'xl/workbook.xml', data: 'x', isEncrypted: true }]),
    expected: ['format fatal'],
    says: /password/,
  },
  'a workbook with a password': {
    content: Buffer.from('d0cf11e0a1b11ae1', 'hex'),
    expected: ['format fatal'],
    says: /password/,
  },
  'half a workbook': { content: workbook().subarray(0, 500), expected: ['format fatal'] },
  'an archive that is no workbook': {
    content: zip([{ name: 'a.txt', data: 'hello' }]),
    expected: ['format fatal'],
  },
  'a workbook that links to others': {
    content: xlsx(
      { S: [['email'], ['a@x.org']] },
      { extra: [{ name: 'xl/externalLinks/externalLink1.xml', data: '<x/>' }] },
    ),
    expected: ['format fatal'],
    says: /other workbooks/,
  },
  'a workbook with entities': {
    content: withSheet('<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><worksheet>&b;</worksheet>'),
    expected: ['S: format fatal'],
    says: /document type/,
  },
  'a sheet that is no XML': {
    content: withSheet('<worksheet><row></worksheet>'),
    expected: ['S: format fatal'],
  },
  'a sheet with columns beyond the limit': {
    content: withSheet('<worksheet><row><c r="XFD1"><v>1</v></c></row></worksheet>'),
    expected: ['S 1: limit fatal'],
  },
  'a sheet with rows beyond any sheet': {
    content: withSheet('<worksheet><row r="99999999999"/></worksheet>'),
    expected: ['S: format fatal'],
  },
  'a sheet that jumps back': {
    content: withSheet('<worksheet><row r="5"/><row r="5"/></worksheet>'),
    expected: ['S 5: format fatal'],
  },
  'a sheet with cells twice': {
    content: withSheet('<worksheet><row r="1"><c r="A1"><v>1</v></c><c r="A1"><v>2</v></c></row></worksheet>'),
    expected: ['S 1: format fatal'],
  },
  'a sheet with too many rows': {
    content: xlsx({ S: [['email'], ['a@x.org'], ['b@x.org'], ['c@x.org']] }),
    limits: { maxRows: 2 },
    expected: ['S 4: limit fatal'],
  },
  'a sheet with a large cell': {
    content: workbook(['a@x.org', 'x'.repeat(200)]),
    limits: { maxCellBytes: 150 },
    expected: ['S 2 firstname: limit'],
  },
  'a sheet with a cell of 10 MB': {
    content: workbook(['a@x.org', 'x'.repeat(10_000_000)]),
    limits: { maxUnpackedRatio: 10_000 },
    expected: ['S: limit fatal'],
  },
  'a sheet with a cell of many texts': {
    content: withSheet(
      `<worksheet><row><c t="inlineStr"><is><t>email</t></is></c></row><row><c t="inlineStr"><is>${'<r><t>abcdefghij</t></r>'.repeat(20_000)}</is></c></row></worksheet>`,
    ),
    limits: { maxUnpackedRatio: 10_000 },
    expected: ['S 2 email: limit'],
  },
  'shared texts that are short and very many': {
    content: xlsx({ S: [['email'], ...Array.from({ length: 40_000 }, () => ['abc'])] }, { sharesStrings: true }),
    limits: { maxUnpackedBytes: 4_000_000, maxUnpackedRatio: 10_000 },
    expected: ['limit fatal'],
    says: /texts of the workbook/,
  },
  'shared texts that are long': {
    content: xlsx(
      { S: [['email'], ...Array.from({ length: 20 }, () => ['é'.repeat(50_000)])] },
      { sharesStrings: true },
    ),
    limits: { maxUnpackedBytes: 4_000_000, maxUnpackedRatio: 10_000 },
    expected: ['limit fatal'],
    says: /texts of the workbook/,
  },
  'a workbook with very many styles': {
    content: withStyles(`<cellXfs>${'<xf/>'.repeat(70_000)}</cellXfs>`),
    limits: { maxUnpackedRatio: 10_000 },
    expected: ['limit fatal'],
    says: /styles/,
  },
  'a workbook with very many formats of dates': {
    content: withStyles(Array.from({ length: 70_000 }, (_, n) => `<numFmt numFmtId="${n}" formatCode="d"/>`).join('')),
    limits: { maxUnpackedRatio: 10_000 },
    expected: ['limit fatal'],
    says: /styles/,
  },
  'a workbook with very many relations': {
    content: zip([
      {
        name: 'xl/_rels/workbook.xml.rels',
        data: `<Relationships>${Array.from({ length: 70_000 }, (_, n) => `<Relationship Id="r${n}"/>`).join('')}</Relationships>`,
      },
    ]),
    limits: { maxUnpackedRatio: 10_000 },
    expected: ['limit fatal'],
  },
  'a shared text of 10 MB': {
    content: xlsx({ S: [['email', 'x'.repeat(10_000_000)]] }, { sharesStrings: true }),
    limits: { maxUnpackedRatio: 10_000 },
    expected: ['xl/sharedStrings.xml: limit fatal'],
  },
  'a workbook whose sheets are one and the same part': {
    content: zip([
      {
        name: 'xl/workbook.xml',
        data: '<workbook xmlns:r="r"><sheets><sheet name="S" r:id="r1"/><sheet name="T" r:id="r1"/></sheets></workbook>',
      },
      {
        name: 'xl/_rels/workbook.xml.rels',
        data: '<Relationships><Relationship Id="r1" Target="worksheets/s.xml"/></Relationships>',
      },
      { name: 'xl/worksheets/s.xml', data: '<worksheet/>' },
    ]),
    expected: ['format fatal'],
  },
  'archives in archives': {
    content: zip([{ name: 'a.zip', data: zip([{ name: 'b.zip', data: bomb }]) }]),
    expected: ['format fatal'],
  },
  'an archive whose parts share their bytes': {
    content: overlapping(1_000),
    expected: ['limit fatal'],
  },
  'a workbook that laughs a billion times': {
    content: withSheet(
      `<!DOCTYPE l [<!ENTITY l0 "lol">${Array.from({ length: 9 }, (_, n) => `<!ENTITY l${n + 1} "${`&l${n};`.repeat(10)}">`).join('')}]><worksheet>&l9;</worksheet>`,
    ),
    limits: { maxUnpackedRatio: 10_000 },
    expected: ['S: format fatal'],
    says: /document type/,
  },
  'a workbook that reads other files': {
    content: withSheet('<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><worksheet>&e;</worksheet>'),
    expected: ['S: format fatal'],
  },
  'a workbook whose sheet lies elsewhere': {
    content: zip([
      {
        name: 'xl/workbook.xml',
        data: '<workbook xmlns:r="r"><sheets><sheet name="S" r:id="r1"/></sheets></workbook>',
      },
      {
        name: 'xl/_rels/workbook.xml.rels',
        data: '<Relationships><Relationship Id="r1" TargetMode="External" Target="file:///etc/passwd"/></Relationships>',
      },
    ]),
    expected: ['format fatal'],
  },
  'a sheet nested without end': {
    content: withSheet('<a>'.repeat(100_000)),
    limits: { maxUnpackedRatio: 10_000 },
    expected: ['S: format fatal'],
    says: /nested/,
  },
  'a sheet with an element of very many attributes': {
    content: withSheet(
      `<worksheet><row ${Array.from({ length: 1_000 }, (_, n) => `a${n}=""`).join(' ')}/></worksheet>`,
    ),
    expected: ['S: format fatal'],
    says: /attributes/,
  },
  'a sheet with a text that is missing': {
    content: xlsx({
      S: [
        ['email', 'firstname'],
        ['a@x.org', { xml: '<c t="s"><v>99</v></c>' }],
      ],
    }),
    expected: ['S 2 firstname: format'],
    says: /missing/,
  },
  'a sheet with formulas, computed before or not': {
    content: xlsx({
      S: [
        ['email', 'firstname', 'lastname'],
        ['a@x.org', { xml: '<c t="str"><f>A1</f><v>Ann</v></c>' }, { xml: '<c><f>WEBSERVICE("http://x")</f></c>' }],
      ],
    }),
    expected: ['S 2 firstname: format', 'S 2 lastname: format'],
    says: /formula/,
  },
  'a sheet with merged cells': {
    content: xlsx({
      S: [
        ['email', 'firstname'],
        ['a@x.org', 'Ann'],
        [null, 'Bob'],
      ],
    }),
    expected: ['S 3: D-03'],
  },
  'a sheet with a heading above its header': {
    content: xlsx({ S: [['People of Mill Lane'], ['email'], ['a@x.org']] }),
    expected: ['D-01 fatal'],
    says: /first row/,
  },
  'a sheet in Latin-1': {
    content: withSheet(Buffer.from('<worksheet>é</worksheet>', 'latin1') as unknown as string),
    expected: ['xl/worksheets/s.xml: format fatal'],
  },
}

describe('hostile workbooks', () => {
  it.each(Object.entries(refused))('are refused with a sentence: %s', async (_, { expected, says, ...given }) => {
    const items = await read(given)
    expect(briefly(items)).toEqual(expected)
    const last = problemsIn(items).at(-1) as ImportProblem
    expect(last.text).toMatch(says ?? /^[A-Z].* .*/)
    expect(last.value?.length ?? 0).toBeLessThanOrEqual(100)
  })

  it.each(['', '<workbookPr date1904="1"/>'])('are refused with dates, which differ by system: %s', async (system) => {
    const cell = (text: string) => `<c t="inlineStr"><is><t>${text}</t></is></c>`
    const rows = `<row>${cell('email')}${cell('firstname')}</row><row>${cell('a@x.org')}<c s="1"><v>44197</v></c></row>`
    const content = zip([
      {
        name: 'xl/workbook.xml',
        data: `<workbook xmlns:r="r">${system}<sheets><sheet name="S" r:id="r1"/></sheets></workbook>`,
      },
      {
        name: 'xl/_rels/workbook.xml.rels',
        data: '<Relationships><Relationship Id="r1" Target="worksheets/s.xml"/></Relationships>',
      },
      {
        name: 'xl/styles.xml',
        data: '<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>',
      },
      { name: 'xl/worksheets/s.xml', data: `<worksheet><sheetData>${rows}</sheetData></worksheet>` },
    ])
    const [problem] = problemsIn(await read({ content }))
    expect(problem).toMatchObject({ place: { sheet: 'S', row: 2, column: 'firstname' }, rule: 'format' })
    expect(problem?.text).toContain('date')
  })

  it('of a million rows and 16,384 columns without anything in them are read', { timeout: 30_000 }, async () => {
    const letters = (n: number): string =>
      (n >= 26 ? letters(Math.floor(n / 26) - 1) : '') + String.fromCharCode(65 + (n % 26))
    const empty = Array.from({ length: 16_382 }, (_, n) => `<c r="${letters(n + 1)}1" s="0"/>`).join('')
    const text = (at: string, value: string) => `<c r="${at}" t="inlineStr"><is><t>${value}</t></is></c>`
    const rows = Array.from({ length: 1_048_574 }, (_, n) => `<row r="${n + 3}"/>`).join('')
    const content = withSheet(
      `<worksheet><sheetData><row r="1">${text('A1', 'email')}${empty}</row><row r="2">${text('A2', 'a@x.org')}</row>${rows}</sheetData></worksheet>`,
    )
    expect(usersIn(await read({ content }))).toEqual([{ login: 'a@x.org', email: 'a@x.org' }])
  })
})
