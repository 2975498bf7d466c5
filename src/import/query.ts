/** What a query asks of (D-26), by the names it may use; several names for one thing. */
const fields: Readonly<Record<'site' | 'edge', Readonly<Record<string, QueryField>>>> = {
  site: {
    name: 'name',
    key: 'key',
    location: 'location',
    address: 'location',
    street: 'location',
    city: 'location',
    postalcode: 'location',
    country: 'location',
    label: 'label',
    labels: 'label',
  },
  edge: {
    id: 'id',
    name: 'name',
    comment: 'name',
    serialnumber: 'serialNumber',
    producttype: 'producttype',
    type: 'producttype',
  },
}
export type QueryField = 'name' | 'key' | 'location' | 'label' | 'id' | 'serialNumber' | 'producttype'

/** A query as a tree; words alone must all stand somewhere in what is known of the site or edge. */
export type Query =
  | { kind: 'words'; words: readonly string[] }
  | { kind: 'and' | 'or'; parts: readonly Query[] }
  | { kind: 'not'; part: Query }
  | { kind: 'is' | 'like'; field: QueryField; value: string }

/** Comparisons, NOTs and parentheses: far more than anybody writes. */
const MAX_PARTS = 500
const MAX_LENGTH = 10_000
const token = /\s*(?:(['"])((?:(?!\1).)*)\1|(!=|<>|[=()])|([^\s'"=()<>!]+))/gy

/**
 * A query in the notation of the manual, `Name = 'North' OR City like Ghe AND NOT (...)`, or plain words; a sentence for
 * what is neither. Texts are compared without case; an address is one text here, so that `City = ...` looks into it.
 */
export function parseQuery(text: string, kind: 'site' | 'edge'): Query | string {
  if (text.length > MAX_LENGTH) return 'The query is too long'
  const tokens = tokensOf(text)
  if (tokens === undefined) return 'The query has a sign that means nothing, or a quote that is not closed'
  if (!tokens.some(isOperator)) return { kind: 'words', words: text.toLowerCase().split(/\s+/).filter(Boolean) }
  return new QueryParser(tokens, kind).parse()
}

/** Whether what is known by the name of a field, in as many texts as there are, is what the query asks for. */
export function matchesQuery(query: Query, textsOf: (field: QueryField | 'all') => readonly string[]): boolean {
  switch (query.kind) {
    case 'words': {
      const whole = textsOf('all').join('\n').toLowerCase()
      return query.words.every((word) => whole.includes(word))
    }
    case 'and':
      return query.parts.every((part) => matchesQuery(part, textsOf))
    case 'or':
      return query.parts.some((part) => matchesQuery(part, textsOf))
    case 'not':
      return !matchesQuery(query.part, textsOf)
    default:
      return textsOf(query.field).some((text) => holds(query, text.toLowerCase()))
  }
}

/** Whether a query needs what is known by this field: by its name, or by words, which may stand anywhere. */
export function asksFor(query: Query, field: QueryField): boolean {
  switch (query.kind) {
    case 'words':
      return query.words.length > 0
    case 'and':
    case 'or':
      return query.parts.some((part) => asksFor(part, field))
    case 'not':
      return asksFor(query.part, field)
    default:
      return query.field === field
  }
}

function holds({ kind, field, value }: Extract<Query, { field: QueryField }>, text: string): boolean {
  if (!value.includes('%')) return kind === 'like' || field === 'location' ? text.includes(value) : text === value
  if (kind === 'is') return text === value
  const [first = '', ...rest] = value.split('%')
  if (!text.startsWith(first)) return false
  let at = first.length
  for (const [index, part] of rest.entries()) {
    const found = index === rest.length - 1 ? Math.max(at, text.length - part.length) : text.indexOf(part, at)
    if (found === -1 || !text.startsWith(part, found)) return false
    at = found + part.length
  }
  return true
}

interface Token {
  text: string
  isQuoted: boolean
}

function tokensOf(text: string): Token[] | undefined {
  const tokens: Token[] = []
  let end = 0
  for (const match of text.matchAll(token)) {
    tokens.push({ text: match[2] ?? match[3] ?? match[4] ?? '', isQuoted: match[1] !== undefined })
    end = match.index + match[0].length
  }
  return text.slice(end).trim() === '' ? tokens : undefined
}

function isOperator({ text, isQuoted }: Token): boolean {
  return !isQuoted && ['=', '!=', '<>', 'like'].includes(text.toLowerCase())
}

/** OR binds less than AND, AND less than NOT. */
class QueryParser {
  readonly #tokens: readonly Token[]
  readonly #kind: 'site' | 'edge'
  #at = 0
  #parts = 0

  constructor(tokens: readonly Token[], kind: 'site' | 'edge') {
    this.#tokens = tokens
    this.#kind = kind
  }

  parse(): Query | string {
    const query = this.#chain('or')
    const left = this.#tokens[this.#at]
    return typeof query === 'string' || left === undefined ? query : `The query cannot go on with ${left.text}`
  }

  #chain(kind: 'or' | 'and'): Query | string {
    const parts: Query[] = []
    do {
      const part = kind === 'or' ? this.#chain('and') : this.#part()
      if (typeof part === 'string') return part
      parts.push(part)
    } while (this.#takes(kind))
    return parts.length === 1 && parts[0] ? parts[0] : { kind, parts }
  }

  #part(): Query | string {
    if (++this.#parts > MAX_PARTS) return 'The query is too long'
    if (this.#takes('not')) {
      const part = this.#part()
      return typeof part === 'string' ? part : { kind: 'not', part }
    }
    if (!this.#takes('(')) return this.#comparison()
    const inner = this.#chain('or')
    if (typeof inner === 'string') return inner
    return this.#takes(')') ? inner : 'The query has a parenthesis that is not closed'
  }

  #comparison(): Query | string {
    const name = this.#next()
    const field = name === undefined ? undefined : ownField(this.#kind, name.text)
    if (name === undefined || field === undefined) {
      const known = Object.keys(fields[this.#kind]).join(', ')
      return `The query asks for ${name?.text ?? 'nothing'}: it can ask for ${known}`
    }
    const operator = this.#next()?.text.toLowerCase()
    const value = this.#next()
    if (value === undefined || !['=', '!=', '<>', 'like'].includes(operator ?? ''))
      return `The query compares ${name.text} with =, != or like and a value`
    const found: Query = { kind: operator === 'like' ? 'like' : 'is', field, value: value.text.toLowerCase() }
    return operator === '!=' || operator === '<>' ? { kind: 'not', part: found } : found
  }

  #next(): Token | undefined {
    return this.#tokens[this.#at++]
  }

  #takes(text: string): boolean {
    const next = this.#tokens[this.#at]
    if (next === undefined || next.isQuoted || next.text.toLowerCase() !== text) return false
    this.#at++
    return true
  }
}

function ownField(kind: 'site' | 'edge', name: string): QueryField | undefined {
  const key = name.toLowerCase()
  return Object.hasOwn(fields[kind], key) ? fields[kind][key] : undefined
}
