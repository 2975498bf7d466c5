import { setImmediate as turn } from 'node:timers/promises'
import { sql } from 'kysely'
import type { AccessIndex } from '../access/access-index.ts'
import type { AccessStore } from '../access/access-store.ts'
import type { EntityName, EntityRows } from '../access/model.ts'
import type { Clock } from '../lib/clock.ts'
import { requireIds } from '../lib/ids.ts'
import { OneAhead } from '../lib/one-ahead.ts'
import type { Log } from '../log.ts'
import { BATCH_ENTITY, CHANGE_CHANNEL, type ChainedChange, chainHash, type LogHead, toBatch } from './change-log.ts'
import type { Db, Tx } from './database.ts'
import { type GraphSource, toGraphRow } from './graph-rows.ts'
import { idsIn, type Packed } from './packed-changes.ts'
import { fromDatabase } from './pg-errors.ts'
import { Turns } from './turns.ts'
import { assertOutsideWrite, insideWrite } from './write-scope.ts'

/** Who does it, and as whom while impersonating. Null: the service itself. */
export interface Actor {
  actorId: number | null
  subjectId?: number | null
}

/** What the body of a write works with. Whatever it reports is in the log when the write is committed. */
export interface Write {
  /** The only connection that may be used inside. */
  readonly tx: Tx
  /** The graph before this write, at the newest revision: no other write is under way. */
  readonly index: AccessIndex
  readonly now: Date
  inserted<E extends EntityName>(action: string, entity: E, row: GraphSource<E>): void
  updated<E extends EntityName>(action: string, entity: E, before: GraphSource<E>, after: GraphSource<E>): void
  deleted<E extends EntityName>(action: string, entity: E, row: GraphSource<E>): void
  /** Not part of the graph: a session ended, a profile changed. Names and numbers only, no secret, no personal data. */
  noted(action: string, entity: string, entityId: string, after?: object): void
  /**
   * Several changes about one principal as one row of the log, at most `MAX_BATCH`, packed already or not. The rows are graph
   * rows and nobody changes them afterwards.
   */
  changed(action: string, principalId: number, changes: readonly Packed[]): void
  /** Begins to write the log as far as it is, so that a long write need not hold it in memory; waits for the part before. */
  flush(): Promise<void>
}

/**
 * Every change to people, structure or rights goes through here: one transaction writes the rows and the log. When it
 * resolves, this node's index has the change. When `body` throws, nothing happened.
 */
export type WriteFunction = <T>(actor: Actor, body: (write: Write) => Promise<T>, prepare?: Prepare) => Promise<T>
/**
 * Work of a long write that needs no look at the graph: done in the same transaction before the writer lock is taken, so
 * that other writers wait for the log only.
 */
export type Prepare = (tx: Tx) => Promise<void>

/** Key of the advisory lock that puts writes in a row. */
export const WRITER_LOCK = 7_310_001
/**
 * How long a writer waits for a row. Only a long write that still prepares holds rows; whoever runs into them is told to try
 * again later, or all others would wait with him.
 */
const LOCK_TIMEOUT_MS = 2000
/** Few enough for the statement to be written in a millisecond or two. */
const ROWS_PER_INSERT = 250
/** So many rows of an import are hashed in a fraction of a millisecond. */
const HASHES_PER_TURN = 25

/** A row of the log before it has a place in it. */
export type Entry = Pick<ChainedChange, 'action' | 'entity' | 'entityId' | 'noted' | 'before' | 'after'>

/** Creates the one `write` of a node. */
export function createWriter(parts: { db: Db; store: AccessStore; clock: Clock; log: Log }): WriteFunction {
  const { db, store, clock, log } = parts
  const turns = new Turns()

  async function transact<T>(actor: Actor, body: (write: Write) => Promise<T>, prepare: Prepare | undefined) {
    await using stack = new AsyncDisposableStack()
    // In turns here and not only in the database: writers that wait for its lock would hold every connection of the pool.
    // @NOTE the embedded database has one connection only: there whoever waits for a turn must not hold it.
    const waits = prepare !== undefined && store.isShared
    if (!waits) stack.defer(await turns.take())
    const result = await db.transaction().execute(async (tx) => {
      if (prepare) await insideWrite(() => prepare(tx))
      if (waits) stack.defer(await turns.take())
      await becomeWriter(tx)
      const now = clock()
      const entries: Entry[] = []
      let head = await store.catchUp(tx)
      let last: readonly ChainedChange[] = []
      await using writing = new OneAhead()
      const flush = async () => {
        const rows = await chained(head, entries.splice(0), actor, now)
        head = rows.at(-1) ?? head
        last = rows
        await writing.begin(() => append(tx, rows))
      }
      const value = await insideWrite(() => body({ tx, index: store.index, now, ...recorder(entries), flush }))
      await flush()
      await writing.end()
      if (head.revision > store.revision) await announce(tx, head)
      return { value, changes: last, head }
    })
    await store.committed(result.changes, result.head).catch((error: unknown) => {
      // The write is done, whatever happens here; decisions stop by themselves if the index stays behind.
      log.warn({ err: error, revision: result.head.revision }, 'index is behind after a write')
    })
    return result.value
  }

  return async (actor, body, prepare) => {
    assertOutsideWrite()
    try {
      return await transact(actor, body, prepare)
    } catch (error) {
      throw fromDatabase(error)
    }
  }
}

