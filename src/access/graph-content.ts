import { grown } from './graph-links.ts'
import type { ResourceGraph } from './graph-resources.ts'
import { TogetherEdges } from './graph-together.ts'
import { PLATFORM_RESOURCE_ID } from './model.ts'
import { Bits } from './search-bits.ts'
import { Gathering } from './search-gather.ts'
import type { ListLimits } from './search-query.ts'
import { ShortList, type Shown } from './search-short.ts'

/** As bits a set takes no more room than as ids when it holds one edge in so many. */
const worthBits = 32
const fewestInBits = 4096
/** A set takes as many bytes as an eighth of the highest id, 256 of them 32 times that. */
const mostSets = 256
/** Sets thrown away of which the room is kept, so that the garbage collector is not called for each few changes. */
const mostSpare = 16
/** Containers with a part of so many of that are walked: it takes microseconds. */
const worthList = 32
const longestList = 1 << 15
/** Ids in all lists: 64 MB. */
const mostListed = 1 << 24

/**
 * The edges below containers. They are kept, exact at any time, so that whatever somebody sees is put together from few parts: of
 * large containers as bits, of middling ones as lists, which a change throws away; what small ones hold is walked. A container is
 * named as in `aboveContent`: a negative number stands for all organisations below one.
 */
export class ContentSets {
  readonly #resources: ResourceGraph
  readonly #sets = new Map<number, Bits>()
  readonly #lists = new Map<number, Int32Array>()
  #listed = 0
  /** 1 for each container of which there is a set or list; quicker to ask. */
  #isKept = new Uint8Array(1024)
  /** What may be worth keeping and is not looked at yet. */
  readonly #waiting = new Set<number>()
  readonly #everything = new Bits()
  readonly #spare: Bits[] = []
  readonly #keptFrom: number | undefined
  readonly #gathering = new Gathering(longestList)
  readonly #together = new TogetherEdges()
  readonly #short: number
  readonly #gatheringOfSeveral: Gathering
  /** The walk that last came past a container. */
  #seen = new Int32Array(1024)
  #walk = 0

  constructor(resources: ResourceGraph, { short, keptFrom }: ListLimits) {
    this.#resources = resources
    this.#keptFrom = keptFrom
    this.#short = short
    this.#gatheringOfSeveral = new Gathering(short)
  }

  /** No edge has an id as high as 32 times this. */
  get room(): number {
    return this.#everything.room
  }

  /** The set of the edges below a container, if there is one. */
  kept(above: number): Bits | undefined {
    return above === PLATFORM_RESOURCE_ID ? this.#everything : this.#sets.get(above)
  }

  /** Adds all edges below these containers. */
  addTo(edges: Gathering, aboves: Iterable<number>): void {
    const walk = ++this.#walk
    const known: Bits[] = []
    for (const above of aboves) {
      const set = this.kept(above)
      const list = this.#lists.get(above)
      if (set) known.push(set)
      else if (list) edges.addList(list)
      else this.#keep(above, this.#walkDown(edges, above, walk))
    }
    edges.addSets(known)
  }

