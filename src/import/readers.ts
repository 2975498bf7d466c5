import type { ImportInput, ImportItem, ImportLimits, ImportProblem, Reader, ReadOptions } from './model.ts'
import { delimiterOf, readCsv } from './read-csv.ts'
import { isWorkbook, readExcel } from './read-excel.ts'
import { isFleet, readFleet } from './read-fleet.ts'
import { isKeycloak, readKeycloak } from './read-keycloak.ts'
import { isOpenemsFile, readOpenemsFile } from './read-openems-file.ts'
import { readTemplateJson } from './read-template-json.ts'
import { fieldOfColumn } from './table.ts'
import { Unreadable } from './unreadable.ts'

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
  const head = await readHead(input)
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
  const format = formatName === undefined ? await detectFormat(input, options) : formatNamed(formatName)
  if (format === undefined) {
    yield unknownFormat(input, formatName)
    return
  }
  let problems = 0
  try {
    for await (const item of format.read(input, options, limits)) {
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
  const lines = text.trimStart().split('\n', 2)
  const header = lines[0]?.startsWith('sep=') ? lines[1] : lines[0]
  const names = (header ?? '').split(delimiterOf(text)).map((name) => name.replaceAll('"', '').trim())
  return template !== undefined || names.some((name) => fieldOfColumn(name) === 'Email')
}

function unknownFormat(input: ImportInput, name: string | undefined): ImportProblem {
  const known = formats.map((format) => format.name).join(', ')
  const text =
    name === undefined
      ? `This is none of the formats that can be read (${known}); give the template if it needs one, or name the format`
      : `There is no format ${name}; there are ${known}`
  return { kind: 'problem', place: { file: input.name }, rule: 'format', text, isFatal: true }
}
