import { Evaluator } from './graph-evaluate.ts'
import { PrincipalGraph } from './graph-principals.ts'
import { ResourceGraph } from './graph-resources.ts'
import { assertApplicable, putRow, RowStore } from './graph-rows.ts'
import { Views } from './graph-views.ts'
import type { Change, EntityName, EntityRows } from './model.ts'
import { Accounts } from './search-accounts.ts'
import { ContainerLister } from './search-containers.ts'
import { EdgeLister } from './search-list.ts'
import type { ListLimits } from './search-query.ts'

/** So many have something at most to be told one by one that it came or went. */
const crowd = 1000
const containers = ['organisation', 'site', 'edgeGroup'] as const

/** So long others wait for what makes answers quick. */
const usualSliceMs = 3

type EntityHandlers = {
  [E in EntityName]: (before: EntityRows[E] | undefined, after: EntityRows[E] | undefined, id: number) => void
}

/** The graph at one revision: its rows, what follows from them, and how a change moves both forward. */
export class GraphState {
  readonly store = new RowStore()
  readonly rows = this.store.rows
  readonly resources: ResourceGraph
  readonly people = new PrincipalGraph(this.store.grants)
  readonly evaluator: Evaluator
  readonly views: Views
  readonly edges: EdgeLister
  readonly containers: ContainerLister
  readonly accounts = new Accounts()
  readonly #sliceMs: number
  #revision = 0
  #isLoaded = false

  constructor(limits?: ListLimits) {
    this.#sliceMs = limits?.sliceMs ?? usualSliceMs
    this.resources = new ResourceGraph(limits)
    this.evaluator = new Evaluator(this.resources)
    this.views = new Views({ rows: this.rows, resources: this.resources, people: this.people })
    this.containers = new ContainerLister(this.rows, this.resources, this.evaluator)
    this.edges = new EdgeLister(this.store.edges, this.resources, this.evaluator, limits)
  }

  /** The last revision that is in. */
  get revision(): number {
    return this.#revision
  }

  /** Fills the graph; to be followed by `loaded`. */
  take<E extends EntityName>(entity: E, rows: readonly EntityRows[E][]): void {
    for (const row of rows) this.#put(entity, row.id, row)
  }

  /** All rows as of a revision are in. */
  loaded(revision: number): void {
    this.views.touchAll()
    this.resources.links.tidy()
    this.edges.load()
    this.accounts.settle()
    for (const kind of containers) this.resources.content.await(this.rows[kind].keys())
    for (const id of this.rows.organisation.keys()) this.resources.content.await([-id])
    this.#revision = revision
    this.#isLoaded = true
  }

  /** Does some of what makes answers quick but not other ones; returns whether there is more to do. */
  work(): boolean {
    const until = performance.now() + this.#sliceMs
    while (this.resources.content.work() || this.edges.work()) if (performance.now() >= until) return true
    return false
  }

  /** Moves forward by rows of the log, all or nothing. What is in already is passed over. */
  apply(changes: readonly Change[]): void {
    const fresh = changes.filter((change) => change.revision > this.#revision)
    const known = fresh.filter((change) => Object.hasOwn(this.#handlers, change.entity))
    for (const change of known) assertApplicable(change)
    for (const { entity, id, after } of known) this.#put(entity, id, after)
    for (const { revision } of fresh) this.#revision = Math.max(this.#revision, revision)
  }

  /** What is found as if these changes had been made, after which they are undone: nobody else sees any of it. */
  trying<T>(changes: readonly Change[], look: () => T): T {
    for (const change of changes) assertApplicable(change)
    const undo: (() => void)[] = []
    try {
      for (const { entity, id, after } of changes) {
        const before = this.rows[entity].get(id) ?? null
        this.#put(entity, id, after)
        undo.push(() => this.#put(entity, id, before))
      }
      return look()
    } finally {
      for (const step of undo.reverse()) step()
    }
  }

  #put<E extends EntityName>(entity: E, id: number, row: EntityRows[E] | null): void {
    const after = row ?? undefined
    const before = putRow(this.rows, entity, id, after)
    this.#handlers[entity](before, after, id)
  }

  /** What each kind of row means for the graph. */
  readonly #handlers: EntityHandlers = {
    user: (before, after, id) => {
      this.store.usersByLogin.put(before, after)
      this.store.usersByEmail.put(before, after)
      this.accounts.set(id, after)
      if (before?.disabledAt !== after?.disabledAt) this.views.touch(id)
    },
    service: (before, after, id) => {
      this.store.services.put(before, after)
      this.accounts.set(id, after)
      this.views.touch(id)
    },
    userGroup: (before, after) => {
      if (!before || !after) this.views.touchAll()
    },
    role: (before, after) => {
      this.store.roles.put(before, after)
      this.views.touchAll()
    },
    membership: (before, after) => {
      this.people.setMembership(before, after)
      this.#touch(before?.memberId, after?.memberId)
    },
    grant: (before, after) => {
      this.people.setGrant(before, after)
      this.#touch(before?.principalId, after?.principalId)
    },
    restriction: (before, after) => {
      this.people.setRestriction(before, after)
      this.#touch(before?.userId, after?.userId)
    },
    claim: (before, after) => {
      this.people.setClaim(before, after)
      this.#touch(before?.userId, after?.userId)
    },
    organisation: (before, after, id) => {
      this.resources.setOrganisation(id, before, after)
      this.containers.touch('organisation', id)
    },
    site: (before, after, id) => {
      this.resources.setSite(id, before, after)
      this.#touchHolders(before, after, id)
      this.containers.touch('site', id)
    },
    edgeGroup: (before, after, id) => {
      this.resources.setEdgeGroup(id, before, after)
      this.#touchHolders(before, after, id)
      this.containers.touch('edgeGroup', id)
    },
    containment: (before, after) => this.resources.setContainment(before, after),
    edge: (before, after, id) => {
      this.resources.setEdge(id, before, after)
      this.#touchHolders(before, after, id)
      if (this.#isLoaded) this.edges.touch(id, before, after)
    },
    edgeKey: () => {},
  }

  /** A resource that comes or goes makes what is granted on it count or not, in whatever order they came (G-08). */
  #touchHolders(before: object | undefined, after: object | undefined, id: number): void {
    if (before && after) return
    let touched = 0
    for (const principalId of this.people.holdersOn(id)) {
      // To say so of each of a crowd takes longer than to look at everybody anew.
      if (++touched > crowd) return this.views.touchAll()
      this.views.touch(principalId)
    }
  }

  #touch(...principalIds: (number | undefined)[]): void {
    if (!this.#isLoaded) return
    for (const principalId of principalIds) if (principalId !== undefined) this.views.touch(principalId)
  }
}
