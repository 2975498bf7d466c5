import type { Evaluator } from './graph-evaluate.ts'
import { type Conveys, conveysDiscover } from './graph-expand.ts'
import type { ResourceGraph } from './graph-resources.ts'
import type { View } from './graph-view.ts'
import { Bits } from './search-bits.ts'
import { Gathering } from './search-gather.ts'
import { ShortList, type Shown } from './search-short.ts'

/** So many sets of many edges are kept; and lists of few that take so many numbers of four bytes. */
const mostSets = 32
const mostNumbers = 1 << 22

/** What a list is of: which grants may lead to an edge in it, and whether one that they lead to is in it. */
export interface Extent {
  conveys: Conveys
  shows(view: View, edgeId: number): boolean
  /** Whether all they lead to is in it, but where restrictions say otherwise. */
  isExact: boolean
}

/** The edges that may be known of. */
export function discovered(evaluator: Evaluator): Extent {
  return { conveys: conveysDiscover, shows: (view, id) => evaluator.discovers(view, id), isExact: true }
}

/** Of those the ones with a role. */
export function withRole(evaluator: Evaluator): Extent {
  return {
    conveys: (conveyances) => evaluator.mayConveyRole(conveyances),
    shows: (view, id) => evaluator.hasRole(view, id),
    isExact: false,
  }
}

/** A set that is kept, in the room of its own unless it is one that somebody else keeps. */
interface KeptSet {
  view: View
  version: number
  shown: Bits
  own: Bits
}

/** The edges a view is shown: put together when asked for and kept while that holds. */
export class VisibleEdges {
  readonly #resources: ResourceGraph
  readonly #extent: Extent
  #lists = new WeakMap<View, { version: number; shown: ShortList }>()
  #room = 0
  /** Filled in turn. */
  readonly #sets: KeptSet[] = []
  #nextSet = 0
  readonly #gathering: Gathering
  #publicEdges: { view: View | undefined; version: number; edges: Int32Array | Bits } | undefined

  /** `short`: so many edges are a list rather than a set. */
  constructor(resources: ResourceGraph, extent: Extent, short: number) {
    this.#resources = resources
    this.#extent = extent
    this.#gathering = new Gathering(short)
  }

  /** Whether an edge of a set that is shown still has to be asked for by `has`; never of a list. */
  get isToBeAsked(): boolean {
    return !this.#extent.isExact
  }

  /** Whether an edge is among them. */
  has(view: View, edgeId: number): boolean {
    return this.#extent.shows(view, edgeId)
  }

  /** All of them. */
  shown(view: View): Shown {
    const known = this.#lists.get(view) ?? this.#sets.find((one) => one.view === view)
    if (known?.version === this.#resources.version) return known.shown
    const publicEdges = this.#publicTo(view.everybody)
    const isPublic = publicEdges instanceof Bits || publicEdges.length > 0
    const together = isPublic || view.restrictions ? undefined : this.#together(view)
    if (together instanceof Bits) return this.#keepSet(view, together, true)
    if (together) return this.#keepList(view, this.isToBeAsked ? this.#asked(view, together.ids) : together)
    const edges = this.#gathering
    this.#gather(view)
    if (publicEdges instanceof Bits) edges.addSets([publicEdges])
    else edges.addList(publicEdges)
    for (const id of view.restrictions?.keys() ?? []) if (!this.has(view, id)) edges.set.remove(id)
    const few = edges.few()
    return few ? this.#keepList(view, this.#asked(view, few)) : this.#keepSet(view, edges.set, false)
  }

  /** How many there are, up to `atMost`. */
  count(view: View, atMost: number): number {
    if (!view.isActive || atMost <= 0) return 0
    const shown = this.shown(view)
    if (shown instanceof ShortList) return Math.min(atMost, shown.ids.length)
    if (!this.isToBeAsked) return Math.min(atMost, shown.size)
    let count = 0
    for (const id of shown.values()) if (this.has(view, id) && ++count >= atMost) break
    return count
  }

  #keepSet(view: View, set: Bits, isShared: boolean): Bits {
    this.#lists.delete(view)
    const place = this.#sets.findIndex((one) => one.view === view)
    const next = place < 0 ? this.#nextSet++ % mostSets : place
    const own = this.#sets[next]?.own ?? new Bits()
    const shown = isShared ? set : own.become(set)
    this.#sets[next] = { view, version: this.#resources.version, shown, own }
    return shown
  }

  #keepList(view: View, shown: ShortList): ShortList {
    this.#room += shown.room
    if (this.#room > mostNumbers) {
      this.#lists = new WeakMap()
      this.#room = shown.room
    }
    this.#lists.set(view, { version: this.#resources.version, shown })
    return shown
  }

  /** Those of few edges that are among what the view is shown. */
  #asked(view: View, ids: Int32Array): ShortList {
    return new ShortList(this.isToBeAsked ? ids.filter((id) => this.has(view, id)) : ids)
  }

  /** The containers of which a view is shown what they hold, as `aboveContent` names them. */
  #containersOf({ held }: View): number[] {
    const { conveys } = this.#extent
    const above: number[] = []
    for (const [node, { content, suborganisation }] of held) {
      if (conveys(content)) above.push(node)
      if (conveys(suborganisation)) above.push(-node)
    }
    return above
  }

  /** All a view is shown, if that is just what containers hold: others are shown the same. */
  #together(view: View): Shown | undefined {
    const { kinds, content } = this.#resources
    for (const [node, { self }] of view.held) if (kinds.isEdge(node) && this.#extent.conveys(self)) return undefined
    return content.together(this.#containersOf(view))
  }

  /** What the view's own grants show it. */
  #gather(view: View): void {
    const { kinds, content } = this.#resources
    this.#gathering.begin(content.room)
    for (const [node, { self }] of view.held) {
      if (kinds.isEdge(node) && this.#extent.conveys(self)) this.#gathering.add(node)
    }
    content.addTo(this.#gathering, this.#containersOf(view))
  }

  /** What is shown to everybody, the same for all who ask. */
  #publicTo(everybody: View | undefined): Int32Array | Bits {
    const { version } = this.#resources
    if (this.#publicEdges?.view === everybody && this.#publicEdges?.version === version) return this.#publicEdges.edges
    let edges: Int32Array | Bits = new Int32Array(0)
    if (everybody !== undefined && everybody.held.size > 0) {
      this.#gather(everybody)
      this.#leavePublic(this.#gathering.set)
      edges = this.#gathering.few() ?? new Bits().become(this.#gathering.set)
    }
    this.#publicEdges = { view: everybody, version, edges }
    return edges
  }

  /** Takes out what belongs to tenants that show the public nothing. Those of one home are of one tenant. */
  #leavePublic(edges: Bits): void {
    const { kinds } = this.#resources
    const [shown, hidden] = [1, 2]
    const homes: number[] = []
    for (const id of edges.values()) {
      const home = kinds.home(id)
      homes[home] ??= this.#resources.tenantOf(id)?.publicAccess ? shown : hidden
      if (homes[home] === hidden) edges.remove(id)
    }
  }
}