  /** All edges below these containers, the same for all who ask. */
  together(aboves: readonly number[]): Shown {
    const [first, ...others] = aboves
    const set = first === undefined || others.length > 0 ? undefined : this.kept(first)
    if (set?.holdsMore(this.#short)) return set
    return this.#together.find(aboves) ?? this.#together.keep(aboves, this.#gathered(aboves))
  }

  /** An edge has come, gone or moved; to be said before the change and after it. */
  refresh(edgeId: number): void {
    const { kinds } = this.#resources
    const isThere = kinds.isEdge(edgeId)
    if (isThere) this.#everything.add(edgeId)
    else this.#everything.remove(edgeId)
    if (this.#isEmpty) return
    const above = new Set<number>(isThere ? [PLATFORM_RESOURCE_ID] : [])
    for (const container of isThere ? this.#resources.containersOf(edgeId) : []) {
      for (const one of this.#resources.aboveContent(container)) above.add(one)
    }
    for (const one of above) if (this.#lists.has(one)) this.#dropLater(one)
    for (const [one, set] of this.#sets) {
      if (above.has(one)) set.add(edgeId)
      else set.remove(edgeId)
    }
    this.#together.refresh(edgeId, above)
  }

  /**
   * What a container holds, or what holds it, is another; to be said before the change and after it. Of a new organisation also
   * what is known below it: it was not told what changed there as long as nothing was above.
   */
  forget(container: number, isNewOrganisation = false): void {
    if (this.#isEmpty || !this.#resources.kinds.exists(container)) return
    const aboves = [...this.#resources.aboveContent(container), ...(isNewOrganisation ? [-container] : [])]
    for (const above of aboves) this.#dropLater(above)
    for (const lost of this.#together.drop(new Set(aboves))) this.#leave(lost)
  }

  /** All of these are to be looked at by `work`, the last ones first: what is in others mostly came later. */
  await(containers: Iterable<number>): void {
    for (const container of [...containers].reverse()) this.#waiting.add(container)
  }

  /** Keeps something that will be asked for; returns whether there is more to do. */
  work(): boolean {
    const [above] = this.#waiting
    if (above === undefined) return this.#together.work((aboves) => this.#gathered(aboves))
    this.#waiting.delete(above)
    if (this.#resources.kinds.exists(above)) this.#resources.aboveAt(above)
    if (!this.#sets.has(above) && !this.#lists.has(above)) {
      this.#keep(above, this.#walkDown(undefined, above, ++this.#walk))
    }
    return true
  }

  get #isEmpty(): boolean {
    return this.#sets.size + this.#lists.size + this.#together.size === 0
  }

  #gathered(aboves: readonly number[]): Shown {
    const edges = this.#gatheringOfSeveral
    edges.begin(this.room)
    this.addTo(edges, aboves)
    const few = edges.few()
    return few ? new ShortList(few) : this.#copy(edges.set)
  }

  get #large(): number {
    return this.#keptFrom ?? Math.max(fewestInBits, this.#everything.size / worthBits)
  }

  /** Keeps what lies below a container if it took so many steps to find out that it is worth it. */
  #keep(above: number, steps: number): void {
    if (steps <= this.#large / worthList) return
    const isList = steps <= this.#large
    if (isList && this.#listed + steps > mostListed) return
    const edges = this.#gathering
    edges.begin(this.room)
    this.#walkDown(edges, above, ++this.#walk)
    const list = isList ? edges.few() : undefined
    if (list) {
      this.#listed += list.length
      this.#lists.set(above, list)
    } else {
      const [oldest] = this.#sets.keys()
      if (this.#sets.size >= mostSets && oldest !== undefined) this.#drop(oldest)
      this.#sets.set(above, this.#copy(edges.set))
    }
    if (above > 0) this.#mark(above)
  }

  #mark(container: number): void {
    if (container >= this.#isKept.length) {
      const larger = new Uint8Array(Math.ceil(1.25 * container) + 1)
      larger.set(this.#isKept)
      this.#isKept = larger
    }
    this.#isKept[container] = 1
  }

  #copy(set: Bits): Bits {
    return (this.#spare.pop() ?? new Bits()).become(set)
  }

  /** Takes the room of what a change throws away: nobody looks at a set again that is from before a change. */
  #leave(lost: Shown | undefined): void {
    if (lost instanceof Bits && this.#spare.length < mostSpare) this.#spare.push(lost)
  }

  #dropLater(above: number): void {
    this.#leave(this.#sets.get(above))
    if (this.#drop(above)) this.#waiting.add(above)
  }

  #drop(above: number): boolean {
    if (above > 0) this.#isKept[above] = 0
    this.#listed -= this.#lists.get(above)?.length ?? 0
    return this.#lists.delete(above) || this.#sets.delete(above)
  }

  /** Adds what lies below; returns how much that was. With nothing to add it to it does not go on when it is enough for a set. */
  #walkDown(edges: Gathering | undefined, above: number, walk: number): number {
    const { kinds } = this.#resources
    const { children } = this.#resources.links
    const large = this.#large
    const stack = above > 0 ? [above] : [...this.#resources.allSuborganisations(-above)]
    let steps = 0
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (this.#isSeen(node, walk) || !kinds.isContainer(node)) continue
      if (node !== above && this.#isKept[node] === 1) {
        steps += this.#addKept(edges, node)
        continue
      }
      const start = children.start(node)
      const end = start + children.count(node)
      steps += end - start
      if (edges === undefined && steps > large) break
      for (let at = start; at < end; at++) {
        const child = children.value(at)
        if (kinds.isEdge(child)) edges?.add(child)
        else if (kinds.mayContain(node, child)) stack.push(child)
      }
    }
    return steps
  }

  /** Returns how much it was: a set is more than anything. */
  #addKept(edges: Gathering | undefined, container: number): number {
    const list = this.#lists.get(container)
    const set = this.#sets.get(container)
    if (list) edges?.addList(list)
    if (set) edges?.addSets([set])
    return set ? Number.POSITIVE_INFINITY : (list?.length ?? 0)
  }

  #isSeen(node: number, walk: number): boolean {
    if (node >= this.#seen.length) this.#seen = grown(this.#seen, node + 1)
    if (this.#seen[node] === walk) return true
    this.#seen[node] = walk
    return false
  }
}
