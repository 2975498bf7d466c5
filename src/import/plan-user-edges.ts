import { isDeepStrictEqual } from 'node:util'
import type { RestrictionRow, UserRow } from '../access/model.ts'
import { applyChange, type Windows } from '../access/windows.ts'
import type { BatchPart } from '../db/change-log.ts'
import type { AlertingRow } from './import-queries.ts'
import { type ImportProblem, MAX_PERIODS, type RestrictionChange, type UserRecord } from './model.ts'
import { lookUp } from './plan-access.ts'
import { misfit, type PlanWorld, placeIn } from './plan-world.ts'
import type { Standing } from './standing.ts'

/** Restrictions of the edges named and no others (D-14..24). Those of a guest cap what others gave him too: that is theirs. */
export function* planRestrictions(
  world: PlanWorld,
  record: UserRecord,
  { known, standing }: { known: UserRow | undefined; standing: Standing },
  problems: ImportProblem[],
): Generator<undefined, BatchPart[]> {
  const { mode, byEdge } = record.restrictions ?? { mode: 'merge', byEdge: new Map() }
  const present = known === undefined ? undefined : world.index.restrictionsOf(known.id)
  const changes: BatchPart[] = []
  const given = new Map<number, RestrictionChange>()
  for (const [key, change] of byEdge) {
    yield
    const [edgeId] = lookUp(world, record, 'edge', [key], problems)
    if (edgeId === undefined) continue
    const other = given.get(edgeId)
    given.set(edgeId, change)
    if (other !== undefined) {
      problems.push(restrictedTwice(record, key, 'endsAt' in change !== 'endsAt' in other))
      continue
    }
    const row = present?.get(edgeId)
    const windows = applyChange(row?.windows ?? null, change, mode)
    if (windows !== null && windows.length > MAX_PERIODS)
      problems.push(misfit(placeIn(record, 'edges'), 'D-19', `More than ${MAX_PERIODS} periods: join some`, key))
    if (
      !world.allows('share', edgeId) ||
      (known !== undefined && !world.mayOpen(edgeId, row?.windows ?? null, windows))
    )
      problems.push(
        misfit(placeIn(record, 'edges'), 'G-01', 'You cannot open a time that you may not read yourself', key),
      )
    const parts = restrictionPart(row, { userId: known?.id ?? 0, edgeId }, windows)
    if (standing === 'guest' && known !== undefined && parts.length > 0 && !world.decidesAbout(known.id, edgeId))
      problems.push(
        misfit(placeIn(record, 'edges'), 'G-01', 'This user has access by a grant that you could not withdraw', key),
      )
    changes.push(...parts)
  }
  return changes
}

/** One edge by two names, each with its periods; one an end alone beside others is wrong for the whole file (D-22). */
function restrictedTwice(record: UserRecord, key: string, isEndWithOthers: boolean): ImportProblem {
  const text = 'The periods of this edge stand here twice, also under another name of it: write all under one'
  const problem = misfit(placeIn(record, 'edges'), isEndWithOthers ? 'D-22' : 'D-14', text, key)
  return isEndWithOthers ? { ...problem, isFatal: true } : problem
}

function restrictionPart(
  before: RestrictionRow | undefined,
  of: { userId: number; edgeId: number },
  windows: Windows,
): BatchPart[] {
  if (windows === null) return before ? [{ entity: 'restriction', id: before.id, before, after: null }] : []
  if (JSON.stringify(before?.windows) === JSON.stringify(windows)) return []
  const after = { id: before?.id ?? 0, ...of, windows: [...windows] }
  return [{ entity: 'restriction', id: after.id, before: before ?? null, after }]
}

/** When he is told about the edges named. */
export function* planAlerting(
  world: PlanWorld,
  record: UserRecord,
  user: UserRow | undefined,
  present: readonly AlertingRow[],
  problems: ImportProblem[],
): Generator<undefined, AlertingRow[]> {
  const known = new Map(present.map((row) => [row.edgeId, row]))
  const rows: AlertingRow[] = []
  const given = new Set<number>()
  for (const { edgeId: key, ...delays } of record.alerting ?? []) {
    yield
    const [edgeId] = lookUp(world, record, 'edge', [key], problems)
    if (edgeId === undefined) continue
    if (given.has(edgeId)) problems.push(misfit(record.place, 'format', 'This edge stands here twice: leave one', key))
    given.add(edgeId)
    if (!world.allows('alertsOthers', edgeId))
      problems.push(misfit(record.place, 'G-01', 'You cannot set alerts of others there', key))
    const row: AlertingRow = { userId: user?.id ?? 0, edgeId, ...delays }
    const before = known.get(edgeId)
    if (!isDeepStrictEqual(before, row)) rows.push(row)
  }
  return rows
}
