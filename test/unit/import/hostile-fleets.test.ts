import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { readImport } from '../../../src/import/readers.ts'
import { all, briefly, fileOf, problemsIn, roomyLimits } from '../../harness/import-files.ts'
import { xlsx, zip } from '../../harness/xlsx.ts'

const yaml = (text: string) => `format: ems-metadata-fleet\nversion: 1\n${text}`
const json = (text: string) => `{"format": "ems-metadata-fleet", "version": 1, ${text}}`
const many = (count: number, text: (n: number) => string) => Array.from({ length: count }, (_, n) => text(n)).join('')
const read = (content: string | Buffer) => all(readImport(fileOf('fleet', content), {}, roomyLimits))

/** Letters a to j, each nine times the one before. */
const bomb = `users:\n  - a: &a [x, x]\n${[...'bcdefghij'].map((letter, n) => `    ${letter}: &${letter} [${many(9, () => `*${'abcdefghij'[n]},`)}]\n`).join('')}`

const refused: Record<string, { content: string; expected: string[]; says: RegExp }> = {
  'YAML with anchors that grow': { content: yaml(bomb), expected: ['4 users[0]: format'], says: /aliases/ },
  'YAML with a tag of a language': {
    content: yaml('users:\n  - login: a\n    name: !!js/function "x"\n'),
    expected: ['5 users[0]: format'],
    says: /Tags/,
  },
  'YAML with a tag of the standard': {
    content: yaml('users:\n  - name: !!binary aGVsbG8=\n'),
    expected: ['4 users[0]: format'],
    says: /Tags/,
  },
  'YAML with a merge key': {
    content: yaml('users:\n  - login: a\n    <<: { globalRole: admin }\n'),
    expected: ['4 users[0]: format'],
    says: /<</,
  },
  'YAML with a key twice': {
    content: yaml('users:\n  - login: a\n    login: b\n'),
    expected: ['5 users[0]: format'],
    says: /login stands twice/,
  },
  'YAML with a list twice': {
    content: yaml('users:\n  - login: a\nusers:\n  - login: b\n'),
    expected: ['5: format fatal'],
    says: /users stands twice/,
  },
  'YAML with brackets in brackets': {
    content: yaml(`users:\n  - ${'['.repeat(60_000)}\n`),
    expected: ['4 users[0]: format'],
    says: /nested/,
  },
  'YAML with dashes behind dashes': {
    content: yaml(`users:\n  - ${'- '.repeat(30_000)}\n`),
    expected: ['4 users[0]: format'],
    says: /nested/,
  },
  'YAML with an entry of very many members': {
    content: yaml(`users:\n  - login: a\n${many(4_000, (n) => `    k${n}: 0\n`)}`),
    expected: ['4 users[0]: format'],
    says: /JSON/,
  },
  'YAML with what is nobody’s language': {
    content: yaml('users:\n  - login: a\n    language: NO\n'),
    expected: ['4 users[0].language: format'],
    says: /EN/,
  },
  'YAML with a number instead of an id': {
    content: yaml('edges:\n  - id: 0123\n'),
    expected: ['4 edges[0].id: format'],
    says: /text, in quotes/,
  },
  'YAML with names of prototypes': {
    content: yaml('__proto__:\n  - x\nusers:\n  - login: a\n    __proto__: { globalRole: admin }\n'),
    expected: ['3 __proto__: format', '6 users[0]: format'],
    says: /__proto__/,
  },
  'JSON with names of prototypes': {
    content: json('"constructor": [1], "users": [{"login": "a", "__proto__": {"globalRole": "admin"}}]'),
    expected: ['constructor: format', 'users[0]: format'],
    says: /__proto__/,
  },
  'JSON nested 100,000 deep': {
    content: json(`"users": [{"settings": ${'{"a":'.repeat(100_000)}`),
    expected: ['1 users: limit fatal'],
    says: /nested/,
  },
  'JSON with an entry of very many parts': {
    content: json(`"grants": [{"components": [${many(100_000, () => '"c",')}"c"]}]`),
    expected: ['1 grants: limit fatal'],
    says: /parts/,
  },
  'JSON with a NUL in a key': {
    content: json('"organisations": [{"key": "a\\u0000b", "name": "A"}]'),
    expected: ['organisations[0].key: format'],
    says: /NUL/,
  },
  'JSON with half of a character in settings': {
    content: json('"users": [{"login": "a", "settings": {"a\\ud800": 1}}]'),
    expected: ['users[0].settings.a�: format'],
    says: /half of a character/,
  },
  'JSON with a local date': {
    content: json('"memberships": [{"group": "g", "member": {"user": "a"}, "validTo": "31/12/2030"}]'),
    expected: ['memberships[0].validTo: format'],
    says: /UTC/,
  },
  'JSON with a comment': {
    content: json('"users": [\n// who\n]'),
    expected: ['2 users: format fatal'],
    says: /not JSON/,
  },
}

