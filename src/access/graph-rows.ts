import { ContainmentTable, GrantTable, type RowTable } from './graph-columns.ts'
import type { Change, EdgeRow, EntityName, EntityRows, UserRow } from './model.ts'

/** Every row of the graph by its id. */
export type Rows = { readonly [E in EntityName]: RowTable<EntityRows[E]> }

/** Highest id taken: positions in typed arrays are ids, and a stray one must not ask for gigabytes. */
const maxId = 1 << 27
const noSettings: Record<string, unknown> = Object.freeze({})

/** Rows by id, with the few other look-ups that the service needs. */
export class RowStore {
  readonly rows: Rows = {
    user: new Map(),
    userGroup: new Map(),
    service: new Map(),
    membership: new Map(),
    organisation: new Map(),
    site: new Map(),
    edge: new Map(),
    edgeKey: new Map(),
    edgeGroup: new Map(),
    containment: new ContainmentTable(),
    role: new Map(),
    grant: new GrantTable(),
    restriction: new Map(),
    claim: new Map(),
  }
  readonly #edgesByName = new Map<string, EdgeRow>()
  readonly #usersByLogin = new Map<string, UserRow>()
  readonly #usersByEmail = new Map<string, UserRow>()
  readonly #producttypes = new Map<string, string>()

  /** Stores a row in place of the one before, which is returned; undefined removes. */
  put<E extends EntityName>(entity: E, id: number, row: EntityRows[E] | undefined): EntityRows[E] | undefined {
    const table: RowTable<EntityRows[E]> = this.rows[entity]
    const before = table.get(id)
    if (row) table.set(id, row)
    else table.delete(id)
    return before
  }

  indexUser(before: UserRow | undefined, after: UserRow | undefined): void {
    if (before) this.#usersByLogin.delete(before.login)
    if (before?.email) this.#usersByEmail.delete(before.email.toLowerCase())
    if (after) this.#usersByLogin.set(after.login, after)
    if (after?.email) this.#usersByEmail.set(after.email.toLowerCase(), after)
  }

  indexEdge(before: EdgeRow | undefined, after: EdgeRow | undefined): void {
    if (before) this.#edgesByName.delete(before.edgeId)
    if (after) this.#edgesByName.set(after.edgeId, after)
  }

  edgeByName(edgeId: string): EdgeRow | undefined {
    return this.#edgesByName.get(edgeId)
  }

  userByLogin(login: string): UserRow | undefined {
    return this.#usersByLogin.get(login)
  }

  userByEmail(email: string): UserRow | undefined {
    return this.#usersByEmail.get(email.toLowerCase())
  }

  /** The row, sharing with others what a million edges have in common: product types and empty settings. */
  compact<E extends EntityName>(entity: E, row: EntityRows[E]): EntityRows[E] {
    if (entity !== 'edge') return row
    const edge = row as EdgeRow
    const producttype = this.#producttypes.get(edge.producttype) ?? edge.producttype
    this.#producttypes.set(producttype, producttype)
    const settings = Object.keys(edge.settings).length === 0 ? noSettings : edge.settings
    const { id, edgeId, comment, siteId, organisationId } = edge
    return { id, edgeId, comment, producttype, siteId, organisationId, settings } as EntityRows[E]
  }
}

/** Throws when a change cannot be applied; called for a whole batch before any of it is. */
export function assertApplicable(change: Change): void {
  const { id, after } = change
  if (!Number.isInteger(id) || id < 1 || id >= maxId) throw new RangeError(`id ${id} is out of range`)
  if (after !== null && after.id !== id) throw new TypeError(`change ${change.revision} is about two rows`)
}
