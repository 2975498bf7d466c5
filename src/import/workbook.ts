import { posix } from 'node:path'
import { Archive } from './archive.ts'
import type { ImportInput, ImportLimits, Place } from './model.ts'
import { readXml, type XmlHandlers } from './read-xml.ts'
import { type SheetContext, type SheetRow, SheetRows, unescapeText } from './sheet-rows.ts'
import type { Cell } from './table.ts'
import { Unreadable } from './unreadable.ts'
import { RefusedValue } from './user-values.ts'

export interface Sheet {
  name: string
  isHidden: boolean
}

/** Sheets, relations, formats and styles, of each; spreadsheets take no more styles, and of the others have far fewer. */
const MAX_LISTED = 65_536
/** What a text takes in memory beside its characters. */
const TEXT_BYTES = 32

/** As spreadsheets have it; longer ones are not looked through. */
const MAX_FORMAT_CODE = 255

/** Formats of numbers that show a date or a time without being described in the workbook. */
const isBuiltInDate = (id: number) => (id >= 14 && id <= 22) || (id >= 27 && id <= 36) || (id >= 45 && id <= 58)

/** A workbook in the format of Excel since 2007: its sheets, and the values in their cells. Nothing is computed or followed. */
export class Workbook implements AsyncDisposable {
  readonly file: string
  readonly sheets: readonly Sheet[]
  readonly #archive: Archive
  readonly #limits: ImportLimits
  readonly #parts: ReadonlyMap<string, string>
  #context: SheetContext | undefined

  private constructor(
    file: string,
    archive: Archive,
    limits: ImportLimits,
    sheets: readonly (Sheet & { part: string })[],
  ) {
    this.file = file
    this.sheets = sheets
    this.#archive = archive
    this.#limits = limits
    this.#parts = new Map(sheets.map(({ name, part }) => [name, part]))
  }

  /** Throws `Unreadable` for what is no workbook, or one that depends on others. */
  static async open(input: ImportInput, limits: ImportLimits): Promise<Workbook> {
    const archive = await Archive.open(input, limits)
    try {
      if (archive.names.some((name) => name.startsWith('xl/externalLinks/')))
        throw new Unreadable(
          { file: input.name },
          'format',
          'The workbook refers to other workbooks: break the links to them and save it again',
        )
      return new Workbook(input.name, archive, limits, await listSheets(input.name, archive, limits))
    } catch (error) {
      await archive[Symbol.asyncDispose]()
      throw error
    }
  }

  /** The sheet of this name, whatever the case. */
  sheet(name: string): Sheet | undefined {
    return this.sheets.find((sheet) => sheet.name.toLowerCase() === name.trim().toLowerCase())
  }

