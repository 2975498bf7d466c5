import type { ImportLimits, Place } from './model.ts'
import type { XmlHandlers } from './read-xml.ts'
import type { Cell } from './table.ts'
import { Unreadable } from './unreadable.ts'
import { RefusedValue } from './user-values.ts'

const MAX_SHEET_ROW = 1_048_576

/** One row of a sheet that holds anything; its number is the one spreadsheets show. */
export interface SheetRow {
  row: number
  cells: Cell[]
}

/** What cells refer to. */
export interface SheetContext {
  strings: readonly Cell[]
  /** By the number of the style: whether it shows a date. */
  dateStyles: readonly boolean[]
}

/** Gathers the rows of a sheet from its XML. Only values: what was to be computed is refused where it is used. */
export class SheetRows implements XmlHandlers {
  readonly #place: Place
  readonly #context: SheetContext
  readonly #limits: ImportLimits
  #rows: SheetRow[] = []
  #row = 0
  #count = 0
  #cells: Cell[] = []
  #column = -1
  #type = ''
  #style = 0
  #value = ''
  #hasFormula = false
  #isValue = false

  constructor(place: Place, context: SheetContext, limits: ImportLimits) {
    this.#place = place
    this.#context = context
    this.#limits = limits
  }

  /** The rows gathered since the last call. */
  take(): SheetRow[] {
    const rows = this.#rows
    this.#rows = []
    return rows
  }

  open(name: string, attributes: Readonly<Record<string, string>>): void {
    if (name === 'row') this.#openRow(attributes['r'])
    else if (name === 'c') this.#openCell(attributes)
    else if (name === 'f') this.#hasFormula = true
    else if (name === 'v' || name === 't') this.#isValue = true
  }

  text(text: string): void {
    // One sign too many is enough to be refused for; more are not gathered.
    const room = this.#limits.maxCellBytes + 1 - this.#value.length
    if (this.#isValue) this.#value += text.slice(0, Math.max(0, room))
  }

  close(name: string): void {
    if (name === 'v' || name === 't') this.#isValue = false
    else if (name === 'c') this.#closeCell()
    else if (name === 'row' && this.#cells.length > 0) {
      if (++this.#count > this.#limits.maxRows + 1)
        throw this.#refuse('limit', `The sheet has more than ${this.#limits.maxRows} rows: split it`)
      this.#rows.push({ row: this.#row, cells: this.#cells })
    }
  }

  #openRow(given: string | undefined): void {
    const row = given === undefined ? this.#row + 1 : Number(given)
    if (!Number.isInteger(row) || row <= this.#row || row > MAX_SHEET_ROW)
      throw this.#refuse('format', 'The rows of the sheet are out of order: save the workbook anew')
    this.#row = row
    this.#cells = []
    this.#column = -1
  }

  #openCell(attributes: Readonly<Record<string, string>>): void {
    const reference = attributes['r']
    const column = reference === undefined ? this.#column + 1 : columnOf(reference)
    if (column === undefined || column <= this.#column)
      throw this.#refuse('format', 'The cells of the row are out of order: save the workbook anew')
    this.#column = column
    this.#type = attributes['t'] ?? 'n'
    this.#style = Number(attributes['s'] ?? 0)
    this.#value = ''
    this.#hasFormula = false
  }

  #closeCell(): void {
    const cell = this.#cell()
    if (cell === undefined || cell === '') return
    if (this.#column >= this.#limits.maxColumns)
      throw this.#refuse('limit', `There are more than ${this.#limits.maxColumns} columns: delete those not needed`)
    while (this.#cells.length < this.#column) this.#cells.push(undefined)
    this.#cells.push(cell)
  }

  #cell(): Cell {
    const value = this.#value
    const { maxCellBytes } = this.#limits
    if (value.length > maxCellBytes)
      return new RefusedValue('limit', `The cell holds more than ${maxCellBytes} bytes: shorten it`, value)
    if (this.#hasFormula)
      return new RefusedValue('format', 'This is a formula: copy the cell and paste it as a value', value)
    switch (this.#type) {
      case 's':
        return value === '' ? undefined : (this.#context.strings[Number(value)] ?? broken(value))
      case 'inlineStr':
      case 'str':
        return unescapeText(value)
      case 'b':
        return value === '1'
      case 'e':
        return new RefusedValue('format', 'The cell shows an error: correct it', value)
      case 'd':
        return dateIn(value)
      default:
        return this.#number(value)
    }
  }

  #number(value: string): Cell {
    if (value === '') return undefined
    if (this.#context.dateStyles[this.#style]) return dateIn(value)
    const number = Number(value)
    return Number.isFinite(number) ? number : new RefusedValue('format', 'This is not a number: correct it', value)
  }

  #refuse(rule: string, text: string): Unreadable {
    return new Unreadable({ ...this.#place, ...(this.#row > 0 && { row: this.#row }) }, rule, text)
  }
}

/** What a spreadsheet keeps as `_x000D_`, a character that XML does not take. */
export function unescapeText(text: string): string {
  return text.replaceAll(/_x([0-9A-Fa-f]{4})_/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
}

function broken(value: string): RefusedValue {
  return new RefusedValue('format', 'The cell refers to a text that is missing: save the workbook anew', value)
}

function dateIn(value: string): RefusedValue {
  return new RefusedValue('format', 'The cell shows a date, which differs by country: store it as text', value)
}

/** The column that `AB12` names, from 0; undefined for what is no reference. */
function columnOf(reference: string): number | undefined {
  const letters = /^([A-Z]{1,3})\d+$/.exec(reference)?.[1]
  if (letters === undefined) return undefined
  return [...letters].reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 64, 0) - 1
}
