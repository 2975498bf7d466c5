import { setTimeout as pause } from 'node:timers/promises'
import { breakOf, type ChainedChange, emptyLog, graphChange, type LogHead, type LoggedChange, readChanges, readHead } from '../db/change-log.ts'
import type { Db, OpenDatabase } from '../db/database.ts'
import { fromDatabase } from '../db/pg-errors.ts'
import { loadSnapshot } from '../db/snapshot.ts'
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import { AccessIndex } from './access-index.ts'
import { emptySnapshot } from './model.ts'

export type { LoggedChange } from '../db/change-log.ts'
export type ChangeListener = (changes: readonly LoggedChange[]) => void

const CHANNEL = 'change'
const PAGE = 1000
const REACH_PAUSE_MS = 50

export interface AccessStoreOptions {
  database: Pick<OpenDatabase, 'db' | 'listen'>
  log: Log
  /** Safety net beside the notifications. */
  pollIntervalMs?: number
  /** Without confirmation by the database for longer than this, decisions are refused. */
  staleAfterMs?: number
  /** How long `reach` tries. */
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
  readonly #db: Db
  readonly #listen: OpenDatabase['listen']
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
  #timer: NodeJS.Timeout | undefined
  #subscription: AsyncDisposable | undefined
  #ended = false

  constructor(options: AccessStoreOptions) {
    this.#db = options.database.db
    this.#listen = options.database.listen
    this.#log = options.log
    this.#pollIntervalMs = options.pollIntervalMs ?? 1000
    this.#staleAfterMs = options.staleAfterMs ?? 30_000
    this.#reachTimeoutMs = options.reachTimeoutMs ?? 5_000
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now())
  }

  /** The graph as of `revision`. The same object for the life of the store. */
  get index(): AccessIndex {
    return this.#index
  }

  /** The newest revision applied; the index's own may be lower, as not every row of the log is about the graph. */
  get revision(): number {
    return this.#head.revision
  }

  /** Loads the graph and follows the log from there. To be called once, before anything else. */
  async start(): Promise<void> {
    // Listening begins before the snapshot, so that nothing falls between the two.
    this.#subscription = await this.#listen(
      CHANNEL,
      (payload) => this.#announced(Number(payload)),
      (state) => (state === 'again' ? this.#poll() : undefined),
    )
    const startedAt = this.#monotonicMs()
    const { snapshot, head } = await loadSnapshot(this.#db).catch((error: unknown) => {
      throw fromDatabase(error)
    })
    this.#index = AccessIndex.fromSnapshot(snapshot)
    this.#head = head
    this.#confirmedAt = startedAt
    this.#timer = setInterval(() => this.#poll(), this.#pollIntervalMs)
  }

  /** Resolves when this revision is applied. Throws AppError `unavailable` when that cannot be had in time. */
  async reach(revision: number): Promise<void> {
    const deadline = this.#monotonicMs() + this.#reachTimeoutMs
    while (this.revision < revision) {
      await this.#poll()
      if (this.revision >= revision) return
      if (this.#ended || this.#broken !== undefined || this.#monotonicMs() > deadline) throw new AppError('unavailable')
      await pause(REACH_PAUSE_MS)
    }
  }

  /** Throws AppError `unavailable` unless the index was known to be current a moment ago. Cheap; for every decision. */
  assertFresh(): void {
    if (this.#broken === undefined && this.#monotonicMs() - this.#confirmedAt <= this.#staleAfterMs) return
    throw new AppError('unavailable')
  }

  /** Hears each batch of the log as it is applied, rows beside the graph included. Returns how to stop. */
  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** For the writer, which holds its lock: brings the index to the end of the log as its transaction sees it. */
  async catchUp(tx: Db): Promise<LogHead> {
    const head = await readHead(tx)
    if (head.revision < this.revision || (head.revision === this.revision && head.hash !== this.#head.hash)) {
      this.#break('the log in the database is older than what was read from it')
    }
    while (this.revision < head.revision) {
      this.#apply(await readChanges(tx, { after: this.revision, limit: PAGE }))
    }
    if (this.#broken !== undefined) throw new AppError('unavailable', [], this.#broken)
    return head
  }

  /** For the writer: what it has just committed. */
  async committed(changes: readonly ChainedChange[]): Promise<void> {
    const [first] = changes
    const last = changes.at(-1)
    if (first === undefined || last === undefined) return
    if (first.revision === this.revision + 1) this.#apply(changes)
    else await this.reach(last.revision)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true
    clearInterval(this.#timer)
    await this.#subscription?.[Symbol.asyncDispose]()
    await this.#polling
    this.#listeners.clear()
  }

  #announced(revision: number): void {
    if (!(revision <= this.revision)) this.#poll()
  }

  /** One look at the database; a call during a look makes another one follow. Never rejects. */
  #poll(): Promise<void> {
    return Promise.resolve()
  }

  #apply(_changes: readonly ChainedChange[]): void {}

  #break(_reason: string): void {}
}
