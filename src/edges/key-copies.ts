import type { AccessStore, LoggedChange } from '../access/access-store.ts'
import type { Change, EdgeKeyRow, EdgeRow } from '../access/model.ts'
import type { Db } from '../db/database.ts'
import type { WriteFunction } from '../db/write.ts'
import type { Seals } from '../lib/seals.ts'
import { keyedHash } from '../lib/secrets.ts'
import type { Log } from '../log.ts'
import {
  deleteEndedCopies,
  type KeyCopyRow,
  readCopies,
  readCopiesAfter,
  readEdgesWithoutCopy,
  storeCopies,
} from './key-copy-queries.ts'

/** An API key in clear. */
export interface KeyCopy {
  edgeId: number
  apiKey: string
  validTo: number | null
}

const PAGE = 500
const MAX_OFFERED = 10_000

/**
 * API keys in clear, in memory, out of their sealed copies: only there when the operator opted in, for Backend.Edge.App,
 * which must be told them all. Kept current by the log; an outage of the database leaves what is known as it is.
 */
export class KeyCopies implements AsyncDisposable {
  readonly #db: Db
  readonly #store: AccessStore
  readonly #write: WriteFunction
  readonly #pepper: Uint8Array
  readonly #seals: Seals
  readonly #log: Log
  readonly #byKey = new Map<number, KeyCopy>()
  readonly #byEdge = new Map<number, number[]>()
  readonly #listeners = new Set<() => void>()
  /** Copies that none of the seals opens, or that are not of the key they claim to be. */
  readonly #unreadable = new Set<number>()
  /** Keys with an end: the few that are being rotated. */
  readonly #ending = new Set<number>()
  /** Keys whose copy has to be read. */
  readonly #wanted = new Set<number>()
  /** Keys whose copy is under an older seal. */
  readonly #outdated = new Set<number>()
  /** Keys that edges showed and that have no copy yet. */
  readonly #offered = new Map<number, string>()
  #reading: Promise<void> | undefined
  #failing = false
  #ended = false

  constructor(parts: {
    db: Db
    store: AccessStore
    write: WriteFunction
    pepper: Uint8Array
    seals: Seals
    log: Log
  }) {
    this.#db = parts.db
    this.#store = parts.store
    this.#write = parts.write
    this.#pepper = parts.pepper
    this.#seals = parts.seals
    this.#log = parts.log
  }

