import { randomUUID } from 'node:crypto'
import type { AccessStore } from '../access/access-store.ts'
import type { Change } from '../access/model.ts'
import type { AuthzChanged } from '../client/notifications.ts'
import { type ChainedChange, readChanges, readHead } from '../db/change-log.ts'
import type { Db } from '../db/database.ts'
import type { Clock } from '../lib/clock.ts'
import type { EdgeStates } from '../live/edge-states.ts'
import type { Log } from '../log.ts'
import { type FeedFrame, FrameRing } from './frame-ring.ts'
import { LimitedSubscriber } from './limited-subscriber.ts'
import { changesToTexts, type WriteNotification } from './metadata-frames.ts'
import { MetadataSnapshot } from './metadata-snapshot.ts'
import { MetadataSubscriber, type PushChannel } from './metadata-subscriber.ts'
import { StateFeed } from './state-feed.ts'

/** How often mirrors hear that they are current; they count on it twice a second. */
const HEAD_MS = 400
const KEPT_CHANGES = 20_000
/** A row of the log may carry hundreds of changes. */
const ROWS_PER_READ = 100
/** Who is farther behind gets a new snapshot: it is smaller. */
const MAX_BEHIND = 100_000
/** A snapshot is shared by whoever comes within this time. */
const SNAPSHOT_MS = 10_000
/** And while no more than this has happened since. */
const SNAPSHOT_CHANGES = 1000

/** Where a mirror stands that comes back. */
export interface MirrorPosition {
  fromRevision: number
  hash?: string | undefined
  instance?: string | undefined
  statePosition?: number | undefined
}

export interface FeedParts {
  store: AccessStore
  db: Db
  clock: Clock
  log: Log
  states: () => EdgeStates
  write: WriteNotification
}

/**
 * The log as backend plugins follow it: a snapshot at a revision, then every change in order; what edges say beside it.
 * Each notification is written once, however many mirrors there are. Whoever reads slowly costs no memory here: he is
 * a position, served from what is kept, from the database, or from a new snapshot.
 */
export class MetadataFeed implements Disposable {
  readonly states: StateFeed
  /** Names this process: positions in the sequence of states mean nothing to another. */
  readonly instance = randomUUID()
  readonly #parts: FeedParts
  #ring = new FrameRing(KEPT_CHANGES)
  readonly #subscribers = new Set<MetadataSubscriber>()
  readonly #limited = new Map<PushChannel, LimitedSubscriber>()
  #head = { revision: 0, hash: '' }
  #snapshot: MetadataSnapshot | undefined
  #snapshotTimer: NodeJS.Timeout | undefined
  #headTimer: NodeJS.Timeout | undefined
  #unfollow: (() => void) | undefined
  /** Up to when it was looked at whose time is over. */
  #checkedAt = 0

