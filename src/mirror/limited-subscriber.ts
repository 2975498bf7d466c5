import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises'
import type { AccessIndex } from '../access/access-index.ts'
import { knownTo } from '../access/audience-door.ts'
import { type MirrorLook, maySeeRole, mirroredEdges, mirroredUsers } from '../access/mirror-door.ts'
import type { EdgeRow, OpenemsRole, UserRow } from '../access/model.ts'
import type {
  AuthzChanged,
  MetadataChanged,
  MetadataHead,
  MirroredUser,
  SnapshotPage,
} from '../client/notifications.ts'
import type { EdgeStates } from '../live/edge-states.ts'
import { toMirroredEdge, toMirroredState, toMirroredUser, type WriteNotification } from './metadata-frames.ts'
import type { PushChannel } from './metadata-subscriber.ts'

export interface LimitedParts {
  index: () => AccessIndex
  states: () => EdgeStates
  now: () => number
  write: WriteNotification
  /** Whether this node may answer for now. */
  isFresh: () => boolean
  failed: (error: unknown) => void
  forget: (subscriber: LimitedSubscriber) => void
}

interface Seen {
  edges: Map<string, EdgeRow>
  users: Map<string, UserRow>
}
interface Asked {
  user: number
  edge: number
  login: string
  role: OpenemsRole | null
}

const ROWS_PER_FRAME = 250
const LOOKS_PER_TURN = 200
/** Between two looks, so that changes that follow each other are one; mirrors count on hearing something twice a second. */
const MIN_PAUSE_MS = 100
const MAX_PAUSE_MS = 400
const MAX_ASKED = 100_000
/** Where changes never pause it is looked without one. */
const MAX_TRIES = 5

/**
 * The mirror of a service that does not look after everything: it is told what it may see, as it is, and nothing about the
 * log, whose numbers would tell how much happens elsewhere. What it may see is worked out anew after each change, at most a
 * few times a second, and compared with what it was told; it counts its revisions and epochs by itself, and so always begins
 * with a snapshot. Answers about roles are remembered and compared, too, so that exactly those that changed are void.
 */
export class LimitedSubscriber implements Disposable {
  readonly #parts: LimitedParts
  readonly #channel: PushChannel
  readonly #principalId: number
  /** By id on the wire, as they were told. */
  readonly #edges = new Map<string, { id: number; text: string }>()
  readonly #users = new Map<string, { id: number; login: string; text: string }>()
  readonly #asked = new Map<string, Asked>()
  readonly #movedStates = new Set<number>()
  readonly #edgeNames = new Map<number, string>()
  #revision = 0
  #epoch = 0
  #isWhole = false
  #isDirty = true
  #isStarted = false
  #isResting = false
  #running = false
  #ended = false

  constructor(parts: LimitedParts, channel: PushChannel, principalId: number) {
    this.#parts = parts
    this.#channel = channel
    this.#principalId = principalId
  }

  /** What it sees now, counted: before the snapshot that says the same. */
  async begin(): Promise<{ edges: number; users: number }> {
    const { edges, users } = await this.#look()
    return { edges: edges.size, users: users.size }
  }

  /** From now on it is told: first a snapshot. */
  start(): void {
    this.#isStarted = true
    this.#pump()
  }

  /** Sends what is owed. Returns at once, never throws. */
  #pump(): void {
    if (!this.#isStarted || this.#running || this.#ended) return
    this.#running = true
    void this.#run()
      .catch((error: unknown) => {
        this.#parts.failed(error)
        this[Symbol.dispose]()
        this.#channel.close()
      })
      .finally(() => {
        this.#running = false
      })
  }

  /** The log has moved, or something began or ended by time. */
  changed(): void {
    this.#isDirty = true
    this.#pump()
  }

