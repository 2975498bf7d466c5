import { setImmediate as turn } from 'node:timers/promises'
import type { Trial } from '../db/trial.ts'
import type { Access, AccessIndex } from './access-index.ts'
import { maySeeAudience, remembering } from './audience-door.ts'
import { type ExplainedNode, hidden, Redaction } from './explain-redact.ts'
import { Slice } from './explain-slice.ts'
import { permissionsIn } from './graph-data.ts'
import type { Change, OpenemsRole, Permission, Window } from './model.ts'
import type { Look } from './people-door.ts'

/** What would be different for one principal about one resource. */
export interface AccessChange {
  /** Those of whom the asker may not know and for whom the same would change are one. */
  principal: ExplainedNode
  resource: ExplainedNode
  gained: Permission[]
  lost: Permission[]
  roleBefore: OpenemsRole | null
  roleAfter: OpenemsRole | null
  /** Which timestamps of stored values may be read: null all. */
  windowsBefore: Window[] | null
  windowsAfter: Window[] | null
}

export interface ChangeEffect {
  changes: AccessChange[]
  total: number
  /** False: more is concerned than was looked at. */
  complete: boolean
}

const nobody: ExplainedNode = { ...hidden, name: 'accounts you cannot see' }
/** So long the changes may be in the graph before others have a turn. */
const sliceMs = 4
const maxPairs = 100_000
/** Later than that nobody else has to wait for the answer. */
const budgetMs = 1000

type Pair = readonly [before: Access, after: Access]

/**
 * Who would gain and lose what by changes: the access of everybody concerned to everything concerned, before and with them. The
 * changes are in the index only while nobody else can look, and what the asker may not discover stays out (G-14). `own`: the
 * groups the asker belongs to.
 */
export async function effectOf(
  { index, changes }: Pick<Trial, 'index' | 'changes'>,
  look: Look,
  own: ReadonlySet<number>,
  monotonicMs: () => number = () => performance.now(),
): Promise<ChangeEffect> {
  const made = changes()
  const redaction = new Redaction(look, new Slice([]), 0, own)
  const [before, after] = [index.affectedBy(made), index.trying(made, () => index.affectedBy(made))]
  const principals = [...new Set([...before.principals, ...after.principals])]
  const resources = [...new Set([...before.resources, ...after.resources])]
  const told = new Map<string, AccessChange>()
  const start = monotonicMs()
  let seen = 0
  const tellsOf = whoIsTold(look)
  const isSpent = () => seen >= maxPairs || monotonicMs() - start > budgetMs
  const pairs = pairsOf(principals, resources, (id) => redaction.resource(id) !== hidden)
  for (let isDone = false; !isDone && !isSpent(); ) {
    isDone = compareSome(index, made, pairs, look.at, monotonicMs, (principalId, resourceId, pair) => {
      seen++
      const change = changeOf(redaction, principalId, resourceId, pair, tellsOf(principalId, resourceId))
      if (change) told.set(JSON.stringify(change), change)
    })
    await turn()
  }
  const complete = before.isWhole && after.isWhole && pairs.next().done === true
  return { changes: [...told.values()], total: told.size, complete }
}

type Pairs = Generator<readonly [principalId: number, resourceId: number] | undefined>

/** Each principal with each resource that is to be seen; undefined for those that are not, so that nobody waits for long. */
function* pairsOf(
  principals: readonly number[],
  resources: readonly number[],
  isSeen: (resourceId: number) => boolean,
): Pairs {
  for (const resourceId of resources) {
    if (!isSeen(resourceId)) yield undefined
    else for (const principalId of principals) yield [principalId, resourceId]
  }
}

/** Compares pairs for a few milliseconds; true when there are no more. */
function compareSome(
  index: AccessIndex,
  changes: readonly Change[],
  pairs: Pairs,
  at: number,
  monotonicMs: () => number,
  take: (principalId: number, resourceId: number, pair: Pair) => void,
): boolean {
  const end = monotonicMs() + sliceMs
  const some: [number, number, Access][] = []
  let isDone = false
  while (!isDone && some.length < 500 && monotonicMs() < end - sliceMs / 2) {
    const next = pairs.next()
    if (next.done) isDone = true
    else if (next.value !== undefined) some.push([...next.value, index.access(...next.value, at)])
  }
  const after = index.trying(changes, () =>
    some.map(([principalId, resourceId]) => index.access(principalId, resourceId, at)),
  )
  for (const [position, [principalId, resourceId, before]] of some.entries()) {
    take(principalId, resourceId, [before, after[position] ?? before])
  }
  return isDone
}

/** Who has what is told by name to himself and to those who may see who sees the thing, whatever else they decide (G-28). */
function whoIsTold(look: Look): (principalId: number, resourceId: number) => boolean {
  const { askerId } = look
  if (askerId === null) return () => true
  const seesAudience = remembering((resourceId: number) => maySeeAudience({ ...look, askerId }, resourceId))
  return (principalId, resourceId) => principalId === askerId || seesAudience(resourceId)
}

function changeOf(
  redaction: Redaction,
  principalId: number,
  resourceId: number,
  [was, is]: Pair,
  isTold: boolean,
): AccessChange | undefined {
  if (JSON.stringify(was) === JSON.stringify(is)) return undefined
  const principal = isTold ? redaction.principal(principalId) : hidden
  return {
    principal: principal === hidden ? nobody : principal,
    resource: redaction.resource(resourceId),
    gained: permissionsIn(is.mask & ~was.mask),
    lost: permissionsIn(was.mask & ~is.mask),
    roleBefore: was.role ?? null,
    roleAfter: is.role ?? null,
    windowsBefore: was.windows,
    windowsAfter: is.windows,
  }
}
