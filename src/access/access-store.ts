import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises'
import {
  breakOf,
  CHANGE_CHANNEL,
  type ChainedChange,
  emptyLog,
  graphChanges,
  type LogHead,
  readChanges,
  readHead,
} from '../db/change-log.ts'
import type { Db, OpenDatabase } from '../db/database.ts'
import { fromDatabase } from '../db/pg-errors.ts'
import { readSnapshot } from '../db/snapshot.ts'
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import { AccessIndex } from './access-index.ts'
import { type Change, emptySnapshot } from './model.ts'

export type { LoggedChange } from '../db/change-log.ts'
/** Rows of the log, and what all of them together mean for the graph. */
export type ChangeListener = (changes: readonly ChainedChange[], graph: readonly Change[]) => void

const PAGE = 100
/** So many changes of the graph are applied before others have a turn, or one row of the log: a millisecond or two. */
const SLICE = 100
const REACH_PAUSE_MS = 50

export interface AccessStoreOptions {
  database: Pick<OpenDatabase, 'db' | 'engine' | 'listen'>
  log: Log
  /** Safety net beside the notifications. */
  pollIntervalMs?: number
  /**
   * Without confirmation by the database for longer than this, decisions are refused. Not on the embedded database,
   * which nobody else can write to, and which one long write keeps from answering.
   */
  staleAfterMs?: number
  /** How long `reach` tries without getting anywhere. */
  reachTimeoutMs?: number
  /** Milliseconds that only grow; not the clock of the world, which can be set back. */
  monotonicMs?: () => number
}

/**
 * The access index of this node, kept current with the log: a notification or, at the latest, the poll makes it read
 * what is new. It survives an outage of the database and catches up by itself. Listeners get every row of the log once
 * and in order.
 */
export class AccessStore implements AsyncDisposable {
  readonly #database: AccessStoreOptions['database']
  readonly #log: Log
  readonly #pollIntervalMs: number
  readonly #staleAfterMs: number
  readonly #reachTimeoutMs: number
  readonly #monotonicMs: () => number
  readonly #listeners = new Set<ChangeListener>()
  #index = AccessIndex.fromSnapshot(emptySnapshot())
  #head = emptyLog
  #confirmedAt = Number.NEGATIVE_INFINITY
  #failingSince: number | undefined
  /** Set for good when the log in the database is not the one that was followed. */
  #broken: string | undefined
  #polling: Promise<void> | undefined
  #working: Promise<void> | undefined
  #lookAgain = false
  #timer: NodeJS.Timeout | undefined
  #subscription: AsyncDisposable | undefined
  #ended = false

