import { Column } from './graph-column.ts'
import type { ContainmentRow, GrantRow } from './model.ts'

/** Rows by id, as a Map has them. */
export interface RowTable<R> extends Iterable<[number, R]> {
  readonly size: number
  get(id: number): R | undefined
  has(id: number): boolean
  set(id: number, row: R): unknown
  delete(id: number): boolean
  keys(): IterableIterator<number>
  values(): IterableIterator<R>
}

/** Rows kept in columns and made anew for each look: of those there are millions. */
export abstract class ColumnTable<R extends { id: number }> implements RowTable<R> {
  /** A column that is 0 for no row. */
  protected readonly first = new Column()
  #size = 0

  get size(): number {
    return this.#size
  }
  has(id: number): boolean {
    return this.first.get(id) !== 0
  }
  get(id: number): R | undefined {
    return this.has(id) ? this.read(id) : undefined
  }
  set(id: number, row: R): void {
    if (!this.has(id)) this.#size++
    this.write(id, row)
  }
  delete(id: number): boolean {
    if (!this.has(id)) return false
    this.#size--
    this.first.set(id, 0)
    return true
  }
  /** All ids, or those from one on, in ascending order. */
  keys(from = 0): IterableIterator<number> {
    return this.first.ids(from)
  }
  *values(): IterableIterator<R> {
    for (const id of this.keys()) yield this.read(id)
  }
  *[Symbol.iterator](): Iterator<[number, R]> {
    for (const id of this.keys()) yield [id, this.read(id)]
  }

  protected abstract read(id: number): R
  protected abstract write(id: number, row: R): void
}

export class ContainmentTable extends ColumnTable<ContainmentRow> {
  readonly #children = new Column()

  protected read(id: number): ContainmentRow {
    return { id, parentId: this.first.get(id), childId: this.#children.get(id) }
  }
  protected write(id: number, { parentId, childId }: ContainmentRow): void {
    this.first.set(id, parentId)
    this.#children.set(id, childId)
  }
}

/** What most grants have not. */
type Limits = Pick<GrantRow, 'components' | 'validFrom' | 'validTo' | 'dataWindows'>
const unlimited: Limits = { components: null, validFrom: null, validTo: null, dataWindows: null }

/** Of grants there may be a hundred thousand on one thing: what they join is read without making a row of each. */
export interface GrantRows extends RowTable<GrantRow> {
  /** Who holds a grant that is there, on what and in which role. */
  principalOf(id: number): number
  resourceOf(id: number): number
  roleOf(id: number): number
  /** Whether it is for a time, for some data or for some components only. */
  isLimited(id: number): boolean
}

/** Few of them. */
export class GrantMap extends Map<number, GrantRow> implements GrantRows {
  principalOf(id: number): number {
    return this.get(id)?.principalId ?? 0
  }
  resourceOf(id: number): number {
    return this.get(id)?.resourceId ?? 0
  }
  roleOf(id: number): number {
    return this.get(id)?.roleId ?? 0
  }
  isLimited(id: number): boolean {
    const row = this.get(id)
    return row !== undefined && isLimited(row)
  }
}

function isLimited({ components, validFrom, validTo, dataWindows }: Limits): boolean {
  return components !== null || validFrom !== null || validTo !== null || dataWindows !== null
}

export class GrantTable extends ColumnTable<GrantRow> implements GrantRows {
  readonly #resources = new Column()
  readonly #roles = new Column()
  readonly #givers = new Column()
  readonly #sources = new Column()
  readonly #sourceNames = new Names()
  readonly #limits = new Map<number, Limits>()

  principalOf(id: number): number {
    return this.first.get(id)
  }
  resourceOf(id: number): number {
    return this.#resources.get(id)
  }
  roleOf(id: number): number {
    return this.#roles.get(id)
  }
  isLimited(id: number): boolean {
    return this.#limits.has(id)
  }

  override delete(id: number): boolean {
    this.#limits.delete(id)
    return super.delete(id)
  }

  protected read(id: number): GrantRow {
    const { components, validFrom, validTo, dataWindows } = this.#limits.get(id) ?? unlimited
    return {
      id,
      principalId: this.first.get(id),
      resourceId: this.#resources.get(id),
      roleId: this.#roles.get(id),
      components,
      validFrom,
      validTo,
      dataWindows,
      source: this.#sourceNames.name(this.#sources.get(id)),
      grantedBy: this.#givers.get(id) || null,
    }
  }

  protected write(id: number, row: GrantRow): void {
    const { components, validFrom, validTo, dataWindows } = row
    this.first.set(id, row.principalId)
    this.#resources.set(id, row.resourceId)
    this.#roles.set(id, row.roleId)
    this.#givers.set(id, row.grantedBy ?? 0)
    this.#sources.set(id, this.#sourceNames.code(row.source))
    if (isLimited(row)) this.#limits.set(id, { components, validFrom, validTo, dataWindows })
    else this.#limits.delete(id)
  }
}

/** Few names that many rows share, numbered from 1. */
export class Names {
  readonly #codes = new Map<string, number>()
  readonly #names: string[] = ['']

  code(name: string): number {
    const known = this.#codes.get(name)
    if (known !== undefined) return known
    const code = this.#names.push(name) - 1
    this.#codes.set(name, code)
    return code
  }
  get size(): number {
    return this.#names.length - 1
  }
  /** The numbers of all names that contain a text, which must be in lower case. */
  containing(text: string): Set<number> {
    const found = new Set<number>()
    for (const [code, name] of this.#names.entries()) if (code > 0 && name.toLowerCase().includes(text)) found.add(code)
    return found
  }
  /** Undefined when nothing was ever called that. */
  find(name: string): number | undefined {
    return this.#codes.get(name)
  }
  name(code: number): string {
    return this.#names[code] ?? ''
  }
}
