import type {
  MetadataChanged,
  MetadataHead,
  MirroredEdge,
  MirroredState,
  MirroredUser,
  Role,
  SnapshotPage,
} from './notifications.ts'
import { RoleCache } from './role-cache.ts'
import type { ServiceClient } from './service-client.ts'
import { UNAVAILABLE, unavailable } from './service-error.ts'

/** What is known of an edge: what people entered and what it says itself. */
export type Edge = MirroredEdge & Omit<MirroredState, 'id'>
/** An edge that is new (`before` undefined), different, or gone (`now` undefined). */
export type EdgeListener = (now: Edge | undefined, before: Edge | undefined) => void

const neverHeard = { online: false, version: '0.0.0', sumState: null, lastMessage: null } as const

export interface MirrorOptions {
  /** Roles are not answered when the service was not heard to be current for longer than this. */
  maxStaleMs?: number
}

/**
 * A copy of all edges and users, and of the roles that were asked for, kept current by the service: every question is
 * answered at once. Without the service, edges and users stay as they were last; roles are refused with 1006 after a second.
 */
export class MetadataMirror {
  readonly #client: ServiceClient
  readonly #maxStaleMs: number
  readonly #roles: RoleCache
  readonly #edgeListeners = new Set<EdgeListener>()
  readonly #stop: (() => void)[]
  readonly #ready: Promise<void>
  #isReady: () => void = () => undefined
  #neverReady: (error: unknown) => void = () => undefined
  #edges = new Map<string, Edge>()
  #users = new Users()
  /** A snapshot that is not whole yet. */
  #coming: { edges: Map<string, Edge>; users: Users } | undefined
  #position: { fromRevision: number; hash: string; instance: string; statePosition: number } | undefined
  #instance = ''
  #isLimited = false
  #currentAt = Number.NEGATIVE_INFINITY