  constructor(options: AccessStoreOptions) {
    this.#database = options.database
    this.#log = options.log
    this.#pollIntervalMs = options.pollIntervalMs ?? 1000
    this.#staleAfterMs = this.isShared ? (options.staleAfterMs ?? 30_000) : Number.POSITIVE_INFINITY
    this.#reachTimeoutMs = options.reachTimeoutMs ?? 5_000
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now())
  }

  /** The graph as of `revision`. The same object for the life of the store. */
  get index(): AccessIndex {
    return this.#index
  }

  /** Whether other nodes may write to the database. */
  get isShared(): boolean {
    return this.#database.engine === 'postgres'
  }

  /** The newest revision applied; the index's own may be lower, as not every row of the log is about the graph. */
  get revision(): number {
    return this.#head.revision
  }

  /** The newest row applied. */
  get head(): LogHead {
    return this.#head
  }

  /** Loads the graph and follows the log from there. To be called once, before anything else. */
  async start(): Promise<void> {
    // Listening begins before the snapshot, so that nothing falls between the two.
    this.#subscription = await this.#database.listen(
      CHANGE_CHANNEL,
      (payload) => this.#announced(Number(payload)),
      (state) => void (state === 'again' && this.#announced(Number.POSITIVE_INFINITY)),
    )
    const startedAt = this.#monotonicMs()
    const { take, done } = AccessIndex.loading()
    const head = await readSnapshot(this.#database.db, take).catch((error: unknown) => {
      throw fromDatabase(error)
    })
    this.#index = done(head.revision)
    this.#head = head
    this.#confirmedAt = startedAt
    this.#timer = setInterval(() => {
      void this.#poll()
      this.#work()
    }, this.#pollIntervalMs)
    this.#work()
    // What was announced before the snapshot was complete.
    await this.#poll()
  }

  /** Resolves when this revision is applied. Throws AppError `unavailable` when nothing new is applied for too long. */
  async reach(revision: number): Promise<void> {
    let deadline = this.#monotonicMs() + this.#reachTimeoutMs
    while (this.revision < revision) {
      const known = this.revision
      await this.#poll()
      if (this.revision >= revision) return
      if (this.revision > known) deadline = this.#monotonicMs() + this.#reachTimeoutMs
      if (this.#ended || this.#broken !== undefined || this.#monotonicMs() > deadline) throw new AppError('unavailable')
      await pause(REACH_PAUSE_MS)
    }
  }

  /** Resolves when all is there that makes answers quick. */
  async settled(): Promise<void> {
    await this.#working
  }

  /** Throws AppError `unavailable` unless the index was known to be current a moment ago. Cheap; for every decision. */
  assertFresh(): void {
    if (this.#broken === undefined && this.#monotonicMs() - this.#confirmedAt < this.#staleAfterMs) return
    throw new AppError('unavailable')
  }

  /** Hears each batch of the log as it is applied, rows beside the graph included. Returns how to stop. */
  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** For the writer, which holds its lock: brings the index to the end of the log as its transaction sees it. */
  async catchUp(tx: Db): Promise<LogHead> {
    if (this.#broken !== undefined) throw new AppError('unavailable', [], new Error(this.#broken))
    const head = await readHead(tx)
    this.#compare(head, this.revision)
    while (this.revision < head.revision) {
      await this.#apply(await readChanges(tx, { after: this.revision, limit: PAGE }))
    }
    return head
  }

  /** For the writer: what it has just committed, or the end of it; what came before is read from the database. */
  async committed(changes: readonly ChainedChange[], head: LogHead): Promise<void> {
    if (changes[0]?.revision === this.revision + 1) await this.#apply(changes)
    await this.reach(head.revision)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true
    clearInterval(this.#timer)
    await this.#subscription?.[Symbol.asyncDispose]()
    await this.#polling
    await this.#working
    this.#listeners.clear()
  }

  #announced(revision: number): void {
    if (this.#timer !== undefined && revision > this.revision) void this.#poll()
  }

  /** One look at the database; a call during a look makes another one follow. Never rejects. */
  #poll(): Promise<void> {
    this.#lookAgain = true
    this.#polling ??= this.#look().finally(() => {
      this.#polling = undefined
    })
    return this.#polling
  }

  async #look(): Promise<void> {
    while (this.#lookAgain && !this.#ended && this.#broken === undefined) {
      this.#lookAgain = false
      const startedAt = this.#monotonicMs()
      try {
        await this.#follow()
        this.#confirmed(startedAt)
      } catch (error) {
        this.#failed(startedAt, error)
      }
    }
  }

  async #follow(): Promise<void> {
    // @NOTE a write of this node may be applied while the head is on its way: only what was applied before counts.
    const known = this.revision
    const head = await readHead(this.#database.db)
    this.#compare(head, known)
    while (this.revision < head.revision && !this.#ended) {
      await this.#apply(await readChanges(this.#database.db, { after: this.revision, limit: PAGE }))
    }
  }

  /** A log that ends before what was read from it: the database was put back to an older state. */
  #compare(head: LogHead, known: number): void {
    const differs = head.revision === this.revision && head.hash !== this.#head.hash
    if (head.revision < known || differs) this.#break('the log ends before what was already read from it')
  }

  /** Applies a run of the log in slices. Two runs may be under way at once: each passes over what the other has done. */
  async #apply(changes: readonly ChainedChange[]): Promise<void> {
    for (let start = 0; start < changes.length; ) {
      if (start > 0) await turn()
      start = this.#applySlice(changes, start)
    }
  }

  /** Returns where the next slice begins. */
  #applySlice(changes: readonly ChainedChange[], start: number): number {
    const fresh: ChainedChange[] = []
    const graph: Change[] = []
    let head = this.#head
    let end = start
    for (; end < changes.length && fresh.length < SLICE && graph.length < SLICE; end++) {
      const change = changes[end]
      if (change === undefined || change.revision <= this.revision) continue
      const parts = graphChanges(change)
      if (graph.length > 0 && graph.length + parts.length > SLICE) break
      const reason = breakOf(head, change)
      if (reason !== undefined) this.#break(reason)
      head = change
      fresh.push(change)
      graph.push(...parts)
    }
    if (fresh.length === 0) return end
    this.#index.apply(graph)
    this.#head = { revision: head.revision, hash: head.hash }
    for (const listener of this.#listeners) this.#tell(listener, fresh, graph)
    return end
  }

  /** Lets the index make itself quick, a slice at a time between everything else. */
  #work(): void {
    this.#working ??= this.#workOff().finally(() => {
      this.#working = undefined
    })
  }

  async #workOff(): Promise<void> {
    do await turn()
    while (!this.#ended && this.#index.work())
  }

  #tell(listener: ChangeListener, ...heard: Parameters<ChangeListener>): void {
    try {
      listener(...heard)
    } catch (error) {
      this.#log.error({ err: error }, 'a listener of the log failed')
    }
  }

  #confirmed(at: number): void {
    this.#confirmedAt = at
    if (this.#failingSince === undefined) return
    this.#log.info({ outageMs: Math.round(at - this.#failingSince) }, 'the log can be read again')
    this.#failingSince = undefined
  }

  #failed(at: number, error: unknown): void {
    if (this.#failingSince !== undefined || this.#ended) return
    this.#failingSince = at
    this.#log.warn({ err: fromDatabase(error), staleAfterMs: this.#staleAfterMs }, 'the log cannot be read')
  }

  /** Nothing this node knows can be trusted any more; a restart loads what is there now. */
  #break(reason: string): never {
    if (this.#broken === undefined)
      this.#log.error({ reason, revision: this.revision }, 'the log was replaced: restart')
    this.#broken = reason
    throw new AppError('unavailable', [], new Error(reason))
  }
}
