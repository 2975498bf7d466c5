import { decisionMask, decisionRank, Evaluator, isHistoricOnly } from './graph-evaluate.ts'
import { PrincipalGraph } from './graph-principals.ts'
import { ResourceGraph } from './graph-resources.ts'
import { assertApplicable, RowStore } from './graph-rows.ts'
import { Views } from './graph-views.ts'
import {
  type Change,
  type EdgeRow,
  type EntityName,
  type EntityRows,
  type OpenemsRole,
  openemsRoles,
  type Permission,
  PUBLIC_PRINCIPAL_ID,
  permissionBits,
  type Snapshot,
  type UserRow,
  type Window,
} from './model.ts'
import { EdgeLister, type EdgeQuery } from './search-list.ts'
import { unionWindows } from './windows.ts'

export type { EdgeQuery, OrderBy } from './search-list.ts'

/** What somebody may do with a resource, and when. */
export interface Access {
  mask: number
  /** For edges: what the wire says. Undefined: no role, 1005. */
  role: OpenemsRole | undefined
  /** Timestamps of stored values that may be read: null all, [] none (T3). */
  windows: Window[] | null
  /** Now lies outside all windows: the past may be looked at, nothing live. */
  historicOnly: boolean
  /** Component ids that may be seen, as patterns: null all, [] none. */
  components: string[] | null
}

type EntityHandlers = {
  [E in EntityName]: (before: EntityRows[E] | undefined, after: EntityRows[E] | undefined, id: number) => void
}

const dataMask = permissionBits.live | permissionBits.history | permissionBits.control

/**
 * The graph of people, structure and rights of the whole fleet in memory, and every answer about it. Pure: rows come in by
 * snapshot and log, time is an argument. Rules: docs `domain-rules` 2.1-2.6.
 */
export class AccessIndex {
  #revision = 0
  readonly #store = new RowStore()
  readonly #resources = new ResourceGraph()
  readonly #people = new PrincipalGraph()
  readonly #evaluator = new Evaluator(this.#resources)
  readonly #lister = new EdgeLister(this.#store.rows, this.#resources, this.#evaluator)
  readonly #views = new Views({ rows: this.#store.rows, resources: this.#resources, people: this.#people })

  /** The index over a snapshot. */
  static fromSnapshot(snapshot: Snapshot): AccessIndex {
    const index = new AccessIndex()
    const { revision, ...tables } = snapshot
    for (const entity of Object.keys(tables) as (keyof typeof tables)[]) index.#load(entity, tables[entity])
    index.#views.touchAll()
    index.#revision = revision
    return index
  }

  /** The last revision that is in. */
  get revision(): number {
    return this.#revision
  }

