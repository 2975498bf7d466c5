import { grown } from './graph-links.ts'
import type { ResourceGraph } from './graph-resources.ts'
import { PLATFORM_RESOURCE_ID } from './model.ts'
import { Bits } from './search-bits.ts'
import { Gathering } from './search-gather.ts'

/** As bits a set takes no more room than as ids when it holds one edge in so many. */
const worthKeeping = 32
const fewest = 4096
/** A set takes as many bytes as an eighth of the highest id. */
const mostKept = 256
/** Links looked at before others have a turn: a millisecond or two. */
const slice = 100_000

/**
 * The edges below containers. Those of large ones are kept as bits, exact at any time, so that whatever somebody sees is put together from few
 * parts; what small ones hold is walked. A container is named as in `aboveContent`: a negative number stands for all
 * organisations below one.
 */
export class ContentSets {
  readonly #resources: ResourceGraph
  readonly #kept = new Map<number, Bits>()
  /** 1 for each container of which there is a set; quicker to ask. */
  #isKept = new Uint8Array(1024)
  /** What may be worth keeping and is not looked at yet. */
  readonly #waiting = new Set<number>()
  readonly #everything = new Bits()
  readonly #keptFrom: number | undefined
  /** The walk that last came past a container. */
  #seen = new Int32Array(1024)
  #walk = 0
  #steps = 0

  /** `keptFrom`: keeps sets of containers that hold so many edges, instead of a part of all there are. */
  constructor(resources: ResourceGraph, keptFrom?: number) {
    this.#resources = resources
    this.#keptFrom = keptFrom
  }

  /** No edge has an id as high as 32 times this. */
  get room(): number {
    return this.#everything.room
  }

  /** The set of the edges below a container, if there is one. */
  kept(above: number): Bits | undefined {
    return above === PLATFORM_RESOURCE_ID ? this.#everything : this.#kept.get(above)
  }

  /** Adds all edges below these containers. */
  addTo(edges: Gathering, aboves: Iterable<number>): void {
    const walk = ++this.#walk
    for (const above of aboves) {
      const known = this.kept(above)
      if (known) edges.addAll(known)
      else if (this.#walkDown(edges, above, walk)) this.#keep(above)
    }
  }

  /** An edge has come, gone or moved. */
  refresh(edgeId: number): void {
    const { kinds } = this.#resources
    if (kinds.isEdge(edgeId)) this.#everything.add(edgeId)
    else this.#everything.remove(edgeId)
    if (this.#kept.size === 0) return
    const above = new Set<number>()
    for (const container of kinds.isEdge(edgeId) ? this.#resources.containersOf(edgeId) : []) {
      for (const one of this.#resources.aboveContent(container)) above.add(one)
    }
    for (const [one, set] of this.#kept) {
      if (above.has(one)) set.add(edgeId)
      else set.remove(edgeId)
    }
  }

  /** What a container holds, or what holds it, is another; to be said before the change and after it. */
  forget(container: number): void {
    if (this.#kept.size === 0 || !this.#resources.kinds.exists(container)) return
    for (const above of this.#resources.aboveContent(container)) if (this.#drop(above)) this.#waiting.add(above)
  }

  /** All of these are to be looked at by `work`. */
  await(containers: Iterable<number>): void {
    for (const container of containers) this.#waiting.add(container)
  }

  /** Makes some of the sets that will be asked for; returns whether there is more to do. */
  work(): boolean {
    for (let steps = 0; steps < slice; steps += this.#steps) {
      const [above] = this.#waiting
      if (above === undefined) return false
      this.#waiting.delete(above)
      this.#steps = 1
      if (!this.#kept.has(above) && this.#walkDown(undefined, above, ++this.#walk)) this.#keep(above)
    }
    return this.#waiting.size > 0
  }

  get #large(): number {
    return this.#keptFrom ?? Math.max(fewest, this.#everything.size / worthKeeping)
  }

  #keep(above: number): void {
    const edges = new Gathering(0)
    edges.begin(this.room)
    this.#walkDown(edges, above, ++this.#walk)
    const [oldest] = this.#kept.keys()
    if (this.#kept.size >= mostKept && oldest !== undefined) this.#drop(oldest)
    this.#kept.set(above, edges.set)
    if (above < 0) return
    if (above >= this.#isKept.length) {
      const larger = new Uint8Array(Math.ceil(1.25 * above) + 1)
      larger.set(this.#isKept)
      this.#isKept = larger
    }
    this.#isKept[above] = 1
  }

  #drop(above: number): boolean {
    if (above > 0) this.#isKept[above] = 0
    return this.#kept.delete(above)
  }

  /** Adds what lies below; returns whether that is much. With nothing to add it to it does not go on when it is. */
  #walkDown(edges: Gathering | undefined, above: number, walk: number): boolean {
    const { kinds } = this.#resources
    const { children } = this.#resources.links
    const large = this.#large
    const stack = above > 0 ? [above] : [...this.#resources.allSuborganisations(-above)]
    let steps = 0
    let isLarge = false
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (this.#isSeen(node, walk) || !kinds.isContainer(node)) continue
      const known = node === above || this.#isKept[node] !== 1 ? undefined : this.#kept.get(node)
      if (known) {
        isLarge = true
        edges?.addAll(known)
      }
      if (edges === undefined && (isLarge || steps > large)) break
      if (known) continue
      const start = children.start(node)
      const end = start + children.count(node)
      steps += end - start
      for (let at = start; at < end; at++) {
        const child = children.value(at)
        if (kinds.isEdge(child)) edges?.add(child)
        else if (kinds.mayContain(node, child)) stack.push(child)
      }
    }
    this.#steps += steps
    return isLarge || steps > large
  }

  #isSeen(node: number, walk: number): boolean {
    if (node >= this.#seen.length) this.#seen = grown(this.#seen, node + 1)
    if (this.#seen[node] === walk) return true
    this.#seen[node] = walk
    return false
  }
}
