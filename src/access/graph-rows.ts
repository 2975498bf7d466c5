import { isId } from '../lib/ids.ts'
import { ContainmentTable, GrantTable, type RowTable } from './graph-columns.ts'
import { EdgeTable } from './graph-edges.ts'
import type { Change, EntityName, EntityRows, UserRow } from './model.ts'

/** Every row of the graph by its id. */
export type Rows = { readonly [E in EntityName]: RowTable<EntityRows[E]> }

/** Rows by id in plain maps: for a few. */
export function fewRows(): Rows {
  return {
    user: new Map(),
    userGroup: new Map(),
    service: new Map(),
    membership: new Map(),
    organisation: new Map(),
    site: new Map(),
    edge: new Map(),
    edgeKey: new Map(),
    edgeGroup: new Map(),
    containment: new Map(),
    role: new Map(),
    grant: new Map(),
    restriction: new Map(),
    claim: new Map(),
  }
}

/** Rows by id, with the few other look-ups that the service needs. */
export class RowStore {
  readonly edges = new EdgeTable()
  readonly grants = new GrantTable()
  readonly rows: Rows = {
    ...fewRows(),
    edge: this.edges,
    containment: new ContainmentTable(),
    grant: this.grants,
  }
  readonly #usersByLogin = new Map<string, UserRow>()
  readonly #usersByEmail = new Map<string, UserRow>()

  indexUser(before: UserRow | undefined, after: UserRow | undefined): void {
    if (before) this.#usersByLogin.delete(before.login)
    if (before?.email) this.#usersByEmail.delete(before.email.toLowerCase())
    if (after) this.#usersByLogin.set(after.login, after)
    if (after?.email) this.#usersByEmail.set(after.email.toLowerCase(), after)
  }

  userByLogin(login: string): UserRow | undefined {
    return this.#usersByLogin.get(login)
  }

  userByEmail(email: string): UserRow | undefined {
    return this.#usersByEmail.get(email.toLowerCase())
  }
}

/** Stores a row in place of the one before, which is returned; undefined removes. */
export function putRow<E extends EntityName>(
  rows: Rows,
  entity: E,
  id: number,
  row: EntityRows[E] | undefined,
): EntityRows[E] | undefined {
  const table: RowTable<EntityRows[E]> = rows[entity]
  const before = table.get(id)
  if (row) table.set(id, row)
  else table.delete(id)
  return before
}

/** Throws when a change cannot be applied; called for a whole batch before any of it is. */
export function assertApplicable(change: Change): void {
  const { id, after } = change
  if (!isId(id)) throw new RangeError(`id ${id} is out of range`)
  if (after !== null && after.id !== id) throw new TypeError(`change ${change.revision} is about two rows`)
}
