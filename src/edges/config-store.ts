import { sql } from 'kysely'
import type { Db } from '../db/database.ts'
import { isRefusedValue } from '../db/pg-errors.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../log.ts'
import { type ConfigChange, configDigest, diffConfigs, summarise } from './config-diff.ts'

interface Pending {
  config: unknown
  digest: string
  at: Date
  actorId: number | null
}
type Entry = readonly [edgeId: number, pending: Pending]
export interface ConfigHistoryEntry {
  at: Date
  actorId: number | null
  summary: string
  changes: ConfigChange[]
}

const BATCH = 100

/**
 * The configuration each edge sent last, with its history. Digests of all edges are in memory, so that a storm of
 * reconnecting edges with unchanged configurations costs no statement; changed ones are written behind in batches.
 */
export class ConfigStore {
  readonly #db: Db
  readonly #clock: Clock
  readonly #log: Log
  readonly #digests = new Map<number, string>()
  #pending = new Map<number, Pending>()
  #writing: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #failing = false
  #refused = 0

  constructor(options: { db: Db; clock: Clock; log: Log }) {
    this.#db = options.db
    this.#clock = options.clock
    this.#log = options.log
  }

  /** Configurations that the database did not take. */
  get refused(): number {
    return this.#refused
  }

  async load(): Promise<void> {
    const rows = await this.#db.selectFrom('edgeConfig').select(['edgeId', 'digest']).execute()
    for (const row of rows) this.#digests.set(row.edgeId, row.digest)
  }

  start(flushMs: number): void {
    this.#timer = setInterval(() => void this.flush(), flushMs)
    this.#timer.unref()
  }

  /** Takes what an edge sent; true when it differs from what is known. */
  received(edgeId: number, config: Record<string, unknown>, actorId: number | null): boolean {
    const digest = configDigest(config)
    if (this.#digests.get(edgeId) === digest) return false
    this.#digests.set(edgeId, digest)
    this.#pending.set(edgeId, { config, digest, at: this.#clock(), actorId })
    return true
  }

  /** The stored configuration, also of an offline edge; undefined when it never sent one. */
  async get(edgeId: number): Promise<unknown> {
    const pending = this.#pending.get(edgeId)
    if (pending) return pending.config
    const row = await this.#db.selectFrom('edgeConfig').select('config').where('edgeId', '=', edgeId).executeTakeFirst()
    return row?.config
  }

  /** Newest first; index edge_config_change_edge. */
  async history(
    edgeId: number,
    page: { limit: number; before?: number | undefined },
  ): Promise<(ConfigHistoryEntry & { id: number })[]> {
    const rows = await this.#db
      .selectFrom('edgeConfigChange')
      .select(['id', 'at', 'actorId', 'summary', 'changes'])
      .where('edgeId', '=', edgeId)
      .$if(page.before !== undefined, (query) => query.where('id', '<', page.before ?? 0))
      .orderBy('id', 'desc')
      .limit(page.limit)
      .execute()
    return rows.map((row) => ({ ...row, changes: row.changes as ConfigChange[] }))
  }

  /** Writes what is pending; an outage keeps it pending. One write at a time: whoever comes meanwhile waits for the next. */
  async flush(): Promise<void> {
    await this.#writing
    this.#writing ??= this.#writePending().finally(() => {
      this.#writing = undefined
    })
    await this.#writing
  }

  async #writePending(): Promise<void> {
    while (this.#pending.size > 0) {
      const batch = [...this.#pending].slice(0, BATCH)
      try {
        await this.#writeAll(batch)
        this.#failing = false
      } catch (error) {
        if (!this.#failing)
          this.#log.warn({ err: error, edges: this.#pending.size }, 'edge configurations not written, will retry')
        this.#failing = true
        return
      }
    }
  }

  /** Writes a batch; what the database refuses is found by halving and left out. Throws what is not about a value. */
  async #writeAll(batch: readonly Entry[]): Promise<void> {
    try {
      await this.#write(batch)
    } catch (error) {
      if (!isRefusedValue(error)) throw error
      const half = batch.length >> 1
      if (half > 0) {
        await this.#writeAll(batch.slice(0, half))
        return this.#writeAll(batch.slice(half))
      }
      this.#refused++
      const edge = batch[0]?.[0]
      this.#log.error({ err: error, edge }, 'edge configuration refused by the database, left out')
    }
    for (const [id, entry] of batch) if (this.#pending.get(id) === entry) this.#pending.delete(id)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.flush()
  }

  /** Three statements for the whole batch: read the old ones, upsert, append to the history. */
  async #write(batch: readonly Entry[]): Promise<void> {
    await this.#db.transaction().execute(async (tx) => {
      const ids = batch.map(([id]) => id)
      const old = await tx.selectFrom('edgeConfig').select(['edgeId', 'config']).where('edgeId', 'in', ids).execute()
      const known = new Map(old.map((row) => [row.edgeId, row.config]))
      await sql`
        insert into edge_config (edge_id, config, digest, received_at)
        select new.id, new.config, new.digest, new.at
        from unnest(${ids}::int[], ${batch.map(([, entry]) => JSON.stringify(entry.config))}::jsonb[],
          ${batch.map(([, entry]) => entry.digest)}::text[], ${batch.map(([, entry]) => entry.at.toISOString())}::timestamptz[])
          as new (id, config, digest, at)
        join edge on edge.id = new.id
        on conflict (edge_id) do update set
          config = excluded.config, digest = excluded.digest, received_at = excluded.received_at`.execute(tx)
      const history = batch
        .filter(([id]) => known.has(id))
        .map(([id, entry]) => ({ id, entry, changes: diffConfigs(known.get(id), entry.config) }))
        .filter(({ changes }) => changes.length > 0)
      if (history.length === 0) return
      await tx
        .insertInto('edgeConfigChange')
        .values(
          history.map(({ id, entry, changes }) => ({
            edgeId: id,
            at: entry.at,
            actorId: entry.actorId,
            summary: summarise(changes),
            changes: JSON.stringify(changes),
          })),
        )
        .execute()
    })
  }
}
