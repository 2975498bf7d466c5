import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { rules } from './rules.ts'
import { describeRules, idsNamedIn, tableFile, testsByRule } from './rules-table.ts'

describe('the rules', () => {
  it('stand in test/RULES.md with their tests: `npm run rules` writes it anew', async () => {
    expect(await readFile(tableFile, 'utf8')).toBe(await describeRules())
  })

  it('have a test each that names them, or a reason why not', async () => {
    const tests = await testsByRule()
    expect(rules.filter(({ id, open }) => !tests.has(id) && open === undefined).map(({ id }) => id)).toEqual([])
  })

  it('are known, each once', async () => {
    const known = new Set(rules.map(({ id }) => id))
    expect(known.size).toBe(rules.length)
    expect([...(await testsByRule()).keys()].filter((id) => !known.has(id))).toEqual([])
  })

  it('are read from the titles of tests and from nothing else', () => {
    // In pieces, so that this file names none of them itself.
    const [block, each, one] = ['describe', 'it.each', 'it']
    const source = [
      '// P-01',
      `${block}('G-01 and K2', () => { const a = 'P-02' })`,
      `${each}(rows)(\`$name (D-14)\`, async () => {})`,
      `${block}('T3', body)`,
      "const rows = [{ name: 'V4 cuts', a: 'V5' }]",
      `${each}(rows)('$name (invariants 2, 4 and 11; EC-08)', body)`,
      `${one}(\n  'G-02: an owner\\'s K10', () => {})`,
    ]
    expect(idsNamedIn(source.join('\n'))).toEqual([
      'G-01',
      'K2',
      'D-14',
      'T3',
      'EC-08',
      'invariant 2',
      'invariant 4',
      'invariant 11',
      'G-02',
      'K10',
      'V4',
    ])
  })
})
