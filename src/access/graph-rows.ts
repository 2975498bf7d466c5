import { isId } from '../lib/ids.ts'
import { ContainmentTable, GrantTable, type RowTable } from './graph-columns.ts'
import { EdgeTable } from './graph-edges.ts'
import type { Change, EntityName, EntityRows, RoleRow, ServiceRow, UserRow } from './model.ts'

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

/** Rows by a name that is only theirs. */
class ByName<R extends { id: number }> {
  readonly #nameOf: (row: R) => string | undefined
  readonly #rows = new Map<string, R>()

  constructor(nameOf: (row: R) => string | undefined) {
    this.#nameOf = nameOf
  }

  get(name: string): R | undefined {
    return this.#rows.get(name)
  }

  put(before: R | undefined, after: R | undefined): void {
    const old = before && this.#nameOf(before)
    // Another may have the name already, who comes before this in the same batch.
    if (old !== undefined && this.#rows.get(old)?.id === before?.id) this.#rows.delete(old)
    const name = after && this.#nameOf(after)
    if (name !== undefined && after !== undefined) this.#rows.set(name, after)
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
  readonly usersByLogin = new ByName<UserRow>(({ login }) => login)
  readonly usersByEmail = new ByName<UserRow>(({ email }) => email?.toLowerCase())
  readonly services = new ByName<ServiceRow>(({ name }) => name)
  readonly roles = new ByName<RoleRow>(({ name, organisationId }) => roleKey(name, organisationId))
}

/** By what a role is found: its name, in its organisation. */
export function roleKey(name: string, organisationId: number | null): string {
  return `${organisationId ?? ''} ${name}`
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
