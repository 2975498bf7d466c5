import type { ImportInput, ImportItem, ImportLimits, ImportProblem, Reader, ReadOptions } from './model.ts'
import { delimiterOf, lineEnd, readCsv } from './read-csv.ts'
import { isWorkbook, readExcel } from './read-excel.ts'
import { isFleet, readFleet } from './read-fleet.ts'
import { isKeycloak, readKeycloak } from './read-keycloak.ts'
import { isOpenemsFile, readOpenemsFile } from './read-openems-file.ts'
import { readTemplateJson } from './read-template-json.ts'
import { unstorableIn } from './storable.ts'
import { fieldOfColumn } from './table.ts'
import { problemAt, Unreadable } from './unreadable.ts'

/** How a file begins: enough to tell what it is. */
export interface Head {
  bytes: Buffer
  /** Undefined for what is not text. */
  text?: string
}

export interface Format {
  name: string
  /** For people. */
  title: string
  /** Whether a file that begins like this is of this format; its name is never looked at. */
  detects(head: Head, options: ReadOptions): boolean
  read: Reader
}

/** Every format that can be read, in the order in which they are tried. */
export const formats: readonly Format[] = [
  { name: 'template-json', title: 'JSON with a template: users', detects: isTemplateJson, read: readTemplateJson },
  {
    name: 'fleet',
    title: 'Fleet, JSON or YAML: everything, as an export writes it',
    detects: isFleet,
    read: readFleet,
  },
  { name: 'excel', title: 'Excel: users', detects: ({ bytes }) => isWorkbook(bytes), read: readExcel },
  { name: 'openems-file', title: 'OpenEMS Metadata.File: edges', detects: isOpenemsFile, read: readOpenemsFile },
  { name: 'keycloak', title: 'Keycloak realm export: users and groups', detects: isKeycloak, read: readKeycloak },
  { name: 'csv', title: 'CSV: users', detects: isTable, read: readCsv },
]

const HEAD_BYTES = 65_536

/** The format with this name. */
export function formatNamed(name: string): Format | undefined {
  return formats.find((format) => format.name === name)
}

/** The format the content of a file is in; undefined for none that is known. */
export async function detectFormat(input: ImportInput, options: ReadOptions): Promise<Format | undefined> {
  return formatOf(await readHead(input), options)
}

function formatOf(head: Head, options: ReadOptions): Format | undefined {
  return formats.find((format) => format.detects(head, options))
}

/**
 * Everything in a file, in the format named or the one its content is in. Never throws for content: what makes the rest
 * unreadable, or one problem too many, is a fatal problem and the last item.
 */
export async function* readImport(
  input: ImportInput,
  options: ReadOptions,
  limits: ImportLimits,
  formatName?: string,
): AsyncGenerator<ImportItem> {
  const head = await readHead(input)
  const format = formatName === undefined ? formatOf(head, options) : formatNamed(formatName)
  if (format === undefined) {
    yield unknownFormat(input, head, formatName)
    return
  }
  let problems = 0
  try {
    for await (const read of format.read(input, options, limits)) {
      const item = storable(read)
      yield item
      if (item.kind === 'problem' && ++problems >= limits.maxProblems)
        throw new Unreadable(
          item.place,
          'limit',
          `There are ${problems} problems: mend these first, the rest is not read`,
        )
    }
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error
    yield error.problem
  }
}

/** The item, or what is wrong with a text in it, wherever that would have gone. */
function storable(item: ImportItem): ImportItem {
  if (item.kind === 'problem' || item.kind === 'remark' || item.kind === 'dryRun') return item
  const { place, ...record } = item
  const found = unstorableIn(record)
  if (found === undefined) return item
  const text = 'The text has a NUL character or half of a character in it: delete that'
  return problemAt({ ...place, path: `${place.path ?? ''}${found.path}` }, 'format', text, found.text)
}

async function readHead(input: ImportInput): Promise<Head> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of input.open()) {
    chunks.push(chunk)
    size += chunk.length
    if (size >= HEAD_BYTES) break
  }
  const bytes = Buffer.concat(chunks).subarray(0, HEAD_BYTES)
  const text = textOf(bytes)
  return text === undefined ? { bytes } : { bytes, text }
}

function textOf(bytes: Buffer): string | undefined {
  const encoding =
    bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8'
  const text = new TextDecoder(encoding).decode(bytes, { stream: true })
  return text.includes('\0') ? undefined : text
}

/** Any JSON with a template beside it, or one that begins with its template. */
function isTemplateJson({ text = '' }: Head, { template }: ReadOptions): boolean {
  return template === undefined ? /^\s*\{\s*"template"\s*:/i.test(text) : /^\s*[[{]/.test(text)
}

/** A first line with a column for the e-mail address, or any text that is not JSON and has a template to explain it. */
function isTable({ text }: Head, { template }: ReadOptions): boolean {
  if (text === undefined || /^\s*[[{]/.test(text)) return false
  const lines = text.trimStart().split(lineEnd, 2)
  const header = lines[0]?.startsWith('sep=') ? lines[1] : lines[0]
  const names = (header ?? '').split(delimiterOf(text)).map((name) => name.replaceAll('"', '').trim())
  return template !== undefined || names.some((name) => fieldOfColumn(name) === 'Email')
}

function unknownFormat(input: ImportInput, head: Head, name: string | undefined): ImportProblem {
  const known = formats.map((format) => format.name).join(', ')
  const text =
    name === undefined ? unknownText(head, known) : `There is no format ${name.slice(0, 50)}; there are ${known}`
  return { kind: 'problem', place: { file: input.name }, rule: 'format', text, isFatal: true }
}

function unknownText({ bytes, text }: Head, known: string): string {
  if (text?.trim() === '' || bytes.length === 0) return 'The file is empty: choose another one'
  if (text === undefined) return 'This is neither a workbook nor text as UTF-8: save it as .xlsx, or as text in UTF-8'
  if (/^\s*</.test(text)) return 'This is a web page or XML: open it in a spreadsheet and save it as .xlsx'
  if (/^\s*[[{]/.test(text))
    return `This JSON is none that can be read without a template (of ${known}): give the template`
  return `This is none of the formats that can be read (${known}): a table needs a column called email, or a template`
}
