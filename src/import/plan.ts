import { join } from 'node:path'
import type { AccessIndex } from '../access/access-index.ts'
import type { Db } from '../db/database.ts'
import { Effects } from './effects.ts'
import type { ImportItem, UserRecord } from './model.ts'
import { Numbers } from './numbers.ts'
import { Pace } from './pace.ts'
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
  /** Keyed hash of secrets that records bring in clear. */
  hash: (secret: string) => string
  signal: AbortSignal
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
  users: Spool<StoredUser>
  /** Those whose accounts are somebody else's: they are invited (D-03). */
  outsiders: readonly Outsider[]
}

/** A user record on its way through the disk. */
export type SpooledUser = Omit<UserRecord, 'restrictions'> & {
  restrictions?: { mode: NonNullable<UserRecord['restrictions']>['mode']; byEdge: [string, never][] }
}

/**
 * Reads a whole file and compares it with what is there: everything that is wrong, everything that changes. Whoever has a
 * turn meanwhile may change the graph; `revision` tells. Ids of new rows are taken unless it is a dry run.
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
  try {
    const summary = new Summary(options)
    const pace = new Pace(parts.signal)
    const { structure, isDryRun } = await readAll(items, read, summary, pace, parts)
    // What grants and groups of the file refer to has an id even in a dry run.
    const isNumbered = !(dryRun || isDryRun) || structure.length > 0
    const numbers = isNumbered ? new Numbers(parts.db) : undefined
    const revision = parts.index.revision
    const at = parts.at.getTime()
    const things = await StructurePlan.begin(structure, options, parts, { summary, pace })
    await things.ground()
    const { index, names, newUsers, records } = things
    const world = new PlanWorld({ ...options, index, names, at })
    const outsiders: Outsider[] = []
    const effects = new Effects({ ...world, before: parts.index, after: index, summary, pace })
    const work = { ...parts, read, users, outsiders, numbers, newUsers, effects, summary, pace }
    if (!summary.isFatal) await planUsers(world, { ...work, isUsersOnly: things.isEmpty })
    await users.end()
    if (!things.isEmpty) await things.people(users)
    await things.relations()
    if (!things.isEmpty && !summary.isFatal) await effects.ofAll(things.logins, things.changes())
    const isRefused = summary.isFatal || (summary.report.problemCount > 0 && !options.skipInvalid)
    return {
      revision,
      at,
      summary,
      isDryRun: dryRun || isDryRun,
      isRefused,
      records,
      users,
      outsiders,
      [Symbol.asyncDispose]: () => users[Symbol.asyncDispose](),
    }
  } catch (error) {
    await users[Symbol.asyncDispose]()
    throw error
  }
}

async function readAll(
  items: AsyncIterable<ImportItem>,
  users: Spool<SpooledUser>,
  summary: Summary,
  pace: Pace,
  { onProgress }: PlanParts,
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