describe('hostile fleet files', () => {
  it.each(Object.entries(refused))('are refused with a sentence: %s', async (_, { content, expected, says }) => {
    const items = await read(content)
    expect(briefly(items).map((line) => line.toWellFormed())).toEqual(expected)
    expect(problemsIn(items).at(-1)?.text).toMatch(says)
    expect({}).not.toHaveProperty('globalRole')
  })

  const part = (styles: string) =>
    zip([
      {
        name: 'xl/workbook.xml',
        data: '<workbook xmlns:r="r"><sheets><sheet name="S" r:id="r1"/></sheets></workbook>',
      },
      {
        name: 'xl/_rels/workbook.xml.rels',
        data: '<Relationships><Relationship Id="r1" Target="worksheets/s.xml"/></Relationships>',
      },
      { name: 'xl/styles.xml', data: `<styleSheet><numFmts>${styles}</numFmts></styleSheet>` },
      { name: 'xl/worksheets/s.xml', data: '<worksheet><sheetData><row><c><v>1</v></c></row></sheetData></worksheet>' },
    ])
  const slow: Record<string, string | Buffer> = {
    ...Object.fromEntries(Object.entries(refused).map(([name, { content }]) => [name, content])),
    'YAML with a mapping in brackets': yaml(`users:\n  - {${many(9_000, (n) => `${n.toString(36)},`)}}\n`),
    'CSV with a header of 10 MB': `email,${'x'.repeat(10_000_000)}`,
    'CSV with nothing but line ends': `email\n${'\n'.repeat(2_000_000)}`,
    'CSV with thousands of claims': `email,claims\na@x.org,"${many(20_000, (n) => `c${n}=x,`)}"\n`,
    'CSV with thousands of sites': `email,sites\na@x.org,"${many(15_000, (n) => `${n},`)}"\n`,
    'a workbook with formats of brackets': part(
      many(5, (n) => `<numFmt numFmtId="${n}" formatCode="${'[a'.repeat(50_000)}"/>`),
    ),
    'a workbook with a row of attributes': xlsx({
      S: [['email'], [{ xml: `<c ${many(40_000, (n) => `a${n.toString(36)}="" `)}><v>1</v></c>` }]],
    }),
  }
  it.each(Object.entries(slow))('leave others their turn: %s', async (_, content) => {
    await read(content)
    let isReading = true
    let longestMs = 0
    const others = (async () => {
      for (let before = process.threadCpuUsage(); isReading; ) {
        await turn()
        const { user, system } = process.threadCpuUsage(before)
        longestMs = Math.max(longestMs, (user + system) / 1000)
        before = process.threadCpuUsage()
      }
    })()
    await read(content)
    isReading = false
    await others
    // Far below what each of these once took, and far enough above what they take for a machine with other work.
    expect(longestMs).toBeLessThan(50)
  })
})
