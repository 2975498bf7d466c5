import { join } from 'node:path'
import type { AccessIndex } from '../access/access-index.ts'
import type { Db } from '../db/database.ts'
import { Effects } from './effects.ts'
import type { ImportItem, UserRecord } from './model.ts'
import type { FinalIds, ReservedIds } from './numbers.ts'
import type { Pace } from './pace.ts'
import { type PlannedRecord, StructurePlan, type StructureRecord } from './plan-structure.ts'
import type { StoredUser } from './plan-user.ts'
import { type Outsider, planUsers } from './plan-users.ts'
import { PlanWorld } from './plan-world.ts'
import { Spool } from './spool.ts'
import { Summary } from './summary.ts'

export interface PlanOptions {
  /** Who imports; null: the service itself. */
  askerId: number | null
  organisationId: number | null
  /** `import:<name>`. */
  source: string
  scope: 'source' | 'all'
  skipInvalid: boolean
  maxProblems: number
  /** Lines of who gains or loses what that are kept. */
  maxAccessLines: number
  /** Where lines may be put while it goes on. */
  folder: string
}

export interface PlanParts {
  index: AccessIndex
  db: Db
  at: Date
  /** Ids for new rows, of one import however often it is planned. */
  reserved: ReservedIds
  /** Keyed hash of secrets that records bring in clear. */
  hash: (secret: string) => string
  pace: Pace
  onProgress: (progress: { read: number; planned: number }) => void
}

/** What an import will do, ready to be applied. Disposing deletes what it has put on disk. */
export interface Plan extends AsyncDisposable {
  /** Of the graph it was made for. */
  revision: number
  /** When it was made. */
  at: number
  summary: Summary
  isDryRun: boolean
  /** Nothing may be applied: something is wrong, and that may not be left out. */
  isRefused: boolean
  records: readonly PlannedRecord[]
  users: Pick<Spool<StoredUser>, 'count' | 'batches'>
  /** Those whose accounts are somebody else's: they are invited (D-03). */
  outsiders: readonly Outsider[]
}

/** A user record on its way through the disk. */
export type SpooledUser = Omit<UserRecord, 'restrictions'> & {
  restrictions?: { mode: NonNullable<UserRecord['restrictions']>['mode']; byEdge: [string, never][] }
}

/**
 * Reads a whole file and compares it with what is there: everything that is wrong, everything that changes. Whoever has a
 * turn meanwhile may change the graph; `revision` tells. Ids are taken at the end, one for each row that is new, and only if
 * the plan can be carried out: nobody uses them up by trying.
 */
export async function makePlan(
  items: AsyncIterable<ImportItem>,
  options: PlanOptions,
  parts: PlanParts,
  dryRun: boolean,
): Promise<Plan> {
  await using stack = new AsyncDisposableStack()
  const read = stack.use(new Spool<SpooledUser>(join(options.folder, 'read')))
  const users = new Spool<StoredUser>(join(options.folder, 'planned'))
  const { pace } = parts
  try {
    const summary = new Summary(options)
    const { structure, isDryRun } = await readAll(items, read, summary, parts)
    const revision = parts.index.revision
    const at = parts.at.getTime()
    const things = await StructurePlan.begin(structure, options, parts, { summary, pace })
    await things.ground()
    const { index, names, newUsers } = things
    // What grants and groups of the file refer to is numbered even in a dry run.
    const isTrial = dryRun || isDryRun
    const numbers = isTrial && things.isEmpty ? undefined : things.numbers
    const world = new PlanWorld({ ...options, index, names, at })
    const outsiders: Outsider[] = []
    const effects = new Effects({ ...world, before: parts.index, after: index, summary, pace })
    const work = { ...parts, read, users, outsiders, numbers, newUsers, effects, summary }
    if (!summary.isFatal) await planUsers(world, { ...work, isUsersOnly: things.isEmpty })
    await users.end()
    if (!things.isEmpty) await things.people(users)
    await things.relations()
    if (!things.isEmpty && !summary.isFatal) await effects.ofAll(things.logins, things.changes())
    const isRefused = summary.isFatal || (summary.report.problemCount > 0 && !options.skipInvalid)
    const ids = isTrial || isRefused ? undefined : await things.numbers.settle(parts.db, parts.reserved)
    return {
      revision,
      at,
      summary,
      isDryRun: isTrial,
      isRefused,
      records: ids === undefined ? things.records : await numbered(things.records, ids, pace),
      users: ids === undefined ? users : withIds(users, ids),
      outsiders,
      [Symbol.asyncDispose]: () => users[Symbol.asyncDispose](),
    }
  } catch (error) {
    await users[Symbol.asyncDispose]()
    throw error
  }
}

async function numbered(records: readonly PlannedRecord[], ids: FinalIds, pace: Pace): Promise<PlannedRecord[]> {
  const found: PlannedRecord[] = []
  for (const record of records) {
    found.push(ids.record(record))
    if (pace.isOver) await pace.rest()
  }
  return found
}

/** The users that wait on disk, with their ids. */
function withIds(users: Spool<StoredUser>, ids: FinalIds): Plan['users'] {
  return {
    count: users.count,
    async *batches(size, pace) {
      for await (const batch of users.batches(size, pace)) yield batch.map((user) => ids.user(user))
    },
  }
}

async function readAll(
  items: AsyncIterable<ImportItem>,
  users: Spool<SpooledUser>,
  summary: Summary,
  { pace, onProgress }: PlanParts,
): Promise<{ structure: StructureRecord[]; isDryRun: boolean }> {
  const structure: StructureRecord[] = []
  let isDryRun = false
  for await (const item of items) {
    if (pace.isOver) await pace.rest()
    if (item.kind === 'problem') summary.problem(item)
    else if (item.kind === 'remark') summary.remark(item)
    else if (item.kind === 'dryRun') isDryRun = true
    else {
      summary.counts.records += 1
      if (item.kind === 'user') await users.add(spooled(item))
      else structure.push(item)
      if (summary.counts.records % 1000 === 0) onProgress({ read: summary.counts.records, planned: 0 })
    }
  }
  await users.end()
  onProgress({ read: summary.counts.records, planned: 0 })
  return { structure, isDryRun }
}

function spooled({ restrictions, ...record }: UserRecord): SpooledUser {
  if (restrictions === undefined) return record
  return { ...record, restrictions: { mode: restrictions.mode, byEdge: [...restrictions.byEdge] as [string, never][] } }
}
