import { readdir, readFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rules } from './rules.ts'

const testFolder = fileURLToPath(new URL('..', import.meta.url))
/** A title of a test or of a block of tests; the opening quote is the first group, the title the second. */
const title = /\b(?:it|test|describe|eachEngine)\b(?:\.\w+)*(?:\([^'"`\n]*\))?\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/g
/** A row of a table of cases, whose name is the title of its test. */
const row = /\bname: '(V\d[^']*)'/g
const ruleId = /\b(?:(?:EC|OC|GD|[CEOPGD])-\d{2}|[TKV]\d{1,2})\b/g
const invariants = /\binvariants? ((?:\d+(?:, | and )?)+)/g

/** Where the table lies. */
export const tableFile = join(testFolder, 'RULES.md')

/** The test files that name each rule in a title, by its id. */
export async function testsByRule(): Promise<Map<string, Set<string>>> {
  const found = new Map<string, Set<string>>()
  for (const file of (await readdir(testFolder, { recursive: true })).sort()) {
    if (!file.endsWith('.test.ts')) continue
    const name = relative('.', file)
      .split(sep)
      .join('/')
      .replace(/\.test\.ts$/, '')
    for (const id of idsNamedIn(await readFile(join(testFolder, file), 'utf8'))) {
      found.set(id, (found.get(id) ?? new Set()).add(name))
    }
  }
  return found
}

/** The ids of rules in the titles of a test file. */
export function idsNamedIn(source: string): string[] {
  const titles = [...source.matchAll(title)].map(([, , text = '']) => text)
  const rows = [...source.matchAll(row)].map(([, text = '']) => text)
  return [...titles, ...rows].flatMap((text) => [
    ...(text.match(ruleId) ?? []),
    ...[...text.matchAll(invariants)]
      .flatMap(([, numbers]) => numbers?.match(/\d+/g) ?? [])
      .map((n) => `invariant ${n}`),
  ])
}

/** The table as it should be. */
export async function describeRules(): Promise<string> {
  const tests = await testsByRule()
  const rows = rules.map(({ id, text, open, beyond }) => {
    const files = [...(tests.get(id) ?? [])].join(', ') || `none: ${open ?? 'missing'}`
    return `| ${id} | ${text} | ${files}${beyond === undefined ? '' : `; not here: ${beyond}`} |`
  })
  return [
    '# Rules and their tests',
    '',
    'Written by `npm run rules` from the titles of the tests. Files are below `test/`, without `.test.ts`.',
    '',
    '| rule | what it says | tests |',
    '|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}
