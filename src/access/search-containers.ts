import type { RowTable } from './graph-columns.ts'
import type { Evaluator } from './graph-evaluate.ts'
import { conveysDiscover, Expander } from './graph-expand.ts'
import type { ResourceGraph } from './graph-resources.ts'
import type { Rows } from './graph-rows.ts'
import type { View } from './graph-view.ts'
import { type EdgeGroupRow, type EntityRows, type OrganisationRow, permissionBits, type SiteRow } from './model.ts'
import { Bits } from './search-bits.ts'
import { ListOrder } from './search-order.ts'

export type ContainerKind = 'organisation' | 'site' | 'edgeGroup'

/** What to list, in the natural order of names. */
export interface ContainerQuery {
  /** Part of the name or description, in any case; of a site, for who holds *detail*, of location and labels (P-24, G-29). */
  text?: string
  offset: number
  limit: number
}

/** Lists the organisations, sites and edge groups that a view may discover (G-13, G-27). */
export class ContainerLister {
  readonly #rows: Rows
  readonly #resources: ResourceGraph
  readonly #expander: Expander
  readonly #evaluator: Evaluator
  readonly #orders: { readonly [K in ContainerKind]: ListOrder }
  readonly #bits = new Bits()

  constructor(rows: Rows, resources: ResourceGraph, evaluator: Evaluator) {
    this.#rows = rows
    this.#evaluator = evaluator
    this.#resources = resources
    this.#expander = new Expander(resources)
    this.#orders = {
      organisation: this.#orderOf('organisation'),
      site: this.#orderOf('site'),
      edgeGroup: this.#orderOf('edgeGroup'),
    }
  }

  /** Takes one that is new, changed or gone. */
  touch(kind: ContainerKind, id: number): void {
    this.#orders[kind].touch(id)
  }

  /** A page of those that the view may discover. */
  list<K extends ContainerKind>(view: View, kind: K, { text, offset, limit }: ContainerQuery): EntityRows[K][] {
    if (!view.isActive) return []
    const wanted = text?.toLowerCase()
    const rows: RowTable<EntityRows[K]> = this.#rows[kind]
    const page: EntityRows[K][] = []
    let left = offset
    for (const id of this.#visible(view, kind)) {
      if (page.length >= limit) break
      const row = rows.get(id)
      if (row === undefined || (wanted && !this.#textOf(view, row).toLowerCase().includes(wanted))) continue
      if (left > 0) left--
      else page.push(row)
    }
    return page
  }

  /** What may be searched: nobody finds by what he is not shown (G-04, G-29). */
  #textOf(view: View, row: OrganisationRow | SiteRow | EdgeGroupRow): string {
    if (!('labels' in row)) return 'description' in row ? `${row.name}\n${row.description}` : row.name
    const seesDetail = (this.#evaluator.decide(view, row.id) & permissionBits.detail) !== 0
    return seesDetail ? [row.name, row.location, ...row.labels].join('\n') : row.name
  }

  #visible(view: View, kind: ContainerKind): Int32Array {
    const order = this.#orders[kind]
    const all = order.ids().subarray(0, order.size)
    if (conveysDiscover(view.everywhere)) return all
    const ranks = order.ranks()
    const { kinds } = this.#resources
    const bits = this.#bits
    bits.clear()
    const mark = (id: number) => {
      if (kinds.kind(id) === kind) bits.add(ranks[id] as number)
    }
    this.#expander.containersOf(view, mark)
    const { everybody } = view
    if (everybody) {
      const markPublic = (id: number) => {
        if (this.#resources.tenantOf(id)?.publicAccess) mark(id)
      }
      if (conveysDiscover(everybody.everywhere)) all.forEach(markPublic)
      else this.#expander.containersOf(everybody, markPublic)
    }
    return bits.pick(all)
  }

  #orderOf(kind: ContainerKind): ListOrder {
    const rows: Pick<RowTable<{ name: string }>, 'get'> = this.#rows[kind]
    return new ListOrder({
      text: (id) => rows.get(id)?.name,
      tie: (a, b) => a - b,
    })
  }
}
