import type { GraphState } from './graph-state.ts'
import type { EntityName, EntityRows } from './model.ts'

/** A row with the kind it is of. */
export type KindOfRow = { [E in EntityName]: { entity: E; row: EntityRows[E] } }[EntityName]

/** Principals and resources, by id; the two count separately. */
export interface Reached {
  principals: number[]
  resources: number[]
}

export const nodeEntities = ['organisation', 'site', 'edge', 'edgeGroup'] as const
export const principalEntities = ['user', 'userGroup', 'service'] as const

/**
 * Collects the rows that lie above somebody and something, level by level: `take` the rows of the last level, then ask for
 * those of the next, until nothing new is reached.
 */
export class Gathering {
  readonly principals = new Set<number>()
  readonly resources = new Set<number>()
  readonly #rows = new Map<string, KindOfRow>()
  #next: Reached

  constructor(start: Reached) {
    this.#next = { principals: [], resources: [] }
    this.#reach(start)
  }

  /** What was reached since the last call; undefined when that is nothing. */
  next(): Reached | undefined {
    const found = this.#next
    this.#next = { principals: [], resources: [] }
    return found.principals.length + found.resources.length === 0 ? undefined : found
  }

  take(rows: readonly KindOfRow[]): void {
    for (const found of rows) {
      this.#rows.set(`${found.entity} ${found.row.id}`, found)
      this.#reach(above(found))
    }
  }

  get rows(): KindOfRow[] {
    return [...this.#rows.values()]
  }

  #reach({ principals, resources }: Reached): void {
    for (const id of principals) {
      if (this.principals.has(id)) continue
      this.principals.add(id)
      this.#next.principals.push(id)
    }
    for (const id of resources) {
      if (this.resources.has(id)) continue
      this.resources.add(id)
      this.#next.resources.push(id)
    }
  }
}

/** What lies directly above a row, whether it counts now or not. */
function above({ entity, row }: KindOfRow): Reached {
  const resources = (...ids: (number | null)[]) => ({ principals: [], resources: ids.filter((id) => id !== null) })
  switch (entity) {
    case 'membership':
      return { principals: [row.groupId], resources: [] }
    case 'containment':
      return resources(row.parentId)
    case 'organisation':
      return resources(row.parentId)
    case 'site':
    case 'edgeGroup':
      return resources(row.organisationId)
    case 'edge':
      return resources(row.siteId, row.organisationId)
    default:
      return resources()
  }
}

/** The rows of these principals and resources as they are now, and what links them upward; containments with made-up ids. */
export function rowsOf(
  graph: Pick<GraphState, 'rows' | 'resources' | 'people'>,
  { principals, resources }: Reached,
): KindOfRow[] {
  const { people, rows } = graph
  const found: KindOfRow[] = [
    ...nodesOf(graph, principalEntities, principals),
    ...nodesOf(graph, nodeEntities, resources),
  ]
  for (const id of principals) {
    for (const row of people.groupsOf(id)) found.push({ entity: 'membership', row })
    for (const row of people.claimsOf(id)) found.push({ entity: 'claim', row })
  }
  for (const childId of resources) {
    const row = rows.edge.get(childId) ?? rows.site.get(childId)
    const homes = row === undefined ? [] : 'siteId' in row ? [row.siteId, row.organisationId] : [row.organisationId]
    for (const parentId of graph.resources.containersOf(childId)) {
      if (homes.includes(parentId)) continue
      found.push({ entity: 'containment', row: { id: pairId(parentId, childId), parentId, childId } })
    }
  }
  return found
}

/** The rows of these kinds with these ids. */
export function nodesOf(
  { rows }: Pick<GraphState, 'rows'>,
  entities: readonly EntityName[],
  ids: readonly number[],
): KindOfRow[] {
  return ids.flatMap((id) =>
    entities.flatMap((entity) => {
      const row = rows[entity].get(id)
      return row === undefined ? [] : [{ entity, row } as KindOfRow]
    }),
  )
}

/** An id for a link between two resources, different for each pair. */
export function pairId(parentId: number, childId: number): number {
  return parentId * 2 ** 27 + childId
}