  /** The rows of a sheet that hold anything. */
  async *rows({ name }: Sheet): AsyncGenerator<SheetRow> {
    this.#context ??= {
      strings: await readStrings(this.file, this.#archive, this.#limits),
      dateStyles: await readStyles(this.file, this.#archive, this.#limits),
    }
    const place: Place = { file: this.file, sheet: name }
    const rows = new SheetRows(place, this.#context, this.#limits)
    const pieces = this.#archive.text(this.#parts.get(name) ?? '')
    for await (const _ of readXml(pieces, rows, place, this.#limits)) yield* rows.take()
    yield* rows.take()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#archive[Symbol.asyncDispose]()
  }
}

/** Reads a part from its beginning to its end; one that is missing says nothing. */
async function readPart(
  file: string,
  archive: Archive,
  limits: ImportLimits,
  part: string,
  handlers: XmlHandlers,
): Promise<void> {
  if (!archive.names.includes(part)) return
  for await (const _ of readXml(archive.text(part), handlers, { file, path: part }, limits));
}

async function listSheets(file: string, archive: Archive, limits: ImportLimits): Promise<(Sheet & { part: string })[]> {
  const targets = new Map<string, string>()
  await readPart(file, archive, limits, 'xl/_rels/workbook.xml.rels', {
    open(name, { Id = '', Target = '', TargetMode }) {
      if (name === 'Relationship' && TargetMode !== 'External') targets.set(Id, posix.resolve('/xl', Target).slice(1))
      requireFew(file, targets.size)
    },
  })
  const sheets: (Sheet & { part: string })[] = []
  await readPart(file, archive, limits, 'xl/workbook.xml', {
    open(tag, attributes) {
      const part = tag === 'sheet' ? targets.get(relationOf(attributes)) : undefined
      const { name = '', state = 'visible' } = attributes
      if (part?.startsWith('xl/worksheets/')) sheets.push({ name, isHidden: state !== 'visible', part })
      requireFew(file, sheets.length)
    },
  })
  const differ = (values: readonly string[]) => new Set(values).size === values.length
  const isWhole = differ(sheets.map(({ name }) => name)) && differ(sheets.map(({ part }) => part))
  if (sheets.length === 0 || !isWhole)
    throw new Unreadable({ file }, 'format', 'This is not a workbook with sheets: save it as .xlsx')
  return sheets
}

function relationOf(attributes: Readonly<Record<string, string>>): string {
  return Object.entries(attributes).find(([name]) => name.endsWith(':id'))?.[1] ?? ''
}

function requireFew(file: string, count: number): void {
  if (count > MAX_LISTED)
    throw new Unreadable({ file }, 'limit', `The workbook lists more than ${MAX_LISTED} sheets or styles: save it anew`)
}

/** All texts that cells refer to: together, with what each takes, they have a third of what the workbook may unpack to. */
async function readStrings(file: string, archive: Archive, limits: ImportLimits): Promise<Cell[]> {
  const strings: Cell[] = []
  const maxBytes = Math.floor(limits.maxUnpackedBytes / 3)
  let takenBytes = 0
  let text = ''
  let isText = false
  let isPhonetic = false
  await readPart(file, archive, limits, 'xl/sharedStrings.xml', {
    open(name) {
      if (name === 'si') text = ''
      else if (name === 'rPh') isPhonetic = true
      else if (name === 't') isText = !isPhonetic
    },
    text(given) {
      if (isText) text += given.slice(0, Math.max(0, limits.maxCellBytes + 1 - text.length))
    },
    close(name) {
      if (name === 't') isText = false
      else if (name === 'rPh') isPhonetic = false
      else if (name === 'si') {
        // A copy, as what was cut out of a piece of the file keeps all of that piece in memory.
        const bytes = Buffer.from(text)
        takenBytes += bytes.length + TEXT_BYTES
        if (takenBytes > maxBytes)
          throw new Unreadable(
            { file },
            'limit',
            `The texts of the workbook take more than ${maxBytes} bytes: split it`,
          )
        strings.push(limited(unescapeText(bytes.toString()), limits))
      }
    },
  })
  return strings
}

function limited(text: string, { maxCellBytes }: ImportLimits): Cell {
  if (text.length <= maxCellBytes) return text
  return new RefusedValue('limit', `The cell holds more than ${maxCellBytes} bytes: shorten it`, text.slice(0, 200))
}

/** By style, whether it shows a date: a style names a format of numbers, and a format has letters for days and hours. */
async function readStyles(file: string, archive: Archive, limits: ImportLimits): Promise<boolean[]> {
  const dateFormats = new Set<number>()
  const styles: boolean[] = []
  let isCellFormats = false
  await readPart(file, archive, limits, 'xl/styles.xml', {
    open(name, { numFmtId, formatCode = '' }) {
      const id = Number(numFmtId ?? 0)
      if (name === 'cellXfs') isCellFormats = true
      else if (name === 'numFmt' && isDateFormat(formatCode)) dateFormats.add(id)
      else if (name === 'xf' && isCellFormats) styles.push(isBuiltInDate(id) || dateFormats.has(id))
      requireFew(file, Math.max(dateFormats.size, styles.length))
    },
    close(name) {
      if (name === 'cellXfs') isCellFormats = false
    },
  })
  return styles
}

function isDateFormat(code: string): boolean {
  return (
    code.length > MAX_FORMAT_CODE || /[ymdhs]/i.test(code.replaceAll(/"[^"]*"|\[[^\]]*\]|\\.|general|standard/gi, ''))
  )
}