/** Waits until nobody else writes; from then on the transaction does not wait long for a row. */
export async function becomeWriter(tx: Tx): Promise<void> {
  await sql`
    select pg_advisory_xact_lock(${WRITER_LOCK}::bigint), set_config('lock_timeout', ${`${LOCK_TIMEOUT_MS}ms`}, true)
  `.execute(tx)
}

/** What notes the reports of a write; throws where a row has an id that no node could take. */
export function recorder(entries: Entry[]): Pick<Write, 'inserted' | 'updated' | 'deleted' | 'noted' | 'changed'> {
  const record = (action: string, entity: EntityName, before: AnyRow | null, after: AnyRow | null) => {
    if (after !== null) requireIds(entity, [after.id])
    const entityId = String(after?.id ?? before?.id)
    entries.push({ action, entity, entityId, noted: false, before: plain(before), after: plain(after) })
  }
  return {
    inserted: (action, entity, row) => record(action, entity, null, toGraphRow(entity, row)),
    updated: (action, entity, before, after) =>
      record(action, entity, toGraphRow(entity, before), toGraphRow(entity, after)),
    deleted: (action, entity, row) => record(action, entity, toGraphRow(entity, row), null),
    noted: (action, entity, entityId, after) =>
      void entries.push({ action, entity, entityId, noted: true, before: null, after: plain(after ?? null) }),
    changed: (action, principalId, changes) => {
      for (const part of changes) requireIds(part.entity, idsIn(part))
      const entityId = String(principalId)
      entries.push({ action, entity: BATCH_ENTITY, entityId, noted: false, before: null, after: toBatch(changes) })
    },
  }
}
type AnyRow = EntityRows[EntityName]

/** The value as it will come back from the database; also a copy, so that later changes of it do not matter. */
function plain<T extends object>(value: T | null): T | null {
  return value === null ? null : (JSON.parse(JSON.stringify(value)) as T)
}

/** Gives the entries their places in the log; whoever else has work gets a turn in between. */
async function chained(head: LogHead, entries: readonly Entry[], actor: Actor, now: Date): Promise<ChainedChange[]> {
  const { actorId, subjectId = null } = actor
  const changes: ChainedChange[] = []
  let { revision, hash } = head
  for (const entry of entries) {
    revision += 1
    const change = { revision, at: now.getTime(), actorId, subjectId, ...entry }
    hash = chainHash(hash, change)
    changes.push({ ...change, hash })
    if (changes.length % HASHES_PER_TURN === 0) await turn()
  }
  return changes
}

async function append(tx: Tx, changes: readonly ChainedChange[]): Promise<void> {
  for (let start = 0; start < changes.length; start += ROWS_PER_INSERT) {
    const rows = changes.slice(start, start + ROWS_PER_INSERT)
    const [{ at, actorId, subjectId }] = rows as [ChainedChange]
    // As one value, which is quicker to write and to read than a parameter for each.
    await sql`
      insert into change
        (revision, at, actor_id, subject_id, action, entity, entity_id, noted, before, after, hash)
      select revision, ${new Date(at)}::timestamptz, ${actorId}::integer, ${subjectId}::integer,
        action, entity, "entityId", noted, before, after, hash
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as given
        (revision bigint, action text, entity text, "entityId" text, noted boolean, before jsonb, after jsonb, hash text)
    `.execute(tx)
  }
}

async function announce(tx: Tx, { revision }: LogHead): Promise<void> {
  await sql`select pg_notify(${CHANGE_CHANNEL}, ${String(revision)})`.execute(tx)
}
