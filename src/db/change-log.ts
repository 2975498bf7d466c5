import { createHash } from 'node:crypto'
import type { Change } from '../access/model.ts'
import { inSlices } from '../lib/slices.ts'
import type { Db } from './database.ts'
import { isEntityName } from './graph-rows.ts'
import { type Packed, packChanges, unpackChanges } from './packed-changes.ts'

/** One row of the log. `at` is epoch milliseconds. */
export interface LoggedChange {
  revision: number
  at: number
  actorId: number | null
  /** As whom, while impersonating. */
  subjectId: number | null
  action: string
  entity: string
  entityId: string
  /** True: not a change of the graph, whatever `entity` says; `after` then holds what was noted. */
  noted: boolean
  before: object | null
  after: object | null
}

/** A row with the hash that links it to the one before. */
export interface ChainedChange extends LoggedChange {
  hash: string
}

/** The end of the log. */
export interface LogHead {
  revision: number
  hash: string
}

/** Before the first change. */
export const emptyLog: LogHead = { revision: 0, hash: '' }

/** Where the newest revision is announced. */
export const CHANGE_CHANNEL = 'change'

const VERIFY_PAGE = 200
/** So few names are sorted by moving each to its place. */
const FEW = 20

/** The newest revision and its hash; index change_pk. */
export async function readHead(db: Db): Promise<LogHead> {
  const head = await db
    .selectFrom('change')
    .select(['revision', 'hash'])
    .orderBy('revision', 'desc')
    .limit(1)
    .executeTakeFirst()
  return head ?? emptyLog
}

/** What happened after a revision, oldest first; index change_pk. */
export async function readChanges(
  db: Db,
  { after, limit }: { after: number; limit: number },
): Promise<ChainedChange[]> {
  const rows = await db
    .selectFrom('change')
    .select(['revision', 'at', 'actorId', 'subjectId', 'action', 'entity', 'entityId'])
    .select(['noted', 'before', 'after', 'hash'])
    .where('revision', '>', after)
    .orderBy('revision')
    .limit(limit)
    .execute()
  return rows.map((row) => ({ ...row, at: row.at.getTime() }))
}

/** The `entity` of a row that carries several changes about one principal; `entityId` is his. */
export const BATCH_ENTITY = 'batch'
/** So many changes one row carries at most: applying it must not keep others waiting. */
export const MAX_BATCH = 250

/** One of several changes in a row of the log. */
export type BatchPart = { [C in Change as C['entity']]: Omit<C, 'revision'> }[Change['entity']]

/** What `after` of such a row holds: changes, packed. */
export function toBatch(changes: readonly Packed[]): object {
  return { changes: packChanges(changes) }
}

/** The changes in `after` of such a row. */
export function fromBatch(after: object | null): BatchPart[] {
  const { changes } = after as { changes: readonly Packed[] }
  return unpackChanges(changes)
}

/** The changes of the graph that a row of the log stands for: none, one, or all that an import changed about one user. */
export function graphChanges({ revision, entity, entityId, noted, before, after }: LoggedChange): Change[] {
  if (noted) return []
  if (entity === BATCH_ENTITY) {
    const known = fromBatch(after).filter((part) => isEntityName(part.entity))
    return known.map((part) => ({ ...part, revision }) as Change)
  }
  return isEntityName(entity) ? [{ revision, entity, id: Number(entityId), before, after } as Change] : []
}

/** The hash of a row that follows another. Only this function decides what the chain protects: everything. */
export function chainHash(previousHash: string, change: LoggedChange): string {
  const { revision, at, actorId, subjectId, action, entity, entityId, noted, before, after } = change
  const content = canonicalJson({
    revision,
    at,
    actorId,
    subjectId,
    action,
    entity,
    entityId,
    noted,
    before,
    after,
  })
  return createHash('sha256').update(previousHash).update('\n').update(content).digest('hex')
}

export type ChainVerdict =
  | { ok: true; revision: number; hash: string }
  | { ok: false; revision: number; reason: string }

/**
 * Recomputes the whole chain. A verdict that is not ok names the first revision that is not as it was written. That the end was
 * cut off, and whether others were written in its place, only shows by the end of an earlier run: `kept`.
 */
export async function verifyChain(
  db: Db,
  { kept, onProgress }: { kept?: LogHead | undefined; onProgress?: (revision: number) => void } = {},
): Promise<ChainVerdict> {
  let head = emptyLog
  for (;;) {
    const page = await readChanges(db, { after: head.revision, limit: VERIFY_PAGE })
    const verdict = await inSlices(follow(head, page, kept))
    onProgress?.(verdict.revision)
    if (!verdict.ok) return verdict
    head = verdict
    if (page.length < VERIFY_PAGE) break
  }
  if (kept === undefined || kept.revision <= head.revision) return { ok: true, ...head }
  return {
    ok: false,
    revision: head.revision + 1,
    reason: `the log ends before revision ${kept.revision}, which was kept`,
  }
}

/** The verdict on so many rows after the head. */
function* follow(
  from: LogHead,
  page: readonly ChainedChange[],
  kept: LogHead | undefined,
): Generator<undefined, ChainVerdict> {
  let head = from
  for (const change of page) {
    const isKept = change.revision !== kept?.revision || change.hash === kept.hash
    const reason = breakOf(head, change) ?? (isKept ? undefined : 'the log up to here is not the one that was kept')
    if (reason !== undefined) return { ok: false, revision: change.revision, reason }
    head = { revision: change.revision, hash: change.hash }
    yield
  }
  return { ok: true, ...head }
}

/** Why a row cannot follow the head, or undefined when it does. */
export function breakOf(head: LogHead, change: ChainedChange): string | undefined {
  if (change.revision !== head.revision + 1) return `revision ${head.revision + 1} is missing`
  if (change.hash !== chainHash(head.hash, change)) return 'the row or its hash was altered'
  return undefined
}

/** JSON with sorted keys: the same value gives the same text, however the database orders the keys of jsonb. */
function canonicalJson(value: object): string {
  return JSON.stringify(sorted(value))
}

function sorted(value: unknown): unknown {
  if (!isNested(value)) return value
  if (Array.isArray(value)) return value.some(isNested) ? value.map(sorted) : value
  const record = value as Record<string, unknown>
  const copy: Record<string, unknown> = {}
  for (const key of inOrder(Object.keys(record))) {
    const member = sorted(record[key])
    // Assigning it would make it the prototype, and the hash would not protect it.
    if (key === '__proto__') Object.defineProperty(copy, key, { value: member, enumerable: true })
    else copy[key] = member
  }
  return copy
}

/** Sorted. Few in place: `sort` makes copies, and a long import hashes a million objects. */
function inOrder(names: string[]): string[] {
  if (names.length > FEW) return names.sort()
  for (let end = 1; end < names.length; end++) {
    const name = names[end] as string
    let at = end
    for (; at > 0 && (names[at - 1] as string) > name; at--) names[at] = names[at - 1] as string
    names[at] = name
  }
  return names
}

function isNested(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
