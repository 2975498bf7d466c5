import { type Decision, decisionMask, decisionRank } from './graph-evaluate.ts'
import { conveysDiscover, Expander } from './graph-expand.ts'
import type { GraphState } from './graph-state.ts'
import { resolveView, type View, type World } from './graph-view.ts'
import {
  type Change,
  type ClaimRow,
  type GrantRow,
  type OpenemsRole,
  openemsRoles,
  PLATFORM_RESOURCE_ID,
  permissionBits,
  type RestrictionRow,
  type UserRow,
} from './model.ts'
import { unionWindows, type Windows } from './windows.ts'

/** What somebody may do with an edge; of two it can be told whether they are the same. */
export interface Seen {
  mask: number
  role: OpenemsRole | undefined
  /** Timestamps of stored values that may be read: null all, [] none. */
  windows: Windows
}

const nothing: Seen = { mask: 0, role: undefined, windows: [] }

/** Which timestamps of stored values a decision lets a view read. */
export function windowsOf({ evaluator }: GraphState, view: View, resourceId: number, decision: Decision): Windows {
  let windows: Windows = []
  for (const { mask, windows: shown } of evaluator.conveyances(view, resourceId)) {
    if (mask & decision & permissionBits.history) windows = unionWindows(windows, shown)
  }
  return windows
}

/** The rights of one principal, as they are or with other rows of his own: made to be compared with another. */
export class Sight {
  readonly #graph: GraphState
  readonly #view: View
  /** Whether there is anything that does not hold for all timestamps. */
  readonly #isTimed: boolean

  constructor(graph: GraphState, view: View) {
    this.#graph = graph
    this.#view = view
    const all = [...view.held.values(), ...(view.everybody?.held.values() ?? [])]
    this.#isTimed =
      view.restrictions !== undefined ||
      all.some(({ self, content, suborganisation }) =>
        [self, content, suborganisation].some((some) => some.some(({ windows }) => windows !== null)),
      )
  }

  /** What it may do with an edge. */
  of(edgeId: number): Seen {
    const decision = this.#graph.evaluator.decide(this.#view, edgeId)
    if ((decision & permissionBits.discover) === 0) return nothing
    const role = openemsRoles[decisionRank(decision)]
    const windows = this.#isTimed ? windowsOf(this.#graph, this.#view, edgeId, decision) : null
    return { mask: decisionMask(decision), role, windows }
  }

  /** Whether nothing there is can be hidden from it, now or later. */
  get isOfAll(): boolean {
    const { isActive, cap, restrictions, everywhere } = this.#view
    const isCut = (cap & permissionBits.discover) === 0 || restrictions !== undefined
    return isActive && !isCut && conveysDiscover(everywhere)
  }

  /** The edges it may know of by grants; undefined where that is more than so many steps away, or simply all. */
  edges(maxSteps: number): ReadonlySet<number> | undefined {
    const found = new Set<number>()
    const expander = new Expander(this.#graph.resources)
    for (const view of [this.#view, this.#view.everybody]) {
      if (view === undefined || !view.isActive) continue
      if (conveysDiscover(view.everywhere)) return undefined
      const isDone = expander.edgesOf(view, conveysDiscover, maxSteps, (id) => {
        found.add(id)
        return found.size <= maxSteps
      })
      if (!isDone) return undefined
    }
    return found
  }
}

/** The rights of a principal at a moment, with these changes to rows of his own in them. Rows without an id yet have 0. */
export function sightOf(graph: GraphState, principalId: number, at: number, own: readonly Change[]): Sight {
  if (own.length === 0) return new Sight(graph, graph.views.peek(principalId, at))
  const everybody = graph.views.everybody(at)
  return new Sight(graph, resolveView(worldWith(graph, principalId, own), principalId, at, everybody))
}

function worldWith({ rows, resources, people }: GraphState, principalId: number, changes: readonly Change[]): World {
  const grants = byId<GrantRow>(people.grantsOf(principalId))
  const claims = byId<ClaimRow>(people.claimsOf(principalId))
  const restrictions = new Map<number, RestrictionRow>(people.restrictionsOf(principalId))
  let user: UserRow | undefined = rows.user.get(principalId)
  for (const [position, { entity, before, after }] of changes.entries()) {
    const id = after?.id || before?.id || -1 - position
    if (entity === 'user') user = after ?? undefined
    else if (entity === 'grant') put(grants, id, after)
    else if (entity === 'claim') put(claims, id, after)
    else if (entity === 'restriction') put(restrictions, after?.edgeId ?? before?.edgeId ?? 0, after)
  }
  const isOwn = (id: number) => id === principalId
  return {
    resources,
    rows: { ...rows, user: { get: (id) => (isOwn(id) ? user : rows.user.get(id)) } },
    people: {
      groupsOf: (id) => people.groupsOf(id),
      grantsOf: (id) => (isOwn(id) ? [...grants.values()] : people.grantsOf(id)),
      claimsOf: (id) => (isOwn(id) ? [...claims.values()] : people.claimsOf(id)),
      restrictionsOf: (id) => (isOwn(id) ? restrictions : people.restrictionsOf(id)),
    },
  }
}

function byId<R extends { id: number }>(rows: readonly R[]): Map<number, R> {
  return new Map(rows.map((row) => [row.id, row]))
}

function put<R>(rows: Map<number, R>, id: number, after: R | null): void {
  if (after === null) rows.delete(id)
  else rows.set(id, after)
}

/**
 * The edges inside a resource, itself if it is one, in portions; each once. For long work: between two portions others may have
 * their turn, and what they change meanwhile may or may not be seen.
 */
export function* edgesInside({ resources, rows }: GraphState, start: number): Generator<number[]> {
  const { kinds, links } = resources
  let portion: number[] = []
  let steps = 0
  if (start === PLATFORM_RESOURCE_ID) {
    for (const id of rows.edge.keys()) {
      portion.push(id)
      if (++steps % PORTION === 0) yield portion.splice(0)
    }
    return yield portion
  }
  if (kinds.isEdge(start)) return yield [start]
  const seen = new Set([start])
  const stack = [start]
  const take = (child: number) => {
    if (seen.has(child)) return
    seen.add(child)
    if (kinds.isEdge(child)) portion.push(child)
    else stack.push(child)
  }
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    for (const organisation of resources.suborganisations(node)) take(organisation)
    for (const child of links.children.of(node)) {
      if (resources.contains(node, child)) take(child)
      if (++steps % PORTION !== 0) continue
      yield portion
      portion = []
    }
  }
  yield portion
}
const PORTION = 1000