  /** Moves forward by rows of the log, all or nothing. What is in already is passed over. */
  apply(changes: readonly Change[]): void {
    const from = this.#revision
    const fresh = changes.filter((change) => change.revision > from)
    const known = fresh.filter((change) => Object.hasOwn(this.#handlers, change.entity))
    for (const change of known) assertApplicable(change)
    for (const { entity, id, after } of known) this.#put(entity, id, after)
    for (const { revision } of fresh) this.#revision = Math.max(this.#revision, revision)
  }

  user(id: number): UserRow | undefined {
    return this.#store.rows.user.get(id)
  }
  userByLogin(login: string): UserRow | undefined {
    return this.#store.userByLogin(login)
  }
  userByEmail(email: string): UserRow | undefined {
    return this.#store.userByEmail(email)
  }
  edge(id: number): EdgeRow | undefined {
    return this.#store.rows.edge.get(id)
  }
  edgeByName(edgeId: string): EdgeRow | undefined {
    return this.#store.edgeByName(edgeId)
  }
  get edgeCount(): number {
    return this.#store.rows.edge.size
  }
  row<E extends EntityName>(entity: E, id: number): EntityRows[E] | undefined {
    const table: ReadonlyMap<number, EntityRows[E]> = this.#store.rows[entity]
    return table.get(id)
  }
  rows<E extends EntityName>(entity: E): Iterable<EntityRows[E]> {
    const table: ReadonlyMap<number, EntityRows[E]> = this.#store.rows[entity]
    return table.values()
  }

  /** The OpenEMS role of a principal on an edge; undefined is no access at all (1005). */
  edgeRole(principalId: number, edgeId: number, at: number): OpenemsRole | undefined {
    if (!this.#resources.kinds.isEdge(edgeId)) return undefined
    return openemsRoles[decisionRank(this.#evaluator.decide(this.#views.get(principalId, at), edgeId))]
  }

  /** Whether a principal holds a permission on a resource now. */
  allows(principalId: number, permission: Permission, resourceId: number, at: number): boolean {
    const decision = this.#evaluator.decide(this.#views.get(principalId, at), resourceId)
    return (decision & permissionBits[permission]) !== 0
  }

  /** Everything about the access of a principal to a resource. */
  access(principalId: number, resourceId: number, at: number): Access {
    const view = this.#views.get(principalId, at)
    const decision = this.#evaluator.decide(view, resourceId)
    let windows: readonly Window[] | null = []
    let components: string[] | null = []
    if (decision !== 0) {
      for (const conveyance of this.#evaluator.conveyances(view, resourceId)) {
        if (conveyance.mask & permissionBits.history) windows = unionWindows(windows, conveyance.windows)
        if (conveyance.mask & dataMask) components = unionComponents(components, conveyance.grant.components)
      }
    }
    return {
      mask: decisionMask(decision),
      role: openemsRoles[decisionRank(decision)],
      windows: windows === null ? null : [...windows],
      historicOnly: isHistoricOnly(decision),
      components,
    }
  }

  /** A page of the edges that a principal may discover. */
  listEdges(principalId: number, query: EdgeQuery, at: number): EdgeRow[] {
    return this.#lister.list(this.#views.get(principalId, at), query)
  }

  /** How many edges a principal may discover, counted up to `atMost`. */
  countEdges(principalId: number, at: number, atMost: number): number {
    return this.#lister.count(this.#views.get(principalId, at), atMost)
  }

  /** The next moment at which any answer changes by time alone. */
  nextInstant(after: number): number | null {
    return this.#people.instants.after(after)
  }

  #load<E extends EntityName>(entity: E, rows: readonly EntityRows[E][]): void {
    for (const row of rows) this.#put(entity, row.id, row)
  }

  #put<E extends EntityName>(entity: E, id: number, row: EntityRows[E] | null): void {
    const after = row === null ? undefined : this.#store.compact(entity, row)
    const before = this.#store.put(entity, id, after)
    this.#handlers[entity](before, after, id)
  }

  /** What each kind of row means for the graph. */
  readonly #handlers: EntityHandlers = {
    user: (before, after, id) => {
      this.#store.indexUser(before, after)
      if (before?.disabledAt !== after?.disabledAt) this.#views.touch(id)
    },
    service: (_before, _after, id) => this.#views.touch(id),
    userGroup: (before, after) => {
      if (!before || !after) this.#views.touchAll()
    },
    role: () => this.#views.touchAll(),
    membership: (before, after) => {
      this.#people.setMembership(before, after)
      this.#touch(before?.memberId, after?.memberId)
    },
    grant: (before, after) => {
      this.#people.setGrant(before, after)
      this.#touch(before?.principalId, after?.principalId)
    },
    restriction: (before, after) => {
      this.#people.setRestriction(before, after)
      this.#touch(before?.userId, after?.userId)
    },
    claim: (before, after) => {
      this.#people.setClaim(before, after)
      this.#touch(before?.userId, after?.userId)
    },
    organisation: (before, after, id) => this.#resources.setOrganisation(id, before, after),
    site: (before, after, id) => this.#resources.setSite(id, before, after),
    edgeGroup: (before, after, id) => this.#resources.setEdgeGroup(id, before, after),
    containment: (before, after) => this.#resources.setContainment(before, after),
    edge: (before, after, id) => {
      this.#store.indexEdge(before, after)
      this.#resources.setEdge(id, before, after)
      this.#lister.touch(id, before, after)
    },
    edgeKey: () => {},
  }

  #touch(...principalIds: (number | undefined)[]): void {
    for (const principalId of principalIds) if (principalId !== undefined) this.#views.touch(principalId)
  }
}

function unionComponents(a: string[] | null, b: string[] | null): string[] | null {
  return a === null || b === null ? null : [...new Set([...a, ...b])]
}
