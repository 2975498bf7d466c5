import { JSONParser, TokenType } from '@streamparser/json'
import { JsonPosition } from './json-position.ts'
import { MemberNames } from './member-names.ts'
import type { ImportInput, ImportLimits, Place } from './model.ts'
import { readText } from './read-text.ts'
import { Unreadable } from './unreadable.ts'

/** Text of one entry that is read, and of any one value; what is larger belongs to no file of ours. */
export const MAX_ENTRY_CHARACTERS = 1 << 20
/** Values, names and signs between them in one entry that is read. */
export const MAX_ENTRY_TOKENS = 20_000
const MAX_DEPTH = 64

/** What a file that is one object or mapping has to say, in its order. */
export type Member =
  /** A member begins: with a list, an object, or a value that stands for itself. */
  | { place: Place; member: string; begins: 'list' | 'object' | 'value' }
  /** What stands in it: an entry of a list by its position, one of an object by its name; the value itself has no key. */
  | { place: Place; member: string; key?: string | number; value: unknown }

/**
 * The members of the object that a JSON file is, with never more of it in memory than one entry. `wanted` names the members
 * whose entries are read (`*`: all), `whole` those that are values; of the others nothing is kept, so they may be of any size.
 * Throws Unreadable for what is not such a file, is nested too deep or has an entry to read that is too large.
 */
export async function* jsonMembers(
  input: ImportInput,
  limits: ImportLimits,
  { wanted, whole = [] }: { wanted: readonly string[]; whole?: readonly string[] },
): AsyncGenerator<Member> {
  const paths = [...wanted.map((member) => `$.${member}.*`), ...whole.map((member) => `$.${member}`)]
  const scanner = new Scanner(input.name, paths, (member) => wanted.includes('*') || wanted.includes(member))
  for await (const text of readText(input, limits)) {
    scanner.write(text)
    yield* scanner.take()
  }
  scanner.end()
  yield* scanner.take()
}

/** Follows the tokens of a file and keeps what is complete. */
class Scanner {
  readonly #file: string
  readonly #parser: JSONParser
  readonly #isWanted: (member: string) => boolean
  readonly #names = new MemberNames()
  #found: Member[] = []
  #depth = 0
  #member = ''
  /** Where in the outermost object the scan is. */
  #at: 'start' | 'name' | 'colon' | 'value' | 'inside' = 'start'
  #sinceEntry = 0
  #tokens = 0
  readonly #position = new JsonPosition()

  constructor(file: string, paths: string[], isWanted: (member: string) => boolean) {
    this.#file = file
    this.#isWanted = isWanted
    this.#parser = new JSONParser({ paths, keepStack: false })
    this.#parser.onToken = ({ token, value, offset }) => {
      this.#position.offset = offset
      this.#follow(token, value)
    }
    this.#parser.onValue = ({ key, value, stack }) => {
      // A list that was wanted as a value: its entries are what is wrong, and the reader has been told that it begins.
      const isEntry = stack.length === 2
      const place = { file: this.#file, path: isEntry ? entryPath(this.#member, key) : this.#member }
      this.#found.push({ place, member: this.#member, ...(isEntry && key !== undefined ? { key } : {}), value })
    }
  }

  write(text: string): void {
    this.#sinceEntry += text.length
    this.#position.begin(text)
    this.#attempt(() => this.#parser.write(text))
    if (this.#sinceEntry > MAX_ENTRY_CHARACTERS) {
      throw this.#unreadable('limit', `An entry has more than ${MAX_ENTRY_CHARACTERS} characters: split its lists`)
    }
  }

  /** Throws Unreadable when the file ends before its object does. */
  end(): void {
    this.#attempt(() => {
      if (!this.#parser.isEnded) this.#parser.end()
    })
  }

  take(): Member[] {
    const found = this.#found
    this.#found = []
    return found
  }

  #follow(token: TokenType, value: unknown): void {
    const opens = token === TokenType.LEFT_BRACE || token === TokenType.LEFT_BRACKET
    if (this.#at === 'start' && token !== TokenType.LEFT_BRACE) {
      throw this.#unreadable('format', 'The file is not one object in braces')
    }
    const refused = this.#names.follow(token, value)
    if (refused !== undefined) throw this.#unreadable(...refused)
    if (++this.#tokens > MAX_ENTRY_TOKENS)
      throw this.#unreadable('limit', `An entry has more than ${MAX_ENTRY_TOKENS} parts: split its lists`)
    if (this.#depth === 1) this.#step(token, value)
    if (this.#at === 'start') this.#at = 'name'
    if (opens) this.#depth++
    if (token === TokenType.RIGHT_BRACE || token === TokenType.RIGHT_BRACKET) this.#depth--
    if (this.#depth > MAX_DEPTH) throw this.#unreadable('limit', `Values are nested deeper than ${MAX_DEPTH}`)
    if (this.#depth > 2 && this.#isWanted(this.#member)) return
    this.#sinceEntry = 0
    this.#tokens = 0
  }

  /** One token of the outermost object itself: name, colon, value, comma. */
  #step(token: TokenType, value: unknown): void {
    if (token === TokenType.COMMA) this.#at = 'name'
    else if (this.#at === 'name' && token === TokenType.STRING) {
      this.#member = String(value)
      this.#at = 'colon'
    } else if (this.#at === 'colon') this.#at = 'value'
    else if (this.#at === 'value') {
      const begins = token === TokenType.LEFT_BRACKET ? 'list' : token === TokenType.LEFT_BRACE ? 'object' : 'value'
      this.#found.push({ place: { file: this.#file, path: this.#member }, member: this.#member, begins })
      this.#at = 'inside'
    }
  }

  #attempt(step: () => void): void {
    try {
      step()
    } catch (error) {
      if (error instanceof Unreadable) throw error
      throw this.#unreadable('format', 'This is not JSON from here on: correct it or export the file again')
    }
  }

  #unreadable(rule: string, text: string): Unreadable {
    const path = this.#member === '' ? {} : { path: this.#member }
    return new Unreadable({ file: this.#file, row: this.#position.row, ...path }, rule, text)
  }
}

/** `users[3]`, `edges.edge0`. */
export function entryPath(member: string, key: string | number | undefined): string {
  return typeof key === 'number' ? `${member}[${key}]` : `${member}.${key}`
}
