import type { AccessStore } from '../access/access-store.ts'
import type { Clock } from '../lib/clock.ts'

/** Ends that may overtake the answer of the query that found the session open. */
const REMEMBERED_ENDS = 10_000

export interface RegisteredSession {
  sessionId: string
  expiresAt: Date
}
export type SessionEndListener = (sessionId: string, reason: string) => void

/**
 * The sessions that have sockets on this node, kept current by the log: whether one has ended is answered without a
 * query. What was never admitted here counts as ended.
 */
export class SessionRegistry implements Disposable {
  readonly #clock: Clock
  readonly #open = new Map<string, { expiresAt: number; sockets: number }>()
  readonly #ended = new Set<string>()
  readonly #listeners = new Set<SessionEndListener>()
  readonly #unsubscribe: () => void
  /** Nothing expires before. */
  #nextExpiry = Number.POSITIVE_INFINITY

  constructor({ store, clock }: { store: Pick<AccessStore, 'onChange'>; clock: Clock }) {
    this.#clock = clock
    this.#unsubscribe = store.onChange((changes) => {
      for (const change of changes) {
        if (change.action === 'session.ended') this.#end(change.entityId, reasonOf(change.after))
      }
    })
  }

  /** Notes one more socket of a session that was just found open; false if it has ended in between. */
  admit({ sessionId, expiresAt }: RegisteredSession): boolean {
    if (this.#ended.has(sessionId)) return false
    this.#nextExpiry = Math.min(this.#nextExpiry, expiresAt.getTime())
    const known = this.#open.get(sessionId)
    if (known === undefined) this.#open.set(sessionId, { expiresAt: expiresAt.getTime(), sockets: 1 })
    else known.sockets += 1
    return true
  }

  /** Notes that a socket of the session is gone or signed out. */
  release(sessionId: string): void {
    const known = this.#open.get(sessionId)
    if (known === undefined) return
    known.sockets -= 1
    if (known.sockets <= 0) this.#open.delete(sessionId)
  }

  /** Whether calls of this session have to be refused: ended, expired, or never admitted here. */
  isEnded(sessionId: string): boolean {
    const known = this.#open.get(sessionId)
    return known === undefined || this.#clock().getTime() >= known.expiresAt
  }

  /** Hears of each session admitted here that ends, on whatever node, so that its sockets can be closed. */
  onEnded(listener: SessionEndListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Ends what has expired; to be called every second, which costs nothing unless something has. */
  endExpired(): void {
    const now = this.#clock().getTime()
    if (now < this.#nextExpiry) return
    this.#nextExpiry = Number.POSITIVE_INFINITY
    for (const [sessionId, { expiresAt }] of this.#open) {
      if (now >= expiresAt) this.#end(sessionId, 'expired')
      else this.#nextExpiry = Math.min(this.#nextExpiry, expiresAt)
    }
  }

  [Symbol.dispose](): void {
    this.#unsubscribe()
    this.#listeners.clear()
  }

  #end(sessionId: string, reason: string): void {
    this.#ended.add(sessionId)
    if (this.#ended.size > REMEMBERED_ENDS) {
      for (const oldest of this.#ended) {
        this.#ended.delete(oldest)
        break
      }
    }
    if (!this.#open.delete(sessionId)) return
    for (const listener of this.#listeners) listener(sessionId, reason)
  }
}

function reasonOf(after: unknown): string {
  if (typeof after !== 'object' || after === null || !('reason' in after)) return 'ended'
  return typeof after.reason === 'string' ? after.reason : 'ended'
}