  /** These edges say something else of themselves. */
  statesMoved(ids: readonly number[]): void {
    for (const id of ids) if (this.#edgeNames.has(id)) this.#movedStates.add(id)
    if (this.#movedStates.size > 0) this.#pump()
  }

  /** Says that it has everything, if that is so. */
  announce(): void {
    const isAtWork = this.#running && !this.#isResting
    if (!isAtWork && !this.#isDirty && this.#movedStates.size === 0) this.#sayCurrent()
    else this.#pump()
  }

  /** Roles of users on edges, null for none and for what is not its to know; told again when one becomes another. */
  roles(pairs: readonly (readonly [userId: string, edgeId: string])[]): {
    epoch: number
    roles: (OpenemsRole | null)[]
  } {
    if (this.#asked.size + pairs.length > MAX_ASKED) {
      this.#asked.clear()
      this.#push('authzChanged', { epoch: ++this.#epoch } satisfies AuthzChanged)
    }
    const look = this.#lookNow()
    const roles = pairs.map(([userId, edgeId]) => {
      const user = look.index.userByLogin(userId.toLowerCase())
      const edge = look.index.edgeByName(edgeId)
      if (user === undefined || edge === undefined || !this.#users.has(String(user.id)) || !this.#edges.has(edgeId))
        return null
      const role = roleOf(look, user.id, edge.id)
      this.#asked.set(`${user.id} ${edge.id}`, { user: user.id, edge: edge.id, login: user.login, role })
      return role
    })
    return { epoch: this.#epoch, roles }
  }

  [Symbol.dispose](): void {
    this.#ended = true
    this.#parts.forget(this)
  }

  async #run(): Promise<void> {
    while (!this.#ended && (this.#isDirty || this.#movedStates.size > 0)) {
      const startedAt = performance.now()
      if (this.#isDirty) {
        this.#isDirty = false
        const seen = await this.#look()
        if (this.#isWhole) await this.#sendDifference(seen)
        else await this.#sendSnapshot(seen)
        await this.#tellRoles()
      }
      await this.#sendStates()
      this.#sayCurrent()
      this.#isResting = true
      const restMs = Math.min(Math.max(MIN_PAUSE_MS, performance.now() - startedAt), MAX_PAUSE_MS)
      await pause(restMs, undefined, { ref: false })
      this.#isResting = false
    }
  }

  #lookNow(): MirrorLook {
    return { index: this.#parts.index(), askerId: this.#principalId, at: this.#parts.now() }
  }

  async #look(): Promise<Seen> {
    for (let tries = 0; ; tries++) {
      const look = this.#lookNow()
      const { revision } = look.index
      const edges = new Map<string, EdgeRow>()
      const users = new Map<string, UserRow>()
      for (const page of mirroredEdges(look)) {
        for (const edge of page) edges.set(edge.edgeId, edge)
        if (tries < MAX_TRIES) await turn()
      }
      // Pages of two states do not add up to a whole.
      if (look.index.revision !== revision) continue
      let looked = 0
      for (const some of mirroredUsers(look, edges.values())) {
        for (const user of some) users.set(String(user.id), user)
        if (++looked % LOOKS_PER_TURN === 0) await turn()
      }
      return { edges, users }
    }
  }

  async #sendSnapshot({ edges, users }: Seen): Promise<void> {
    this.#isWhole = true
    this.#revision++
    const rows = [...edges.values(), ...users.values()]
    for (let start = 0; start === 0 || start < rows.length; start += ROWS_PER_FRAME) {
      const part = rows.slice(start, start + ROWS_PER_FRAME)
      await this.#pushSlowly('metadataSnapshot', (look): SnapshotPage => {
        const shown = stillSeen(
          look,
          part.filter((row) => 'edgeId' in row),
        )
        const known = stillKnown(
          look,
          part.filter((row) => 'login' in row),
        )
        return {
          revision: this.#revision,
          hash: '',
          first: start === 0,
          last: start + ROWS_PER_FRAME >= rows.length,
          edges: shown.map((edge) => this.#told(edge)),
          states: shown.map((edge) => toMirroredState(this.#parts.states(), edge)),
          users: known.map((user) => this.#toldUser(user)),
        }
      })
    }
  }

  async #sendDifference({ edges, users }: Seen): Promise<void> {
    const newEdges = await sifted(edges.values(), (edge) => this.#edges.get(edge.edgeId)?.text !== textOf(edge))
    const newUsers = await sifted(users.values(), (user) => this.#users.get(String(user.id))?.text !== userText(user))
    const removedEdges = [...this.#edges.keys()].filter((id) => !edges.has(id))
    const removedUsers = [...this.#users.keys()].filter((id) => !users.has(id))
    for (const id of removedEdges) this.#forgetEdge(id)
    for (const id of removedUsers) this.#users.delete(id)
    if (newEdges.length + newUsers.length + removedEdges.length + removedUsers.length === 0) return
    const end = { revision: ++this.#revision, hash: '' }
    const gone = { ...list('removedEdges', removedEdges), ...list('removedUsers', removedUsers) }
    await this.#pushSlowly('metadataChanged', (): MetadataChanged => ({ ...end, ...gone }))
    for (let start = 0; start < newEdges.length; start += ROWS_PER_FRAME) {
      const part = newEdges.slice(start, start + ROWS_PER_FRAME)
      // What was hidden until now also said something meanwhile.
      for (const { id } of part) this.#movedStates.add(id)
      await this.#pushSlowly('metadataChanged', (look) => ({
        ...end,
        edges: stillSeen(look, part).map((edge) => this.#told(edge)),
      }))
    }
    for (let start = 0; start < newUsers.length; start += ROWS_PER_FRAME) {
      const part = newUsers.slice(start, start + ROWS_PER_FRAME)
      await this.#pushSlowly('metadataChanged', (look) => ({
        ...end,
        users: stillKnown(look, part).map((user) => this.#toldUser(user)),
      }))
    }
  }

  async #tellRoles(): Promise<void> {
    const look = this.#lookNow()
    const users = new Set<string>()
    let looked = 0
    for (const [key, asked] of this.#asked) {
      const isSeen = this.#users.has(String(asked.user)) && this.#edgeNames.has(asked.edge)
      const role = isSeen ? roleOf(look, asked.user, asked.edge) : null
      if (role !== asked.role) users.add(asked.login)
      if (isSeen) asked.role = role
      else this.#asked.delete(key)
      if (++looked % LOOKS_PER_TURN === 0) await turn()
    }
    if (users.size > 0) this.#push('authzChanged', { epoch: ++this.#epoch, users: [...users] } satisfies AuthzChanged)
  }

  async #sendStates(): Promise<void> {
    /** Of edges about to be taken away; owed still if the next look finds them back. */
    const hidden: { id: number }[] = []
    while (this.#movedStates.size > 0 && !this.#ended) {
      const ids = [...this.#movedStates].slice(0, ROWS_PER_FRAME)
      for (const id of ids) this.#movedStates.delete(id)
      const edges = ids.flatMap((id) => {
        const edgeId = this.#edgeNames.get(id)
        return edgeId === undefined ? [] : [{ id, edgeId }]
      })
      if (edges.length === 0) continue
      await this.#pushSlowly('edgeStatesChanged', (look) => {
        const shown = stillSeen(look, edges)
        hidden.push(...edges.filter((edge) => !shown.includes(edge)))
        return shown.length === 0
          ? undefined
          : { states: shown.map((edge) => toMirroredState(this.#parts.states(), edge)) }
      })
    }
    for (const { id } of hidden) this.#movedStates.add(id)
  }

  #sayCurrent(): void {
    const head: MetadataHead = { revision: this.#revision, hash: '', statePosition: 0 }
    if (this.#isWhole && this.#parts.isFresh()) this.#push('metadataHead', head)
  }

  #told(edge: EdgeRow) {
    this.#forgetEdge(edge.edgeId)
    this.#edges.set(edge.edgeId, { id: edge.id, text: textOf(edge) })
    this.#edgeNames.set(edge.id, edge.edgeId)
    return toMirroredEdge(edge)
  }

  #forgetEdge(name: string): void {
    this.#edgeNames.delete(this.#edges.get(name)?.id ?? 0)
    this.#edges.delete(name)
  }

  #toldUser(user: UserRow): MirroredUser {
    this.#users.set(String(user.id), { id: user.id, login: user.login, text: userText(user) })
    return nameOnly(user)
  }

  /** Sends when the reader keeps up what is made only then: much may have been withdrawn while he did not. */
  async #pushSlowly(method: string, make: (look: MirrorLook) => object | undefined): Promise<void> {
    const wait = this.#channel.drained()
    if (wait) await wait
    else await turn()
    const params = this.#ended ? undefined : make(this.#lookNow())
    if (params !== undefined) this.#push(method, params)
  }

  #push(method: string, params: object): void {
    if (!this.#ended && this.#channel.isOpen) this.#channel.push(this.#parts.write(method, { ...params }))
  }
}

function stillSeen<E extends { id: number }>({ index, askerId, at }: MirrorLook, edges: readonly E[]): E[] {
  return edges.filter(({ id }) => index.edgeRole(askerId, id, at) !== undefined)
}

function stillKnown(look: MirrorLook, users: readonly UserRow[]): UserRow[] {
  const isKnown = knownTo(look)
  return users.filter(({ id }) => look.index.user(id)?.disabledAt === null && isKnown(id))
}

/** Of people one decides about one sees the name; what else there is about them is for themselves (G-32). */
function nameOnly(user: UserRow): MirroredUser {
  return { ...toMirroredUser(user), email: '', language: 'EN', globalRole: 'guest', settings: {} }
}

function roleOf(look: MirrorLook, userId: number, edgeId: number): OpenemsRole | null {
  return maySeeRole(look, userId, edgeId) ? (look.index.edgeRole(userId, edgeId, look.at) ?? null) : null
}

function textOf(edge: EdgeRow): string {
  return JSON.stringify([edge.id, toMirroredEdge(edge)])
}

function userText(user: UserRow): string {
  return JSON.stringify(nameOnly(user))
}

async function sifted<T>(rows: Iterable<T>, test: (row: T) => boolean): Promise<T[]> {
  const found: T[] = []
  let looked = 0
  for (const row of rows) {
    if (test(row)) found.push(row)
    if (++looked % LOOKS_PER_TURN === 0) await turn()
  }
  return found
}

function list<K extends string, T>(name: K, rows: readonly T[]): { [P in K]?: T[] } {
  return (rows.length === 0 ? {} : { [name]: rows }) as { [P in K]?: T[] }
}
