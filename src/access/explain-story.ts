import type { PastChange } from './explain-queries.ts'
import type { Slice } from './explain-slice.ts'
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
 * Goes through what changed since the rows of the slice, and through the periods in between; what is left is the story. Yields
 * after every change, because each may take a millisecond where somebody has a thing in very many ways.
 */
export function* historyIn(
  slice: Slice,
  changes: readonly PastChange[],
  principalId: number,
  resourceId: number,
  until: number,
): Generator<undefined, HistoryEntry[]> {
  const inside = slice.inside(resourceId)
  const entries: HistoryEntry[] = []
  let known = 0
  const look = (at: number, cause: PastChange | undefined, told: number | null = at) => {
    const decision = slice.evaluator.decide(slice.views.get(principalId, at), inside)
    if (decision !== known) entries.push(entryOf(known, decision, told, cause))
    known = decision
  }
  let time = changes[0] === undefined ? until : changes[0].at - 1
  look(time, undefined, null)
  for (let next = 0; next <= changes.length; ) {
    // What was written at once is one change.
    const at = changes[next]?.at ?? until
    for (let instant = slice.people.instants.after(time); instant !== null && instant < at; ) {
      look(instant, undefined)
      time = instant
      instant = slice.people.instants.after(time)
    }
    const first = changes[next]
    if (first === undefined) break
    for (; changes[next]?.at === at; next++) {
      const { entity, id, after } = changes[next] as PastChange
      slice.set(entity, id, after)
    }
    time = at
    look(at, first)
    yield
  }
  look(until, undefined)
  return entries
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
