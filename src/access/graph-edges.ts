import { Column } from './graph-column.ts'
import { ColumnTable, Names } from './graph-columns.ts'
import { NameTable } from './graph-names.ts'
import type { EdgeRow } from './model.ts'
import { TextStore } from './search-text-store.ts'

/** Stands between the OpenEMS id and the comment of an edge; neither has it, as PostgreSQL knows no such text. */
const separator = 0
const separatorText = '\0'

const noSettings: Record<string, unknown> = Object.freeze({})

/** Edges in columns and texts, with the look-up by OpenEMS id: a million of them are no objects. */
export class EdgeTable extends ColumnTable<EdgeRow> {
  /** OpenEMS id and comment side by side: most who look at one look at the other. */
  readonly #texts = new TextStore()
  readonly producttypes = new Names()
  readonly #sites = new Column()
  readonly #organisations = new Column()
  readonly #settings = new Map<number, Record<string, unknown>>()
  readonly #byName = new NameTable(this.#texts)
  #version = 0

  /** Rises with every change. */
  get version(): number {
    return this.#version
  }

  override set(id: number, row: EdgeRow): void {
    this.#version++
    const isRenamed = this.nameOf(id) !== row.edgeId
    if (isRenamed && this.has(id)) this.#byName.remove(id)
    super.set(id, row)
    if (isRenamed) this.#byName.add(id)
  }

  override delete(id: number): boolean {
    if (!this.has(id)) return false
    this.#version++
    this.#byName.remove(id)
    this.#texts.set(id, '')
    this.#settings.delete(id)
    return super.delete(id)
  }

  byName(edgeId: string): EdgeRow | undefined {
    return this.get(this.#byName.find(edgeId))
  }

  /** The OpenEMS id. */
  nameOf(id: number): string | undefined {
    return this.has(id) ? this.#texts.text(id, 0, this.#texts.indexOf(id, separator)) : undefined
  }
  commentOf(id: number): string | undefined {
    return this.has(id) ? this.#texts.text(id, this.#texts.indexOf(id, separator) + 1) : undefined
  }
  /** Both as bytes, as `edgeText` puts them together; only until the next change. */
  textBytes(id: number): Uint8Array {
    return this.#texts.get(id)
  }
  /** Whether that holds these bytes, its letters A to Z being small ones. */
  includes(id: number, wanted: Uint8Array): boolean {
    return this.#texts.includes(id, wanted)
  }
  /** A number for its product type, 0 when there is no such edge. */
  producttypeOf(id: number): number {
    return this.first.get(id)
  }
  /** The number of a product type; undefined when there is no such edge. */
  producttypeNumber(name: string): number | undefined {
    return this.producttypes.find(name)
  }

  protected read(id: number): EdgeRow {
    const text = this.#texts.text(id)
    const end = text.indexOf(separatorText)
    return {
      id,
      edgeId: text.slice(0, end),
      comment: text.slice(end + 1),
      producttype: this.producttypes.name(this.first.get(id)),
      siteId: this.#sites.get(id) || null,
      organisationId: this.#organisations.get(id) || null,
      settings: this.#settings.get(id) ?? noSettings,
    }
  }

  protected write(id: number, row: EdgeRow): void {
    this.first.set(id, this.producttypes.code(row.producttype))
    this.#texts.set(id, edgeText(row))
    this.#sites.set(id, row.siteId ?? 0)
    this.#organisations.set(id, row.organisationId ?? 0)
    if (Object.keys(row.settings).length > 0) this.#settings.set(id, row.settings)
    else this.#settings.delete(id)
  }
}

/** The OpenEMS id and the comment of an edge as one text. */
export function edgeText({ edgeId, comment }: Pick<EdgeRow, 'edgeId' | 'comment'>): string {
  return `${edgeId}${separatorText}${comment}`
}
