import type { AuthzChanged, Role } from './notifications.ts'
import type { ServiceClient } from './service-client.ts'
import { unavailable } from './service-error.ts'

const PAIRS_PER_CALL = 1000
/** What the service gives an answer for at most; less means that something ends. */
const LONGEST_ROLE_MS = 600_000

interface Entry {
  readonly user: string
  readonly edge: string
  /** Undefined: not answered yet. */
  role: Role | null | undefined
  /** Revision the answer belongs to. */
  epoch: number
  /** What is older than this does not count. */
  minEpoch: number
  /** From when the answer is or may be wrong, on the monotonic clock. */
  voidFrom: number
  /** Something begins or ends within the time the answer was given for. */
  ends: boolean
  /** Asked for since it was last renewed: what nobody asks for is forgotten. */
  used: boolean
  waiting: ((role: Role | null) => void)[]
}

/** Roles that were asked for, renewed as soon as they may have changed; many at once in one call. */
export class RoleCache {
  readonly #client: ServiceClient
  readonly #maxStaleMs: number
  readonly #users = new Map<string, Map<string, Entry>>()
  readonly #due = new Set<Entry>()
  #asking = false

  constructor(client: ServiceClient, maxStaleMs: number) {
    this.#client = client
    this.#maxStaleMs = maxStaleMs
  }

  /** The role as it was at most `maxStaleMs` ago; undefined when that is not known here. */
  get(user: string, edge: string): Role | null | undefined {
    const entry = this.#entry(user, edge)
    entry.used = true
    const now = performance.now()
    if (entry.voidFrom <= now) this.#renew(entry)
    return now - entry.voidFrom <= this.#maxStaleMs ? entry.role : undefined
  }

  /** Waits for an answer. Throws ServiceError 1006 when none comes. */
  async load(user: string, edge: string): Promise<Role | null> {
    const entry = this.#entry(user, edge)
    entry.used = true
    return await new Promise((resolve, reject) => {
      const tooLate = () => reject(unavailable('The service did not answer for a role'))
      const timer = setTimeout(tooLate, 10 * this.#maxStaleMs)
      entry.waiting.push((role) => {
        clearTimeout(timer)
        resolve(role)
      })
      this.#renew(entry)
    })
  }

  /** Rights have changed, or the time of some answers is over by the clock of the service. */
  changed({ epoch, users, edges, expired }: AuthzChanged): void {
    if (expired === true) return this.#renewEnding()
    const everything = users === undefined && edges === undefined
    const concerned = everything ? this.#all() : [...this.#ofUsers(users ?? []), ...this.#ofEdges(edges ?? [])]
    const now = performance.now()
    for (const entry of concerned) {
      if (entry.epoch >= epoch) continue
      entry.minEpoch = Math.max(entry.minEpoch, epoch)
      entry.voidFrom = Math.min(entry.voidFrom, now)
      this.#renew(entry)
    }
  }

  /** Nothing is known of the time in between; with `startOver` nor whether revisions go on from where they were. */
  renewAll(startOver: boolean): void {
    const now = performance.now()
    for (const entry of [...this.#all()]) {
      if (startOver) {
        entry.epoch = -1
        entry.minEpoch = 0
      }
      entry.voidFrom = Math.min(entry.voidFrom, now)
      this.#renew(entry)
    }
  }

  /** Renews what has run out; forgets what nobody asked for since. */
  renewOver(): void {
    const now = performance.now()
    for (const entry of [...this.#all()]) {
      if (entry.voidFrom > now || this.#due.has(entry)) continue
      if (entry.used || entry.waiting.length > 0) this.#renew(entry)
      else this.#users.get(entry.user)?.delete(entry.edge)
    }
  }

  /** Those that end by themselves before they would be asked for again anyway. */
  #renewEnding(): void {
    const now = performance.now()
    for (const entry of [...this.#all()]) {
      if (!entry.ends) continue
      entry.voidFrom = Math.min(entry.voidFrom, now)
      this.#renew(entry)
    }
  }

  clear(): void {
    this.#users.clear()
    this.#due.clear()
  }

  #entry(user: string, edge: string): Entry {
    const ofUser = this.#users.get(user) ?? new Map<string, Entry>()
    const known = ofUser.get(edge)
    if (known) return known
    const voidFrom = Number.NEGATIVE_INFINITY
    const unknown = { role: undefined, epoch: -1, minEpoch: 0, voidFrom, ends: false }
    const entry: Entry = { user, edge, ...unknown, used: true, waiting: [] }
    this.#users.set(user, ofUser.set(edge, entry))
    return entry
  }

  *#all(): Iterable<Entry> {
    for (const ofUser of this.#users.values()) yield* ofUser.values()
  }

  *#ofUsers(users: readonly string[]): Iterable<Entry> {
    for (const user of users) yield* this.#users.get(user)?.values() ?? []
  }

  *#ofEdges(edges: readonly string[]): Iterable<Entry> {
    for (const ofUser of this.#users.values()) {
      for (const edge of edges) {
        const entry = ofUser.get(edge)
        if (entry) yield entry
      }
    }
  }

  #renew(entry: Entry): void {
    this.#due.add(entry)
    if (this.#asking) return
    this.#asking = true
    // Whatever else is asked or told in this turn goes along.
    queueMicrotask(() => void this.#ask())
  }

  async #ask(): Promise<void> {
    try {
      while (this.#due.size > 0) {
        const batch = [...this.#due].slice(0, PAIRS_PER_CALL)
        for (const entry of batch) this.#due.delete(entry)
        const pairs = batch.map(({ user, edge }): [string, string] => [user, edge])
        const askedAt = performance.now()
        const { epoch, roles } = await this.#client.call('getUserRoles', { pairs })
        batch.forEach((entry, index) => {
          const answer = roles[index]
          if (answer) this.#answered(entry, answer, epoch, askedAt)
        })
      }
    } catch {
      // Without an answer nothing is renewed; the next connection, head or question asks again.
    } finally {
      this.#asking = false
    }
  }

  #answered(
    entry: Entry,
    { role, validForMs }: { role: Role | null; validForMs: number },
    epoch: number,
    askedAt: number,
  ): void {
    if (epoch < entry.minEpoch) return this.#renew(entry)
    entry.role = role
    entry.epoch = epoch
    entry.voidFrom = askedAt + validForMs
    entry.ends = validForMs < LONGEST_ROLE_MS
    entry.used = false
    for (const resolve of entry.waiting.splice(0)) resolve(role)
  }
}
