import { pipeline, Readable } from 'node:stream'
import { CsvError, parse } from 'csv-parse'
import type { ImportInput, ImportItem, ImportLimits, ReadOptions } from './model.ts'
import { Pace } from './pace.ts'
import { introduced, readTemplate } from './read-template.ts'
import { readText, recordBytes } from './read-text.ts'
import { Table } from './table.ts'
import { Unreadable } from './unreadable.ts'
import { UserBuilder } from './user-builder.ts'

const delimiters = [',', ';', '\t', '|'] as const
/** In which a header ends. */
const MAX_START = 65_536
/** Of Windows, of Unix, and of what spreadsheets call CSV (Macintosh): a file may have several. */
const lineEnds = ['\r\n', '\n', '\r']
export const lineEnd = /\r\n|\n|\r/

/** Users from a table of text: columns named `opUser.*`, plainly (`email`, `firstname`), or by the template beside it. */
export async function* readCsv(
  input: ImportInput,
  options: ReadOptions,
  limits: ImportLimits,
): AsyncGenerator<ImportItem> {
  const found = await readTemplate(options, limits, { file: input.name })
  yield* introduced(found)
  if (found.items.some(({ kind }) => kind === 'problem')) return
  const text = readText(input, limits)
  const { start, delimiter } = await beginning(text)
  let row = start.startsWith('sep=') ? 1 : 0
  const body = row === 1 ? start.replace(/^.*?(?:\r\n|\n|\r)/, '') : start
  let table: Table | undefined
  let builder: UserBuilder | undefined
  for await (const cells of records(input, chain(body, text), delimiter, limits, options.pace)) {
    row++
    if (row > limits.maxRows + 1)
      throw new Unreadable(
        { file: input.name, row },
        'limit',
        `The file has more than ${limits.maxRows} rows: split it`,
      )
    if (table === undefined || builder === undefined) {
      if (cells.every((cell) => cell === '')) continue
      table = new Table({ file: input.name, row }, cells, found.template, limits)
      builder = new UserBuilder(table.template, options)
      yield* table.remarks
      continue
    }
    const raw = table.read(row, cells)
    if (raw !== undefined) yield* 'kind' in raw ? [raw] : builder.build(raw)
  }
  if (table === undefined) throw new Unreadable({ file: input.name }, 'format', 'The file is empty')
}

/** The text until its first line is whole, and the delimiter that line is most likely written with. */
async function beginning(text: AsyncGenerator<string>): Promise<{ start: string; delimiter: string }> {
  let start = ''
  while (!/[\r\n][^\r\n]/.test(start) && start.length <= MAX_START) {
    const next = await text.next()
    if (next.done) break
    start += next.value
  }
  return { start, delimiter: delimiterOf(start) }
}

/** The delimiter that is in the first line most often, outside quotes; spreadsheets may say it by `sep=;`. */
export function delimiterOf(start: string): string {
  const said = /^sep=([,;|\t])[\r\n]/.exec(start)?.[1]
  if (said !== undefined) return said
  const first =
    start
      .trimStart()
      .replaceAll(/"[^"]*"/g, '')
      .split(lineEnd, 1)[0] ?? ''
  const count = (delimiter: string) => first.split(delimiter).length
  return delimiters.reduce((best, other) => (count(other) > count(best) ? other : best))
}

async function* chain(start: string, rest: AsyncIterable<string>): AsyncGenerator<string> {
  yield start
  yield* rest
}

async function* records(
  input: ImportInput,
  text: AsyncIterable<string>,
  delimiter: string,
  limits: ImportLimits,
  pace = new Pace(),
): AsyncGenerator<string[]> {
  const parser = parse({
    delimiter,
    record_delimiter: lineEnds,
    relax_column_count: true,
    skip_empty_lines: false,
    max_record_size: recordBytes(limits),
  })
  const lines: Lines = { row: 1, quotedAt: undefined }
  pipeline(Readable.from(narrow(input, text, delimiter, limits, lines)), parser, () => {})
  try {
    for await (const record of parser) {
      yield record as string[]
      // What was parsed together comes without a turn between.
      if (pace.isOver) await pace.rest()
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    const isOpen = error.code === 'CSV_QUOTE_NOT_CLOSED'
    const row = (isOpen ? lines.quotedAt : undefined) ?? Number(error['lines'] ?? parser.info.lines)
    const place = { file: input.name, row }
    if (error.code === 'CSV_MAX_RECORD_SIZE')
      throw new Unreadable(place, 'limit', 'The row is too long: shorten its cells')
    throw new Unreadable(
      place,
      'format',
      'A quote is not closed, or stands inside a cell: double it or put the cell in quotes',
    )
  }
}

/** The row at work, and the one in which the quote was opened that is not closed yet. */
interface Lines {
  row: number
  quotedAt: number | undefined
}

/** Hands the text on while no row has more cells than there may be: of empty ones, a small file holds very many. */
async function* narrow(
  { name }: ImportInput,
  text: AsyncIterable<string>,
  delimiter: string,
  { maxColumns }: ImportLimits,
  lines: Lines,
): AsyncGenerator<string> {
  let cells = 1
  let before = ''
  for await (const piece of text) {
    for (const sign of piece) {
      const isEnd = sign === '\r' || (sign === '\n' && before !== '\r')
      before = sign
      if (isEnd) lines.row++
      if (sign === '"') lines.quotedAt = lines.quotedAt === undefined ? lines.row : undefined
      else if (lines.quotedAt !== undefined) continue
      else if (sign === delimiter) cells++
      else if (isEnd) cells = 1
      if (cells > maxColumns)
        throw new Unreadable(
          { file: name, row: lines.row },
          'limit',
          `A row has more than ${maxColumns} cells: delete some columns`,
        )
    }
    yield piece
  }
}