  constructor(parts: FeedParts) {
    this.#parts = parts
    this.states = new StateFeed({
      states: parts.states,
      index: () => parts.store.index,
      write: parts.write,
      moved: (ids) => {
        this.#wake()
        for (const limited of this.#limited.values()) limited.statesMoved(ids)
      },
    })
  }

  /** Follows the log from where the store is. */
  start(): void {
    const { store } = this.#parts
    this.#head = store.head
    this.#unfollow = store.onChange((changes, graph) => this.#append(changes, graph))
    this.#headTimer = setInterval(() => this.#announce(), HEAD_MS).unref()
    this.#checkedAt = this.#parts.clock().getTime()
  }

  get subscriberCount(): number {
    return this.#subscribers.size + this.#limited.size
  }

  /** The newest revision that was put into the sequence. */
  get revision(): number {
    return this.#head.revision
  }

  /**
   * Lets a mirror follow: from where it was, if the log can be gone through from there, else from a snapshot
   * (`startOver`). `mayRead` is asked again with every change. Throws 1006 when this node is behind the mirror.
   */
  async subscribe(
    channel: PushChannel,
    mayRead: () => boolean,
    position?: MirrorPosition,
  ): Promise<{ subscriber: MetadataSubscriber; startOver: boolean; revision: number }> {
    const resumes = position !== undefined && (await this.#canResume(position))
    const subscriber = new MetadataSubscriber(this, channel, mayRead)
    const revision = resumes ? position.fromRevision : this.snapshot().revision
    if (resumes) {
      subscriber.resume(revision, position.instance === this.instance ? (position.statePosition ?? 0) : undefined)
    } else subscriber.startOver()
    this.#subscribers.add(subscriber)
    return { subscriber, startOver: !resumes, revision }
  }

  /** Lets a mirror follow that is to have what a principal may see and nothing else. */
  subscribeLimited(channel: PushChannel, principalId: number): LimitedSubscriber {
    const { store, states, clock, write } = this.#parts
    const limited = new LimitedSubscriber(
      {
        index: () => store.index,
        states,
        now: () => clock().getTime(),
        write,
        isFresh: () => this.#isFresh(),
        failed: (error) => this.failed(error),
        forget: (one) => {
          if (this.#limited.get(channel) === one) this.#limited.delete(channel)
        },
      },
      channel,
      principalId,
    )
    this.#limited.set(channel, limited)
    return limited
  }

  /** The limited mirror behind a socket. */
  limitedOf(channel: PushChannel): LimitedSubscriber | undefined {
    return this.#limited.get(channel)
  }

  forget(subscriber: MetadataSubscriber): void {
    this.#subscribers.delete(subscriber)
  }

  /** What is kept of the log after a revision. */
  after(revision: number): FeedFrame | undefined {
    return this.#ring.after(revision)
  }

  /** The same from the database, for whoever is farther behind; undefined when only a new snapshot helps. */
  async readAfter(revision: number): Promise<{ to: number; texts: readonly string[] } | undefined> {
    if (this.#head.revision - revision > MAX_BEHIND) return undefined
    const changes = await readChanges(this.#parts.db, { after: revision, limit: ROWS_PER_READ })
    const last = changes.at(-1)
    if (last === undefined || changes[0]?.revision !== revision + 1) return undefined
    return { to: last.revision, texts: this.#texts(changes, last) }
  }

  /** A snapshot as of now, or of a moment ago if the log can be gone through from there. */
  snapshot(): MetadataSnapshot {
    const { store, states, write } = this.#parts
    const known = this.#snapshot
    if (known !== undefined && this.#head.revision - known.revision <= SNAPSHOT_CHANGES) return known
    const at = { ...this.#head, statePosition: this.states.position }
    this.#snapshot = new MetadataSnapshot(at, { index: store.index, states: states(), write })
    clearTimeout(this.#snapshotTimer)
    this.#snapshotTimer = setTimeout(() => {
      this.#snapshot = undefined
    }, SNAPSHOT_MS).unref()
    return this.#snapshot
  }

  /** States of all edges, for a mirror that comes from another process. */
  allEdgeIds(): number[] {
    return [...this.#parts.store.index.rows('edge')].map(({ id }) => id)
  }

  failed(error: unknown): void {
    this.#parts.log.warn({ err: error }, 'a mirror was cut off: the log could not be read for it')
  }

  [Symbol.dispose](): void {
    clearInterval(this.#headTimer)
    clearTimeout(this.#snapshotTimer)
    this.#unfollow?.()
    this.states.stop()
  }

  async #canResume({ fromRevision, hash }: MirrorPosition): Promise<boolean> {
    const { db, store } = this.#parts
    if (this.#head.revision - fromRevision > MAX_BEHIND) return false
    const head = await readHead(db)
    // The database was put back to before what the mirror has seen, or goes on differently from there.
    if (head.revision < fromRevision) return false
    if (hash !== undefined && fromRevision > 0) {
      const [seen] = await readChanges(db, { after: fromRevision - 1, limit: 1 })
      if (seen?.hash !== hash) return false
    }
    await store.reach(fromRevision)
    return true
  }

  #append(changes: readonly ChainedChange[], graph: readonly Change[]): void {
    const last = changes.at(-1)
    if (last === undefined) return
    const from = this.#head.revision
    this.#head = { revision: last.revision, hash: last.hash }
    const size = Math.max(changes.length, graph.length)
    // Whoever comes later reads from the database: while nobody is there, a long import would only fill the memory.
    if (this.#subscribers.size === 0) this.#ring = new FrameRing(KEPT_CHANGES)
    else this.#ring.add({ from, to: last.revision, size, write: () => this.#texts(changes, last) })
    this.#wake()
    for (const limited of this.#limited.values()) limited.changed()
  }

  #isFresh(): boolean {
    try {
      this.#parts.store.assertFresh()
      return true
    } catch {
      return false
    }
  }

  #texts(changes: readonly ChainedChange[], { revision, hash }: ChainedChange): string[] {
    return changesToTexts(changes, { revision, hash }, this.#parts.store.index, this.#parts.write)
  }

  #wake(): void {
    for (const subscriber of this.#subscribers) subscriber.pump()
  }

  /** Mirrors that have everything hear so; one that hears nothing for a second must not answer for roles any more. */
  #announce(): void {
    const { store, clock, write } = this.#parts
    const now = clock().getTime()
    const next = store.index.nextInstant(this.#checkedAt)
    if (!this.#isFresh()) return
    this.#checkedAt = now
    const isOver = next !== null && next <= now
    for (const limited of this.#limited.values()) {
      if (isOver) limited.changed()
      else limited.announce()
    }
    if (this.#subscribers.size === 0) return
    const over: AuthzChanged = { epoch: this.#head.revision, expired: true }
    const expiredText = isOver ? write('authzChanged', { ...over }) : undefined
    const headText = write('metadataHead', { ...this.#head, statePosition: this.states.position })
    for (const subscriber of this.#subscribers) subscriber.announce(headText, expiredText)
  }
}
