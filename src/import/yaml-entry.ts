import { Composer, type CST, type Document, isScalar, Lexer, Parser, visit } from 'yaml'
import { repeatedText } from './member-names.ts'
import type { Pace } from './pace.ts'

/** Words and signs of one piece of YAML: what is composed of them in one go takes some milliseconds. */
const MAX_LEXEMES = 10_000
const MAX_DEPTH = 64

interface Mistake {
  problem: string
  /** Lines before it. */
  line: number
}

/**
 * The value of a piece of YAML, or what is wrong with it. Lexed and parsed in turns with others; what could grow beyond its size
 * (aliases), become something else than data (tags) or be nested without end is refused before anything is made of it.
 */
export async function parseYaml(text: string, pace: Pace): Promise<{ value: unknown } | Mistake> {
  const parser = new Parser()
  const nesting = new Nesting()
  const tokens: CST.Token[] = []
  let count = 0
  for (const lexeme of new Lexer().lex(text)) {
    if (++count > MAX_LEXEMES)
      return { problem: `An entry has more than ${MAX_LEXEMES} parts: write it as one line of JSON`, line: 0 }
    if (nesting.follow(lexeme) > MAX_DEPTH) return { problem: `Values are nested deeper than ${MAX_DEPTH}`, line: 0 }
    tokens.push(...parser.next(lexeme))
    if (pace.isOver) await pace.rest()
  }
  tokens.push(...parser.end())
  const options = { stringKeys: true, uniqueKeys: false, resolveKnownTags: false, logLevel: 'silent' } as const
  const [document] = new Composer({ ...options, prettyErrors: false }).compose(tokens, true, text.length)
  if (document === undefined) return { problem: 'There is nothing here', line: 0 }
  return mistakeIn(document, text) ?? plainValue(document)
}

/** How deep the brackets of a text are, and the lists and mappings that begin on one line. */
class Nesting {
  #brackets = 0
  #onLine = 0

  follow(lexeme: string): number {
    if (lexeme === '[' || lexeme === '{') this.#brackets++
    else if (lexeme === ']' || lexeme === '}') this.#brackets--
    else if (lexeme === '\n') this.#onLine = 0
    else if (this.#brackets === 0 && (lexeme === '-' || lexeme === '?' || lexeme === ':')) this.#onLine++
    return this.#brackets + this.#onLine
  }
}

function mistakeIn(document: Document.Parsed, text: string): Mistake | undefined {
  const at = (offset: number) => text.slice(0, offset).split('\n').length - 1
  const error = document.errors[0] ?? document.warnings[0]
  if (error?.code === 'TAG_RESOLVE_FAILED')
    return { problem: 'Tags are not taken: write plain values', line: at(error.pos[0]) }
  if (error !== undefined) return { problem: `This is not YAML: ${error.message}`, line: at(error.pos[0]) }
  let found: Mistake | undefined
  visit(document, {
    Map(_, { items }) {
      const names = new Set<string>()
      for (const { key } of items) {
        const name = isScalar(key) ? String(key.value) : ''
        if (names.has(name)) {
          found = { problem: repeatedText(name), line: isScalar(key) ? at(key.range?.[0] ?? 0) : 0 }
          return visit.BREAK
        }
        names.add(name)
      }
      return undefined
    },
  })
  return found
}

function plainValue(document: Document): { value: unknown } | Mistake {
  try {
    return { value: document.toJS({ maxAliasCount: 0 }) }
  } catch {
    return { problem: 'This entry cannot be read: aliases and anchors are not taken', line: 0 }
  }
}
