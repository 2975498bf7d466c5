import type { KindOfRow } from './explain-rows.ts'
import { FewNumbers } from './graph-column.ts'
import { GrantMap } from './graph-columns.ts'
import { Evaluator } from './graph-evaluate.ts'
import { PrincipalGraph } from './graph-principals.ts'
import { ResourceGraph } from './graph-resources.ts'
import { fewRows, putRow } from './graph-rows.ts'
import { Views } from './graph-views.ts'
import { type EntityName, type EntityRows, PLATFORM_RESOURCE_ID } from './model.ts'

/** Columns that name resources. */
const resourceColumns: { [E in EntityName]?: readonly (keyof EntityRows[E])[] } = {
  organisation: ['id', 'parentId'],
  site: ['id', 'organisationId'],
  edge: ['id', 'siteId', 'organisationId'],
  edgeGroup: ['id', 'organisationId'],
  containment: ['parentId', 'childId'],
  grant: ['resourceId'],
  restriction: ['edgeId'],
}

/**
 * The few rows that decide about one question, as a graph of their own in which anything may be tried: the same check over
 * fewer rows. Resources are numbered anew inside, because the graph keeps arrays as long as its highest number.
 */
export class Slice {
  readonly #grants = new GrantMap()
  readonly rows = { ...fewRows(), grant: this.#grants }
  readonly resources = new ResourceGraph()
  readonly people = new PrincipalGraph(this.#grants, FewNumbers)
  readonly evaluator = new Evaluator(this.resources)
  readonly views = new Views({ rows: this.rows, resources: this.resources, people: this.people })
  readonly #inside = new Map<number, number>([[PLATFORM_RESOURCE_ID, PLATFORM_RESOURCE_ID]])
  readonly #outside: number[] = [0, PLATFORM_RESOURCE_ID]

  constructor(rows: readonly KindOfRow[]) {
    for (const found of rows) this.set(found.entity, found.row.id, found.row)
  }

  /** The slice of so many rows that others must have a turn while they are put in. */
  static *of(rows: readonly KindOfRow[]): Generator<undefined, Slice> {
    const slice = new Slice([])
    for (const { entity, row } of rows) {
      slice.set(entity, row.id, row)
      yield
    }
    return slice
  }

  /** The number in here of a resource. */
  inside(resourceId: number): number {
    const known = this.#inside.get(resourceId)
    if (known !== undefined) return known
    this.#inside.set(resourceId, this.#outside.length)
    return this.#outside.push(resourceId) - 1
  }

  /** The id of a resource from its number in here. */
  readonly outside = (inside: number): number => {
    return this.#outside[inside] ?? 0
  }

  /** Puts a row of the graph in place of the one before; null takes it out. Returns the two as they are in here. */
  set<E extends EntityName>(entity: E, id: number, row: EntityRows[E] | null): Put {
    const isResource = resourceColumns[entity]?.includes('id') ?? false
    return this.#put(entity, isResource ? this.inside(id) : id, row === null ? undefined : this.inward(entity, row))
  }

  /** Whether a permission is held, as a check would say. */
  allows(principalId: number, bit: number, inside: number, at: number): boolean {
    return (this.evaluator.decide(this.views.get(principalId, at), inside) & bit) !== 0
  }

  /** What is found with these rows in their places, which is undone afterwards. Their numbers are those of in here. */
  trying<T>(rows: readonly KindOfRow[], look: () => T): T {
    return this.#changed(
      rows.map(({ entity, row }) => ({ entity, id: row.id, row })),
      look,
    )
  }

  /** What is found without a row. */
  without<T>(entity: EntityName, id: number, look: () => T): T {
    return this.#changed([{ entity, id, row: undefined }], look)
  }

  #changed<T>(
    puts: readonly { entity: EntityName; id: number; row: EntityRows[EntityName] | undefined }[],
    look: () => T,
  ): T {
    const before = puts.map(({ entity, id }) => ({ entity, id, row: this.rows[entity].get(id) }))
    for (const { entity, id, row } of puts) this.#put(entity, id, row)
    try {
      return look()
    } finally {
      for (const { entity, id, row } of before.reverse()) this.#put(entity, id, row)
    }
  }

  /** A row of the graph with the numbers of in here, to be tried. */
  inward<E extends EntityName>(entity: E, row: EntityRows[E]): EntityRows[E] {
    return renumbered(entity, row, (id) => this.inside(id))
  }

  /** A row of in here with the ids of the graph. */
  outward({ entity, row }: KindOfRow): KindOfRow {
    return { entity, row: renumbered(entity, row, this.outside) } as KindOfRow
  }

  #put<E extends EntityName>(entity: E, id: number, row: EntityRows[E] | undefined): Put {
    const put = { entity, id, before: putRow(this.rows, entity, id, row), after: row } as Put
    this.#link(put)
    this.views.touchAll()
    return put
  }

  #link({ entity, id, before, after }: Put): void {
    switch (entity) {
      case 'membership':
        return this.people.setMembership(before, after)
      case 'grant':
        return this.people.setGrant(before, after)
      case 'restriction':
        return this.people.setRestriction(before, after)
      case 'claim':
        return this.people.setClaim(before, after)
      case 'containment':
        return this.resources.setContainment(before, after)
      case 'organisation':
        return this.resources.setOrganisation(id, before, after)
      case 'site':
        return this.resources.setSite(id, before, after)
      case 'edgeGroup':
        return this.resources.setEdgeGroup(id, before, after)
      case 'edge':
        return this.resources.setEdge(id, before, after)
    }
  }
}

function renumbered<E extends EntityName>(
  entity: E,
  row: EntityRows[E],
  number: (id: number) => number,
): EntityRows[E] {
  const copy = { ...row }
  for (const column of resourceColumns[entity] ?? []) {
    const id = row[column] as number | null
    copy[column] = (id === null ? null : number(id)) as EntityRows[E][typeof column]
  }
  return copy
}

/** A row in place of another, numbered as in the slice. */
export type Put = {
  [E in EntityName]: { entity: E; id: number; before: EntityRows[E] | undefined; after: EntityRows[E] | undefined }
}[EntityName]
