import { Chronicle } from './explain-chronicle.ts'
import type { PastChange } from './explain-queries.ts'
import type { KindOfRow } from './explain-rows.ts'
import { Slice } from './explain-slice.ts'
import { permissionsIn } from './graph-data.ts'
import { decisionMask, decisionRank } from './graph-evaluate.ts'
import { type OpenemsRole, openemsRoles, type Permission } from './model.ts'

/** A moment at which somebody's access became another. */
export interface HistoryEntry {
  /** Null: from before the log began. */
  at: number | null
  kind: 'began' | 'changed' | 'ended'
  role: OpenemsRole | null
  permissions: Permission[]
  gained: Permission[]
  lost: Permission[]
  /** What was done; null: nothing, a period began or ended. */
  action: string | null
  actorId: number | null
}

/**
 * Goes through what changed since the rows, and through the periods in between; what is left is the story. Each change costs
 * what it touches, however much there is; yields so often that nobody waits for it.
 */
export function* historyIn(
  rows: readonly KindOfRow[],
  changes: readonly PastChange[],
  { principalId, resourceId, until }: { principalId: number; resourceId: number; until: number },
): Generator<undefined, { slice: Slice; entries: HistoryEntry[] }> {
  const slice = yield* Slice.of(rows)
  const { instants } = slice.people
  let time = changes[0] === undefined ? until : changes[0].at - 1
  const chronicle = new Chronicle(slice, principalId, resourceId, time)
  yield* chronicle.begin()
  const entries: HistoryEntry[] = []
  let known = 0
  const look = (cause: PastChange | undefined, told: number | null) => {
    const decision = chronicle.decision()
    if (decision !== known) entries.push(entryOf(known, decision, told, cause))
    known = decision
  }
  look(undefined, null)
  for (let next = 0; next <= changes.length; ) {
    // What was written at once is one change.
    const at = changes[next]?.at ?? until
    for (let instant = instants.after(time); instant !== null && instant < at; instant = instants.after(instant)) {
      yield* chronicle.moveTo(instant)
      look(undefined, instant)
      yield
    }
    const first = changes[next]
    time = at
    yield* chronicle.moveTo(at)
    for (; changes[next]?.at === at; next++) {
      const { entity, id, after } = changes[next] as PastChange
      yield* chronicle.put(entity, id, after)
    }
    look(first, at)
    if (first === undefined) break
  }
  return { slice, entries }
}

function entryOf(before: number, after: number, at: number | null, cause: PastChange | undefined): HistoryEntry {
  const [was, is] = [decisionMask(before), decisionMask(after)]
  const changed = is === 0 ? 'ended' : 'changed'
  return {
    at,
    kind: was === 0 ? 'began' : changed,
    role: openemsRoles[decisionRank(after)] ?? null,
    permissions: permissionsIn(is),
    gained: permissionsIn(is & ~was),
    lost: permissionsIn(was & ~is),
    action: cause?.action ?? null,
    actorId: cause?.actorId ?? null,
  }
}