  /** Reads every copy and follows the log from then on. To be called once; nothing may be served before. */
  async start(now: Date): Promise<void> {
    this.#store.onChange((changes, graph) => this.#apply(changes, graph))
    await deleteEndedCopies(this.#db, now)
    let after = 0
    for (;;) {
      const rows = await readCopiesAfter(this.#db, after, PAGE)
      for (const row of rows) this.#keep(row)
      const last = rows.at(-1)
      if (last === undefined || rows.length < PAGE) break
      after = last.id
    }
    if (this.#unreadable.size > 0) {
      const text = 'copies of API keys cannot be opened: is a seal missing in EMS_EDGE_KEY_SEALS?'
      this.#log.error({ keys: this.#unreadable.size }, text)
    }
  }

  /** How many edges have a key that can be served. */
  get edgeCount(): number {
    return this.#byEdge.size
  }

  get unreadableCount(): number {
    return this.#unreadable.size
  }

  /** Keys still under an older seal; 0 means that it can be taken out of the settings. */
  get outdatedCount(): number {
    return this.#outdated.size
  }

  /** Every key there is a copy of; ended ones stay up to a second. */
  all(): Iterable<KeyCopy> {
    return this.#byKey.values()
  }

  /** Whether the edge has a valid key with a copy. `now` in epoch milliseconds. */
  serves(edgeId: number, now: number): boolean {
    return (this.#byEdge.get(edgeId) ?? []).some((id) => {
      const validTo = this.#byKey.get(id)?.validTo
      return validTo === null || (validTo !== undefined && validTo > now)
    })
  }

  /** Calls back when what can be served may have changed. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener)
  }

  /** Stores the copy of a key that is being created, in the transaction that creates it. */
  async store(tx: Db, keyId: number, apiKey: string): Promise<void> {
    await storeCopies(tx, new Map([[keyId, this.#seals.seal(apiKey)]]))
  }

  /** Takes a key that an edge has just proved to have; it gets a copy if it has none. */
  offer(keyId: number, apiKey: string): void {
    if (this.#byKey.has(keyId) || this.#offered.size >= MAX_OFFERED) return
    this.#offered.set(keyId, apiKey)
  }

  /** A page of the edges that cannot be served: none of their keys has a copy that can be opened. */
  async edgesWithoutCopy(page: { now: Date; after: number; limit: number }): Promise<{ id: number; edgeId: string }[]> {
    return await readEdgesWithoutCopy(this.#db, { seals: this.#seals.names, ...page })
  }

  /** What is due; to be called every second. Never rejects: what fails is done the next time. */
  async tick(now: Date): Promise<void> {
    try {
      await this.#read()
      await this.#expire(now)
      await this.#storeOffered()
      await this.#sealAnew()
      this.#failing = false
    } catch (error) {
      if (!this.#failing && !this.#ended) this.#log.warn({ err: error }, 'copies of API keys not kept up, will retry')
      this.#failing = true
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true
    await this.#reading?.catch(() => undefined)
    this.#listeners.clear()
  }

  #apply(changes: readonly LoggedChange[], graph: readonly Change[]): void {
    let changed = false
    for (const change of changes)
      if (change.noted && change.entity === 'edgeKey') this.#wanted.add(Number(change.entityId))
    for (const change of graph) {
      if (change.entity === 'edgeKey') changed = this.#applyKey(change.id, change.after) || changed
      else if (change.entity === 'edge') changed = isRenamed(change.before, change.after) || changed
    }
    if (this.#wanted.size > 0) void this.#read().catch(() => undefined)
    if (changed) this.#tell()
  }

  /** True when a known copy changed; new ones are read first. */
  #applyKey(id: number, after: EdgeKeyRow | null): boolean {
    if (after === null) return this.#forget(id)
    const known = this.#byKey.get(id)
    if (known === undefined) {
      this.#wanted.add(id)
      return false
    }
    known.validTo = after.validTo
    if (known.validTo !== null) this.#ending.add(id)
    return true
  }

  #read(): Promise<void> {
    this.#reading ??= this.#readWanted().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #readWanted(): Promise<void> {
    while (this.#wanted.size > 0 && !this.#ended) {
      const ids = [...this.#wanted].slice(0, PAGE)
      const rows = await readCopies(this.#db, ids)
      for (const id of ids) this.#wanted.delete(id)
      for (const row of rows) this.#keep(row)
      if (rows.length > 0) this.#tell()
    }
  }

  #keep(row: KeyCopyRow): void {
    const apiKey = this.#seals.open(row)
    this.#offered.delete(row.id)
    // The hash proves that the copy is of this very key, and not of another row's.
    if (apiKey === undefined || keyedHash(this.#pepper, apiKey) !== row.keyHash) {
      this.#unreadable.add(row.id)
      return
    }
    this.#forget(row.id)
    this.#byKey.set(row.id, { edgeId: row.edgeId, apiKey, validTo: row.validTo?.getTime() ?? null })
    if (row.validTo !== null) this.#ending.add(row.id)
    this.#byEdge.set(row.edgeId, [...(this.#byEdge.get(row.edgeId) ?? []), row.id])
    if (row.sealedWith !== this.#seals.newest) this.#outdated.add(row.id)
  }

  #forget(keyId: number): boolean {
    this.#unreadable.delete(keyId)
    this.#outdated.delete(keyId)
    this.#ending.delete(keyId)
    this.#offered.delete(keyId)
    const copy = this.#byKey.get(keyId)
    if (copy === undefined) return false
    this.#byKey.delete(keyId)
    const others = (this.#byEdge.get(copy.edgeId) ?? []).filter((id) => id !== keyId)
    if (others.length > 0) this.#byEdge.set(copy.edgeId, others)
    else this.#byEdge.delete(copy.edgeId)
    return true
  }

  async #expire(now: Date): Promise<void> {
    const ended = [...this.#ending].filter((id) => (this.#byKey.get(id)?.validTo ?? 0) <= now.getTime())
    if (ended.length === 0) return
    for (const id of ended) this.#forget(id)
    this.#tell()
    await deleteEndedCopies(this.#db, now)
  }

  async #storeOffered(): Promise<void> {
    if (this.#offered.size === 0) return
    const batch = [...this.#offered].slice(0, PAGE)
    const copies = new Map(batch.map(([id, apiKey]) => [id, this.#seals.seal(apiKey)]))
    await this.#write({ actorId: null }, async (write) => {
      for (const id of await storeCopies(write.tx, copies)) write.noted('edgeKey.sealed', 'edgeKey', String(id))
    })
    for (const [id] of batch) this.#offered.delete(id)
  }

  /** No change of what is stored, only of how: nothing for the log. */
  async #sealAnew(): Promise<void> {
    while (this.#outdated.size > 0 && !this.#ended) {
      const ids = [...this.#outdated].slice(0, PAGE)
      const known = ids.flatMap((id) => {
        const copy = this.#byKey.get(id)
        return copy === undefined ? [] : [[id, this.#seals.seal(copy.apiKey)] as const]
      })
      if (known.length > 0) await storeCopies(this.#db, new Map(known))
      for (const id of ids) this.#outdated.delete(id)
      if (this.#outdated.size === 0) this.#log.info('every copy of an API key is under the newest seal')
    }
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
}

function isRenamed(before: EdgeRow | null, after: EdgeRow | null): boolean {
  return before !== null && before.edgeId !== after?.edgeId
}
