import { Tokenizer, TokenParser, TokenType } from '@streamparser/json'
import { type Step, selectorOf } from './json-path.ts'
import { JsonPosition } from './json-position.ts'
import { MemberNames } from './member-names.ts'
import type { ImportInput, ImportLimits } from './model.ts'
import { readText, recordBytes } from './read-text.ts'
import { Unreadable } from './unreadable.ts'

const MAX_DEPTH = 64
/** Values, names and signs between them: thousands of edges with their periods. */
const MAX_RECORD_TOKENS = 50_000

/** One value at a path of a JSON file: `users[3]` and what it is. */
export interface JsonRecord {
  path: string
  value: unknown
}

/** The values at a path of a JSON file, one after the other; nothing else of the file is kept. */
export async function* jsonRecords(
  input: ImportInput,
  steps: readonly Step[],
  limits: ImportLimits,
): AsyncGenerator<JsonRecord> {
  const stream = new RecordStream(input.name, steps, limits)
  for await (const text of readText(input, limits)) {
    stream.write(text)
    yield* stream.take()
  }
  stream.end()
  yield* stream.take()
}

class RecordStream {
  readonly #file: string
  readonly #limits: ImportLimits
  readonly #tokenizer = new Tokenizer({ emitPartialTokens: true })
  readonly #parser: TokenParser
  readonly #recordDepth: number
  readonly #names = new MemberNames()
  readonly #position = new JsonPosition()
  #records: JsonRecord[] = []
  #depth = 0
  /** Where the record at work began, and the tokens since. */
  #recordAt: number | undefined
  #tokens = 0
  #refused: Unreadable | undefined

  constructor(file: string, steps: readonly Step[], limits: ImportLimits) {
    this.#file = file
    this.#limits = limits
    this.#recordDepth = steps.length + 1
    this.#parser = new TokenParser({ paths: [selectorOf(steps) ?? ''], keepStack: false })
    this.#parser.onValue = ({ value, key, stack }) => {
      const keys = [...stack.slice(1).map((frame) => frame.key), ...(stack.length > 0 ? [key] : [])]
      this.#records.push({ path: pathOf(keys), value })
    }
    this.#tokenizer.onToken = ({ token, value, offset, partial }) => {
      this.#position.offset = offset
      const length = typeof value === 'string' ? value.length : partial ? this.#position.end - offset : 0
      if (length > limits.maxCellBytes) this.#refused ??= this.#refuse('limit', tooLong(limits))
      if (this.#refused) throw this.#refused
      if (partial) return
      const refused = this.#names.follow(token, value)
      if (refused !== undefined) this.#refused = this.#refuse(...refused)
      if (this.#refused) throw this.#refused
      this.#measure(token)
      this.#parser.write({ token, value })
    }
  }

  write(text: string): void {
    this.#position.begin(text)
    this.#guarded(() => this.#tokenizer.write(text))
    // What is thrown over an unfinished number stays within the tokenizer.
    if (this.#refused) throw this.#refused
    if (this.#recordAt !== undefined && this.#position.end - this.#recordAt > recordBytes(this.#limits))
      throw this.#refuse('limit', `A user takes more than ${recordBytes(this.#limits)} bytes: split his lists`)
  }

  end(): void {
    this.#position.begin('')
    this.#guarded(() => {
      this.#tokenizer.end()
      if (!this.#parser.isEnded) throw new Error('ends too early')
    })
  }

  take(): JsonRecord[] {
    const records = this.#records
    this.#records = []
    return records
  }

  #measure(token: TokenType): void {
    if (this.#recordAt !== undefined && ++this.#tokens > MAX_RECORD_TOKENS)
      throw this.#refuse(
        'limit',
        `A user has more than ${MAX_RECORD_TOKENS} parts: grant him a group instead of a list`,
      )
    if (token === TokenType.LEFT_BRACE || token === TokenType.LEFT_BRACKET) this.#depth++
    else if (token === TokenType.RIGHT_BRACE || token === TokenType.RIGHT_BRACKET) this.#depth--
    else return
    if (this.#depth > MAX_DEPTH) throw this.#refuse('limit', `The file is nested more than ${MAX_DEPTH} deep`)
    if (this.#depth < this.#recordDepth) this.#recordAt = undefined
    else if (this.#recordAt === undefined) {
      this.#recordAt = this.#position.offset
      this.#tokens = 0
    }
  }

  #guarded(work: () => void): void {
    try {
      work()
    } catch (error) {
      if (error instanceof Unreadable) throw error
      throw this.#refuse('format', 'This is not JSON from here on: correct it or export the file again')
    }
  }

  #refuse(rule: string, text: string): Unreadable {
    return new Unreadable({ file: this.#file, row: this.#position.row }, rule, text)
  }
}

function tooLong({ maxCellBytes }: ImportLimits): string {
  return `A value is longer than ${maxCellBytes} bytes: shorten it`
}

function pathOf(keys: readonly (string | number | undefined)[]): string {
  return keys.reduce<string>((path, key) => {
    if (typeof key === 'number') return `${path}[${key}]`
    return path === '' ? (key ?? '') : `${path}.${key ?? ''}`
  }, '')
}
