import type { EntityName } from '../access/model.ts'
import type { BatchPart } from '../db/change-log.ts'
import type { Db } from '../db/database.ts'
import { graphColumnNames } from '../db/graph-rows.ts'
import type { Packed } from '../db/packed-changes.ts'
import { END_OF_IDS, requireIds } from '../lib/ids.ts'
import { listLastIds, reserveIds, tableOfIds } from './import-rows.ts'
import type { PlannedRecord } from './plan-structure.ts'
import type { StoredUser } from './plan-user.ts'

/**
 * Numbers new rows while a plan is made, with numbers that no row has: the database gives ids only once it is known how many
 * rows are made. On a copy of the graph they come right after the ids there are, else after all that there can be.
 */
export class Numbers {
  readonly #last: ReadonlyMap<string, number>
  readonly #entities = new Map<string, EntityName>()
  readonly #taken = new Map<string, number>()
  /** Tables of those that may yet be given back. */
  #open: string[] = []

  constructor(last: ReadonlyMap<string, number> = new Map()) {
    this.#last = last
  }

  /** For a copy of the graph that was made before. */
  static async above(db: Db): Promise<Numbers> {
    return new Numbers(await listLastIds(db))
  }

  take(entity: EntityName): number {
    const table = tableOfIds(entity)
    const count = (this.#taken.get(table) ?? 0) + 1
    const number = this.#after(table) + count
    if (this.#last.size > 0) requireIds(entity, [number])
    this.#entities.set(table, entity)
    this.#taken.set(table, count)
    this.#open.push(table)
    return number
  }

  /** What was taken is used. */
  keep(): void {
    this.#open = []
  }

  /** What was taken since is not used after all. */
  giveBack(): void {
    for (const table of this.#open) this.#taken.set(table, (this.#taken.get(table) ?? 0) - 1)
    this.#open = []
  }

  /** Numbers the new rows among these that have no id yet. */
  give(parts: readonly BatchPart[]): void {
    for (const part of parts) {
      if (part.before !== null || part.id !== 0) continue
      part.id = this.take(part.entity)
      if (part.after !== null) part.after.id = part.id
    }
    this.keep()
  }

  /** The ids that the rows will have, as many as there are rows. */
  async settle(db: Db, reserved: ReservedIds): Promise<FinalIds> {
    const ids = new Map<string, { after: number; ids: readonly number[] }>()
    for (const [table, entity] of this.#entities) {
      const found = await reserved.list(db, entity, this.#taken.get(table) ?? 0)
      ids.set(table, { after: this.#after(table), ids: found })
    }
    return new FinalIds(ids)
  }

  #after(table: string): number {
    return this.#last.get(table) ?? END_OF_IDS
  }
}

/** Taken at once: a millisecond or two of work. */
const PORTION = 10_000

/** Ids taken from the database for one import. A plan that was overtaken has made no rows: the next one has its ids. */
export class ReservedIds {
  readonly #ids = new Map<string, number[]>()

  /** At least so many. */
  async list(db: Db, entity: EntityName, count: number): Promise<readonly number[]> {
    const table = tableOfIds(entity)
    const ids = this.#ids.get(table) ?? []
    this.#ids.set(table, ids)
    while (ids.length < count) {
      ids.push(...(await reserveIds(db, entity, Math.min(PORTION, count - ids.length))))
    }
    return ids
  }
}

/** The table that each column of a row refers to. */
const referred: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['organisationId', 'parentId', 'childId', 'siteId', 'edgeId', 'resourceId'].map((column) => [column, 'resource']),
  ),
  ...Object.fromEntries(
    ['ownerId', 'groupId', 'memberId', 'addedBy', 'principalId', 'grantedBy', 'userId'].map((column) => [
      column,
      'principal',
    ]),
  ),
  roleId: 'role',
}

/** By kind of row, the columns that hold an id and the table it is of. */
const idColumns = new Map(
  Object.entries(graphColumnNames).map(([entity, columns]) => {
    const own = ['id', tableOfIds(entity as EntityName)] as const
    return [entity, [own, ...columns.flatMap((column) => (referred[column] ? [[column, referred[column]]] : []))]]
  }),
) as ReadonlyMap<EntityName, readonly (readonly [column: string, table: string])[]>

/** Puts ids where a plan has numbers. Whatever it is given stays as it is: rows are shared with the graph of the plan. */
export class FinalIds {
  readonly #ids: ReadonlyMap<string, { after: number; ids: readonly number[] }>

  constructor(ids: ReadonlyMap<string, { after: number; ids: readonly number[] }>) {
    this.#ids = ids
  }

  record({ parts, key, ...others }: PlannedRecord): PlannedRecord {
    const named = key && { ...key, targetId: this.#id(tableOfIds(key.kind as EntityName), key.targetId) }
    return { ...others, parts: parts.map((part) => this.#part(part)), ...(named ? { key: named } : {}) }
  }

  user(user: StoredUser): StoredUser {
    return {
      ...user,
      id: this.#id('principal', user.id),
      alerting: user.alerting.map((row) => ({
        ...row,
        userId: this.#id('principal', row.userId),
        edgeId: this.#id('resource', row.edgeId),
      })),
      rows: user.rows.map((parts) => parts.map((part) => this.#packed(part))),
    }
  }

  #packed(part: Packed): Packed {
    if (!('each' in part)) return this.#part(part)
    const { entity } = part
    const each = { ...part.each }
    for (const [column, table] of idColumns.get(entity) ?? [])
      if (each[column]) each[column] = each[column].map((value) => this.#id(table, value))
    return { entity, same: this.#row(entity, part.same), each }
  }

  #part<P extends BatchPart>(part: P): P {
    const { entity, before, after } = part
    const id = this.#id(tableOfIds(entity), part.id)
    return { ...part, id, before: before && this.#row(entity, before), after: after && this.#row(entity, after) }
  }

  #row<R extends object>(entity: EntityName, row: R): R {
    const found = { ...row } as Record<string, unknown>
    for (const [column, table] of idColumns.get(entity) ?? [])
      if (column in found) found[column] = this.#id(table, found[column])
    return found as R
  }

  #id<V>(table: string, value: V): V | number {
    const { after, ids } = this.#ids.get(table) ?? { after: END_OF_IDS, ids: [] }
    // An edge's own `edgeId` is a text.
    return typeof value === 'number' && value > after ? (ids[value - after - 1] ?? value) : value
  }
}