  constructor(client: ServiceClient, { maxStaleMs = 1000 }: MirrorOptions = {}) {
    this.#client = client
    this.#maxStaleMs = maxStaleMs
    this.#roles = new RoleCache(client, maxStaleMs)
    this.#ready = new Promise((resolve, reject) => {
      this.#isReady = resolve
      this.#neverReady = reject
    })
    // Whoever does not wait for it learns from the answers.
    this.#ready.catch(() => undefined)
    this.#stop = [
      client.on('metadataSnapshot', (page) => this.#onPage(page)),
      client.on('metadataChanged', (changed) => this.#onChanged(changed)),
      client.on('edgeStatesChanged', ({ states }) => this.#onStates(states)),
      client.on('authzChanged', (changed) => this.#roles.changed(changed)),
      client.on('metadataHead', (head) => this.#onHead(head)),
      client.onConnected(() => void this.#subscribe()),
    ]
  }

  /** Resolves when everything is here for the first time; rejects when the service refuses it. */
  ready(): Promise<void> {
    return this.#ready
  }

  /** Revision of the log up to which this is complete. */
  get revision(): number {
    return this.#position?.fromRevision ?? 0
  }

  /** Whether the service said a moment ago that nothing is missing here. */
  get isCurrent(): boolean {
    return performance.now() - this.#currentAt <= this.#maxStaleMs
  }

  /**
   * Whether this is a copy of what the service may see only: edges it has a role on, and of people it decides about the name.
   * Decided with each connection.
   */
  get isLimited(): boolean {
    return this.#isLimited
  }

  /** Every edge by its id. The objects are never changed, but replaced. */
  get edges(): ReadonlyMap<string, Edge> {
    return this.#edges
  }

  getEdge(edgeId: string): Edge | undefined {
    return this.#edges.get(edgeId)
  }

  getAllOfflineEdges(): Edge[] {
    return [...this.#edges.values()].filter(({ online }) => !online)
  }

  /** Every user by his external id. */
  get users(): ReadonlyMap<string, MirroredUser> {
    return this.#users.byExternalId
  }

  /** By login, which is what roles and alerting use. */
  getUser(id: string): MirroredUser | undefined {
    return this.#users.byLogin.get(id)
  }

  getUserByExternalId(userId: string): MirroredUser | undefined {
    return this.#users.byExternalId.get(userId)
  }

  /**
   * The role of a user on an edge, null for none. Undefined: never asked before, or its renewal takes too long; it is being
   * asked for, see `loadUserRole`. An answer was true at most a second ago, else ServiceError 1006.
   */
  getUserRole(id: string, edgeId: string): Role | null | undefined {
    if (!this.isCurrent) throw unavailable('The service was not heard of for too long to answer for roles')
    return this.#roles.get(id, edgeId)
  }

  /** The same, waiting for the answer where there is none yet. Once asked for, a role is kept current. */
  async loadUserRole(id: string, edgeId: string): Promise<Role | null> {
    const known = this.isCurrent ? this.#roles.get(id, edgeId) : undefined
    return known === undefined ? await this.#roles.load(id, edgeId) : known
  }

  /** Hears of each edge that changes. Returns how to stop. */
  onEdge(listener: EdgeListener): () => void {
    this.#edgeListeners.add(listener)
    return () => this.#edgeListeners.delete(listener)
  }

  [Symbol.dispose](): void {
    for (const stop of this.#stop) stop()
    this.#roles.clear()
  }

  async #subscribe(): Promise<void> {
    this.#coming = undefined
    this.#currentAt = Number.NEGATIVE_INFINITY
    try {
      const { instance, startOver, limited } = await this.#client.call('subscribeMetadata', this.#position ?? {})
      this.#instance = instance
      this.#isLimited = limited
      // Whose time was over meanwhile nobody told.
      this.#roles.renewAll(startOver)
    } catch (error) {
      const code = (error as { code?: number }).code
      if (code !== UNAVAILABLE) this.#neverReady(error)
      // The connection is lost, which leads here again, or the service cannot answer yet, so that it has to be.
      setTimeout(() => this.#client.reconnect(), this.#maxStaleMs)
    }
  }

  #onPage({ first, last, revision, hash, edges, states, users }: SnapshotPage): void {
    if (first) this.#coming = { edges: new Map(), users: new Users() }
    const coming = this.#coming
    if (coming === undefined) return
    const stateOf = new Map(states.map((state) => [state.id, state]))
    for (const edge of edges)
      coming.edges.set(edge.id, { ...edge, ...(stateOf.get(edge.id) ?? neverHeard), id: edge.id })
    for (const user of users) coming.users.set(user)
    if (!last) return
    const before = this.#edges
    this.#coming = undefined
    this.#edges = coming.edges
    this.#users = coming.users
    this.#position = { fromRevision: revision, hash, instance: this.#instance, statePosition: 0 }
    for (const edge of coming.edges.values()) this.#tell(edge, before.get(edge.id))
    for (const edge of before.values()) if (!coming.edges.has(edge.id)) this.#tell(undefined, edge)
  }

  #onChanged({ revision, hash, edges = [], removedEdges = [], users = [], removedUsers = [] }: MetadataChanged): void {
    if (this.#position === undefined) return
    for (const edge of edges) this.#put(edge.id, { ...neverHeard, ...this.#edges.get(edge.id), ...edge })
    for (const id of removedEdges) this.#put(id, undefined)
    for (const user of users) this.#users.set(user)
    for (const userId of removedUsers) this.#users.delete(userId)
    this.#position = { ...this.#position, fromRevision: revision, hash }
  }

  #onStates(states: readonly MirroredState[]): void {
    for (const state of states) {
      const edge = this.#edges.get(state.id)
      if (edge) this.#put(state.id, { ...edge, ...state })
    }
  }

  /** Everything up to here has arrived. */
  #onHead({ revision, hash, statePosition }: MetadataHead): void {
    if (this.#position === undefined || this.#coming !== undefined) return
    this.#position = { fromRevision: revision, hash, instance: this.#instance, statePosition }
    this.#currentAt = performance.now()
    this.#isReady()
    this.#roles.renewOver()
  }

  #put(id: string, now: Edge | undefined): void {
    const before = this.#edges.get(id)
    if (now) this.#edges.set(id, now)
    else this.#edges.delete(id)
    this.#tell(now, before)
  }

  #tell(now: Edge | undefined, before: Edge | undefined): void {
    for (const listener of this.#edgeListeners) listener(now, before)
  }
}

/** Users by both their names. */
class Users {
  readonly byExternalId = new Map<string, MirroredUser>()
  readonly byLogin = new Map<string, MirroredUser>()

  set(user: MirroredUser): void {
    this.delete(user.userId)
    this.byExternalId.set(user.userId, user)
    this.byLogin.set(user.id, user)
  }

  delete(userId: string): void {
    const user = this.byExternalId.get(userId)
    if (user === undefined) return
    this.byExternalId.delete(userId)
    if (this.byLogin.get(user.id) === user) this.byLogin.delete(user.id)
  }
}
