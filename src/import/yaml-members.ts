import { Readable } from 'node:stream'
import { LONG_ENTRY_CHARACTERS } from './fleet-text.ts'
import { entryPath, jsonMembers, MAX_ENTRY_CHARACTERS, type Member } from './json-members.ts'
import { repeatedText } from './member-names.ts'
import type { ImportInput, ImportLimits, ImportProblem, Place } from './model.ts'
import { Pace } from './pace.ts'
import { readText } from './read-text.ts'
import { problemAt, Unreadable } from './unreadable.ts'
import { parseYaml } from './yaml-entry.ts'

/** Parsed together; an entry that is larger is written as one line of JSON. */
const MAX_CHUNK_CHARACTERS = 64 * 1024

const tooLong = `An entry has more than ${MAX_CHUNK_CHARACTERS} characters: write it as one line of JSON`

const memberLine = /^(["']?)([^\s"'#:-][^"':]*)\1:(?:\s|$)/
const listHeader = /:\s*(?:#.*)?$/
const entryLine = /^( *)-(?:\s|$)/
const jsonLine = /^ *- +(?=\{)/
const blankLine = /^\s*(?:#.*)?$/
const documentMark = /^(?:---|\.\.\.|%)/

/** Lines that are parsed together: a member that is a value, or one entry of a list. */
interface Chunk {
  row: number
  lines: string[]
  member: string
  /** Position in the list. */
  key?: number
}

/**
 * The members of the mapping that a YAML file is, as `jsonMembers` has them. Lists are written as lines that begin with a
 * dash, so that one entry at a time is parsed: no file blocks the event loop, and aliases, which could blow up, are refused.
 */
export async function* yamlMembers(
  input: ImportInput,
  limits: ImportLimits,
  pace = new Pace(),
): AsyncGenerator<Member | ImportProblem> {
  const splitter = new Splitter(input.name)
  for await (const line of linesOf(input, limits)) {
    const chunk = splitter.next(line)
    if (chunk !== undefined) yield* parse(input.name, chunk, limits, pace)
  }
  const last = splitter.end()
  if (last !== undefined) yield* parse(input.name, last, limits, pace)
}

/** Puts lines together to chunks. */
class Splitter {
  readonly #file: string
  #row = 0
  #chunk: Chunk | undefined
  /** After its first line. */
  #characters = 0
  readonly #members = new Set<string>()
  /** The list that is open, and how far its dashes are from the margin. */
  #list: { member: string; indent: number | undefined; next: number } | undefined

  constructor(file: string) {
    this.#file = file
  }

  /** Takes a line; the chunk that it ends, if it ends one. */
  next(line: string): Chunk | undefined {
    this.#row++
    if (blankLine.test(line)) return this.#add(line)
    if (documentMark.test(line)) return this.#mark(line)
    if (/^[^\s-]/.test(line)) return this.#memberBegins(line)
    const dash = entryLine.exec(line)?.[1]?.length
    const list = this.#list
    if (list === undefined || dash === undefined || (list.indent ?? dash) !== dash) return this.#add(line)
    list.indent = dash
    return this.#begin({ row: this.#row, lines: [line], member: list.member, key: list.next++ })
  }

  end(): Chunk | undefined {
    return this.#begin(undefined)
  }

  #memberBegins(line: string): Chunk | undefined {
    const member = memberLine.exec(line)?.[2]
    if (member === undefined) throw this.#unreadable('Every line at the margin begins a member, like "users:"')
    if (this.#members.has(member)) throw this.#unreadable(repeatedText(member))
    this.#members.add(member)
    this.#list = listHeader.test(line) ? { member, indent: undefined, next: 0 } : undefined
    return this.#begin({ row: this.#row, lines: [line], member })
  }

  #begin(chunk: Chunk | undefined): Chunk | undefined {
    const complete = this.#chunk
    this.#chunk = chunk
    this.#characters = 0
    return complete
  }

  #add(line: string): undefined {
    if (this.#chunk === undefined) {
      if (blankLine.test(line)) return
      throw this.#unreadable('The file is not a mapping with members like "users:" at the margin')
    }
    this.#characters += line.length + 1
    if (this.#characters > MAX_CHUNK_CHARACTERS) throw this.#unreadable(tooLong, 'limit')
    this.#chunk.lines.push(line)
  }

  #mark(line: string): undefined {
    if (this.#chunk === undefined && line.startsWith('---')) return
    throw this.#unreadable('A file is one YAML document, without directives')
  }

  #unreadable(text: string, rule = 'format'): Unreadable {
    return new Unreadable({ file: this.#file, row: this.#row }, rule, text)
  }
}

async function* parse(
  file: string,
  { row, lines, member, key }: Chunk,
  limits: ImportLimits,
  pace: Pace,
): AsyncGenerator<Member | ImportProblem> {
  const place = { file, row, path: key === undefined ? member : entryPath(member, key) }
  const [line = ''] = lines
  if (key !== undefined && line.length > LONG_ENTRY_CHARACTERS && jsonLine.test(line) && lines.every(isFirstOrBlank)) {
    const found = await jsonEntry(line.replace(jsonLine, ''), place, limits)
    if (found !== undefined) return yield { place, member, key, value: found.value }
  }
  if (line.length > MAX_CHUNK_CHARACTERS) throw new Unreadable(place, 'limit', tooLong)
  const parsed = await parseYaml(lines.join('\n'), pace)
  if ('problem' in parsed) return yield problemAt({ ...place, row: row + parsed.line }, 'format', parsed.problem)
  if (key !== undefined) return yield { place, member, key, value: (parsed.value as unknown[])[0] }
  const value = (parsed.value as Record<string, unknown>)[member]
  if (Array.isArray(value) || value === null) {
    yield { place, member, begins: 'list' }
    for (const [at, entry] of (value ?? []).entries()) {
      yield { place: { ...place, path: entryPath(member, at) }, member, key: at, value: entry }
    }
    return
  }
  yield { place, member, begins: typeof value === 'object' ? 'object' : 'value' }
  yield { place, member, value }
}

function isFirstOrBlank(line: string, position: number): boolean {
  return position === 0 || blankLine.test(line)
}

/** An entry that stands in one line as JSON; undefined: it is something else. Throws Unreadable for one that is too large. */
async function jsonEntry(json: string, place: Place, limits: ImportLimits): Promise<{ value: unknown } | undefined> {
  const input = { name: place.file, open: () => Readable.from([Buffer.from(`{"entry":[${json}]}`)]) }
  try {
    for await (const found of jsonMembers(input, limits, { wanted: ['entry'] })) {
      if (!('begins' in found)) return { value: found.value }
    }
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    if (error.problem.rule !== 'format') throw new Unreadable(place, error.problem.rule, error.message)
  }
  return undefined
}

async function* linesOf(input: ImportInput, limits: ImportLimits): AsyncGenerator<string> {
  let rest = ''
  for await (const text of readText(input, limits)) {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > MAX_ENTRY_CHARACTERS) {
      throw new Unreadable({ file: input.name }, 'limit', `A line has more than ${MAX_ENTRY_CHARACTERS} characters`)
    }
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line
  }
  yield rest
}
