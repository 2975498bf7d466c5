import { setImmediate as turn } from 'node:timers/promises'
import { problem } from '../errors.ts'
import { inSlices } from '../lib/slices.ts'
import type { AccessIndex } from './access-index.ts'
import { maySeeAudience, remembering } from './audience-door.ts'
import { type ExplainedNode, hidden, Redaction } from './explain-redact.ts'
import { Slice } from './explain-slice.ts'
import type { Access } from './graph-access.ts'
import { permissionsIn } from './graph-data.ts'
import type { Change, EntityName, OpenemsRole, Permission, Window } from './model.ts'
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
/** So many pairs are compared, for so long: nobody waits longer for an answer. */
const maxPairs = 100_000
const budgetMs = 1000
/** So many pairs, and for so long, before others have a turn: about half of it with the changes in the graph. */
const slicePairs = 100
const sliceMs = 2
/** More than this could not be put in and taken out again in a slice; what moves content weighs tenfold, as sets are made anew. */
const maxWeight = 1000
const contentWeight = 10
const contentKinds: ReadonlySet<EntityName> = new Set(['containment', 'edge', 'site', 'edgeGroup', 'organisation'])

type Pair = readonly [before: Access, after: Access]

function weightOf(changes: readonly Change[]): number {
  let weight = 0
  for (const { entity } of changes) weight += contentKinds.has(entity) ? contentWeight : 1
  return weight
}

/**
 * Who would gain and lose what by changes: the access of everybody concerned to everything concerned, before and with them. The
 * changes are in the index for a slice at a time, while nobody else can look; each pair is compared in the graph as it is at that
 * moment, whoever else writes meanwhile. What the asker may not discover stays out (G-14). `own`: the groups the asker belongs
 * to. Throws when the changes are too many to be tried.
 */
export async function effectOf(
  changes: readonly Change[],
  look: Look,
  own: ReadonlySet<number>,
): Promise<ChangeEffect> {
  if (weightOf(changes) > maxWeight) {
    throw problem(
      `This would change ${changes.length} things; what comes of it is told for up to ${maxWeight} rights and memberships, or ${maxWeight / contentWeight} places of things, at once`,
    )
  }
  const { index } = look
  const start = performance.now()
  const within = (slice: () => void) => index.trying(changes, slice)
  const before = await inSlices(index.affectedBy(changes))
  const after = await inSlices(index.affectedBy(changes), within)
  const redaction = new Redaction(look, new Slice([]), 0, own)
  const resources = await inSlices(seenOf(new Set([...before.resources, ...after.resources]), redaction))
  const pairs = pairsOf(new Set([...before.principals, ...after.principals]), resources)
  const tellsOf = whoIsTold(look)
  const told = new Map<string, AccessChange>()
  let seen = 0
  const take: TakePair = (principalId, resourceId, pair) => {
    seen++
    if (JSON.stringify(pair[0]) === JSON.stringify(pair[1])) return
    const change = changeOf(redaction, principalId, resourceId, pair, tellsOf(principalId, resourceId))
    told.set(JSON.stringify(change), change)
  }
  const isSpent = () => seen >= maxPairs || performance.now() - start > budgetMs
  for (let isDone = false; !isDone && !isSpent(); await turn()) {
    isDone = compareSome(index, changes, pairs, look.at, take)
  }
  const complete = before.isWhole && after.isWhole && pairs.next().done === true
  return { changes: [...told.values()], total: told.size, complete }
}

/** Those of these resources of which the asker may know. */
function* seenOf(resources: Iterable<number>, redaction: Redaction): Generator<undefined, number[]> {
  const seen: number[] = []
  for (const id of resources) {
    if (redaction.resource(id) !== hidden) seen.push(id)
    yield
  }
  return seen
}

type Pairs = Generator<readonly [principalId: number, resourceId: number], void>

/** Each principal with each resource: what was worked out for one principal is of use for all his pairs. */
function* pairsOf(principals: Iterable<number>, resources: readonly number[]): Pairs {
  for (const principalId of principals) for (const resourceId of resources) yield [principalId, resourceId]
}

type TakePair = (principalId: number, resourceId: number, pair: Pair) => void

/** Compares pairs for a few milliseconds; true when there are no more. */
function compareSome(
  index: AccessIndex,
  changes: readonly Change[],
  pairs: Pairs,
  at: number,
  take: TakePair,
): boolean {
  const end = performance.now() + sliceMs / 2
  const some: [number, number, Access][] = []
  let isDone = false
  while (!isDone && some.length < slicePairs && performance.now() < end) {
    const next = pairs.next()
    if (next.done) isDone = true
    else some.push([...next.value, index.access(...next.value, at)])
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
): AccessChange {
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
