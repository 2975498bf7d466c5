import { sql } from 'kysely'
import type { Db } from '../db/database.ts'
import type { EdgeStates } from '../live/edge-states.ts'
import type { LiveEvents } from '../live/live-events.ts'
import type { Log } from '../log.ts'

const ROWS_PER_STATEMENT = 5000

/**
 * Writes edge state behind, in batches: one statement for up to 5,000 edges, however many frames came in. What is lost by a
 * crash is right again with each edge's next frame; people's data never goes this way.
 */
export class StateWriter implements LiveEvents {
  readonly #db: Db
  readonly #states: () => EdgeStates
  readonly #log: Log
  readonly #flushMs: number
  #dirty = new Set<number>()
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #failing = false

  constructor(options: { db: Db; states: () => EdgeStates; log: Log; flushMs: number }) {
    this.#db = options.db
    this.#states = options.states
    this.#log = options.log
    this.#flushMs = options.flushMs
  }

  /** Edges whose state is not written yet. */
  get backlog(): number {
    return this.#dirty.size
  }

  stateChanged(edgeId: number): void {
    this.#dirty.add(edgeId)
  }

  start(): void {
    this.#timer = setInterval(() => {
      this.#running ??= this.flush().finally(() => {
        this.#running = undefined
      })
    }, this.#flushMs)
    this.#timer.unref()
  }

  /** Loads the last known states; every edge starts offline, because no connection outlives the process. */
  async load(): Promise<void> {
    const states = this.#states()
    let after = 0
    for (;;) {
      const rows = await this.#db
        .selectFrom('edgeState')
        .select(['edgeId', 'lastMessageAt', 'version', 'sumState'])
        .where('edgeId', '>', after)
        .orderBy('edgeId')
        .limit(20_000)
        .execute()
      for (const row of rows) {
        if (row.lastMessageAt) states.setLastMessage(row.edgeId, row.lastMessageAt.getTime())
        if (row.sumState !== null) states.setSumState(row.edgeId, row.sumState)
        states.setVersion(row.edgeId, row.version)
      }
      const last = rows.at(-1)
      if (last === undefined || rows.length < 20_000) break
      after = last.edgeId
    }
    await this.#db.updateTable('edgeState').set({ online: false }).where('online', '=', true).execute()
  }

  /** Writes what is dirty. During a database outage the edges stay dirty and the next flush tries again. */
  async flush(): Promise<void> {
    while (this.#dirty.size > 0) {
      const batch = [...this.#dirty].slice(0, ROWS_PER_STATEMENT)
      for (const id of batch) this.#dirty.delete(id)
      try {
        await this.#write(batch)
        this.#failing = false
      } catch (error) {
        for (const id of batch) this.#dirty.add(id)
        if (!this.#failing)
          this.#log.warn({ err: error, edges: this.#dirty.size }, 'edge state not written, will retry')
        this.#failing = true
        return
      }
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#running
    await this.flush()
  }

  /** Joined with `edge`, so that a deleted edge is skipped instead of failing the batch. */
  async #write(ids: readonly number[]): Promise<void> {
    const states = this.#states()
    const online: boolean[] = []
    const lastMessageAt: (string | null)[] = []
    const version: string[] = []
    const sumState: (number | null)[] = []
    for (const id of ids) {
      const state = states.get(id)
      online.push(state.online)
      lastMessageAt.push(state.lastMessageAt === null ? null : new Date(state.lastMessageAt).toISOString())
      version.push(state.version)
      const level = states.sumStateOf(id)
      sumState.push(level < 0 ? null : level)
    }
    await sql`
      insert into edge_state (edge_id, online, last_message_at, version, sum_state)
      select new.id, new.online, new.last_message_at, new.version, new.sum_state
      from unnest(${ids}::int[], ${online}::boolean[], ${lastMessageAt}::timestamptz[], ${version}::text[], ${sumState}::smallint[])
        as new (id, online, last_message_at, version, sum_state)
      join edge on edge.id = new.id
      on conflict (edge_id) do update set
        online = excluded.online, last_message_at = excluded.last_message_at,
        version = excluded.version, sum_state = excluded.sum_state`.execute(this.#db)
  }
}
