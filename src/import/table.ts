import type { ImportItem, ImportLimits, ImportProblem, Place } from './model.ts'
import { fieldOf, isIdentifier, listFields, type Template, type TemplateItem, type UserField } from './template.ts'
import { problemAt, Unreadable } from './unreadable.ts'
import type { RawUser } from './user-builder.ts'
import { type RawValue, RefusedValue } from './user-values.ts'

/** More is no name of a column. */
const MAX_NAME = 200

/** What a cell holds; undefined: nothing. */
export type Cell = string | number | boolean | RefusedValue | undefined

/** Names of columns that need no explanation, without spaces, hyphens and underscores. */
const plainNames: ReadonlyMap<string, UserField> = new Map([
  ['email', 'Email'],
  ['emailaddress', 'Email'],
  ['mail', 'Email'],
  ['login', 'UserName'],
  ['username', 'UserName'],
  ['firstname', 'FirstName'],
  ['givenname', 'FirstName'],
  ['lastname', 'LastName'],
  ['surname', 'LastName'],
  ['language', 'Language'],
  ['phone', 'PhoneNumber'],
  ['phonenumber', 'PhoneNumber'],
  ['telephone', 'PhoneNumber'],
  ['role', 'Roles'],
  ['roles', 'Roles'],
  ['claims', 'Claims'],
  ['site', 'Sites'],
  ['sites', 'Sites'],
  ['source', 'Sources'],
  ['sources', 'Sources'],
  ['edge', 'Sources'],
  ['edges', 'Sources'],
])

/** The field that a column of this name holds, if its name says so by itself. */
export function fieldOfColumn(name: string): UserField | undefined {
  return fieldOf(name) ?? plainNames.get(name.toLowerCase().replaceAll(/[\s_-]/g, ''))
}

interface Column {
  index: number
  name: string
  field: UserField
}

/** Users from rows under one header: its columns are named by the template, or name fields themselves. */
export class Table {
  /** The template with what the header adds to it. */
  readonly template: Template
  /** What the header leaves to say. */
  readonly remarks: readonly ImportItem[]
  readonly #place: Place
  readonly #limits: ImportLimits
  readonly #columns: readonly Column[]
  readonly #width: number

  /** Throws `Unreadable` for a header that nothing can be read by. */
  constructor(place: Place, header: readonly Cell[], template: Template, limits: ImportLimits) {
    this.#place = place
    this.#limits = limits
    this.#width = header.length
    const names = columnNames(place, header, limits)
    const items = template.items.some(({ path }) => path !== undefined)
      ? template.items
      : ownItems(place, names, template)
    this.#columns = items.flatMap((item) =>
      item.path === undefined || isForced(item) ? [] : [columnOf(place, names, item)],
    )
    this.template = { ...template, items, separator: template.separator ?? ',' }
    if (!items.some(({ field }) => field === 'Email'))
      throw new Unreadable(place, 'D-03', 'There is no column for the e-mail address: call it opUser.Email or email')
    this.remarks = unused(place, names, this.#columns, template)
  }

  /** The user in a row; undefined for an empty one. Rows count from 1 and the header is one of them. */
  read(row: number, cells: readonly Cell[]): RawUser | ImportProblem | undefined {
    if (cells.every((cell) => cell === undefined || cell === '')) return undefined
    const place: Place = { ...this.#place, row }
    if (cells.slice(this.#width).some((cell) => cell !== undefined && cell !== ''))
      return problemAt(
        place,
        'format',
        'A cell has no name of a column above it: name the column; in CSV, put quotes around text with the delimiter in it',
      )
    const values = new Map<UserField, RawValue[]>()
    for (const { index, name, field } of this.#columns) {
      const value = this.#checked(cells[index])
      const found = values.get(field) ?? []
      const isEmpty = value === undefined || value === ''
      if (!isEmpty || !listFields.has(field)) found.push({ place: { ...place, column: name }, value: value ?? '' })
      values.set(field, found)
    }
    return { place, values }
  }

  #checked(cell: Cell): Cell {
    const { maxCellBytes } = this.#limits
    if (typeof cell !== 'string' || cell.length * 3 <= maxCellBytes || Buffer.byteLength(cell) <= maxCellBytes)
      return cell
    return new RefusedValue('limit', `The cell holds more than ${maxCellBytes} bytes: shorten it`, cell)
  }
}

/** The names by column; the same one twice could mean either. */
function columnNames(place: Place, header: readonly Cell[], limits: ImportLimits): string[] {
  if (header.length > limits.maxColumns)
    throw new Unreadable(
      place,
      'limit',
      `There are more than ${limits.maxColumns} columns: delete those that are not needed`,
    )
  const names = header.map((cell) => (cell instanceof RefusedValue ? cell.shown : String(cell ?? '')).trim())
  const seen = new Set<string>()
  for (const name of names) {
    if (name.length > MAX_NAME)
      throw new Unreadable(
        place,
        'limit',
        `The name of a column has more than ${MAX_NAME} characters: is this the header?`,
      )
    const key = name.toLowerCase()
    if (key !== '' && seen.has(key))
      throw new Unreadable({ ...place, column: name }, 'format', `Two columns are called ${name}: rename or delete one`)
    seen.add(key)
  }
  return names
}

function ownItems(place: Place, names: readonly string[], { items }: Template): TemplateItem[] {
  const own: TemplateItem[] = []
  for (const name of names) {
    const field = fieldOfColumn(name)
    if (field === undefined && /^_?opuser\./i.test(name))
      throw new Unreadable(
        { ...place, column: name },
        'D-01',
        `${name} is not a property of users: correct or delete the column`,
      )
    if (field === undefined) continue
    if (!listFields.has(field) && own.some((item) => item.field === field))
      throw new Unreadable({ ...place, column: name }, 'format', `Two columns hold the ${field}: delete one`)
    const transform = items.find((item) => item.field === field)?.transform
    own.push({ place, field, path: name, ...(transform && { transform }) })
  }
  const named = new Set(own.map(({ field }) => field))
  return [...own, ...items.filter(({ field }) => !named.has(field))]
}

/** Of what is forced the column is not read. */
function isForced({ transform }: TemplateItem): boolean {
  return transform?.kind === 'force' || transform?.kind === 'forceClaims'
}

function columnOf(place: Place, names: readonly string[], { field, path = '' }: TemplateItem): Column {
  const index = names.findIndex((name) => name.toLowerCase() === path.trim().toLowerCase())
  if (index === -1)
    throw new Unreadable({ ...place, column: path }, 'D-01', `The template names a column that is missing: ${path}`)
  return { index, name: names[index] ?? path, field }
}

function unused(place: Place, names: readonly string[], columns: readonly Column[], { items }: Template): ImportItem[] {
  const used = new Set(columns.map(({ index }) => index))
  const left = names.filter((name, index) => name !== '' && !used.has(index))
  const remarks = left.map((name): ImportItem => {
    const text = isIdentifier(name) ? 'Only users are imported from this format' : 'The column is not imported'
    return { kind: 'remark', place: { ...place, column: name }, text }
  })
  for (const item of items) {
    if (item.validity !== undefined)
      remarks.push({
        kind: 'remark',
        place: item.place,
        text: 'Tables carry no periods (D-18): the Validity has no effect here',
      })
  }
  return remarks
}
