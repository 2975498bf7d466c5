import { type Relation, type ResourceGraph, relations } from './graph-resources.ts'
import type { Conveyance, Held } from './graph-view.ts'

/**
 * What conveyances add up to, in one integer, so that adding allocates nothing: bits 0-20 the permissions, 21-23 the
 * strongest OpenEMS rank plus one, 24 "now lies in the data windows of one", 25 "one is for some components only".
 */
export type Sum = number
const rankShift = 21
const rankBits = 7 << rankShift
const currentBit = 1 << 24
const limitedBit = 1 << 25

export const sumMask = (sum: Sum): number => sum & ((1 << rankShift) - 1)
export const sumRank = (sum: Sum): number => ((sum & rankBits) >> rankShift) - 1
export const sumIsCurrent = (sum: Sum): boolean => (sum & currentBit) !== 0
export const sumIsLimited = (sum: Sum): boolean => (sum & limitedBit) !== 0

/** Both together: permissions of either, the stronger rank. */
export function added(a: Sum, b: Sum): Sum {
  return ((a | b) & ~rankBits) | Math.max(a & rankBits, b & rankBits)
}

/** The same with no stronger rank than this one. */
export function withRank(sum: Sum, maxRank: number): Sum {
  return (sum & ~rankBits) | Math.min(sum & rankBits, (maxRank + 1) << rankShift)
}

/** What one conveyance is as a sum. */
export function sumOf({ mask, rank, isCurrent, grant }: Conveyance): Sum {
  return mask | ((rank + 1) << rankShift) | (isCurrent ? currentBit : 0) | (grant.components === null ? 0 : limitedBit)
}

const places = { self: 1, content: 2, suborganisation: 3 } as const satisfies Record<Relation, number>
/** Numbers to an entry: the resource, then what is conveyed over each relation. */
const width = 4
/** How many containers a view knows the flow into without adding it up, half a kilobyte; of those below so many others at least. */
const flowsKept = 64
const worthKeeping = 4

/**
 * What a view holds on each resource, added up: an open table in one array, because a check asks it of every container above
 * an edge, mostly in vain.
 */
export class HeldSums {
  readonly size: number
  readonly #entries: Int32Array
  readonly #last: number
  /** Containers and what flows into them, of those asked about last. A page asks for the same few again and again. */
  #flows: Int32Array | undefined

  constructor(held: ReadonlyMap<number, Held>) {
    let room = 4
    while (room < 2 * held.size) room *= 2
    this.size = held.size
    this.#last = room - 1
    this.#entries = new Int32Array(width * room)
    for (const [resourceId, on] of held) {
      const at = this.#find(resourceId)
      this.#entries[at] = resourceId
      for (const relation of relations) {
        let sum = 0
        for (const conveyance of on[relation]) sum = added(sum, sumOf(conveyance))
        this.#entries[at + places[relation]] = sum
      }
    }
  }

  /** Conveyed by grants on this resource over a relation; 0 where there are none. */
  get(resourceId: number, relation: Relation): Sum {
    return this.#entries[this.#find(resourceId) + places[relation]] as number
  }

  /** Conveyed to whatever a container holds, by grants on it and on all above it but the platform. */
  into(container: number, resources: ResourceGraph): Sum {
    const start = resources.aboveAt(container)
    if ((resources.aboves[start] as number) < worthKeeping) return this.#above(resources.aboves, start)
    this.#flows ??= new Int32Array(2 * flowsKept)
    const place = 2 * (container % flowsKept)
    if (this.#flows[place] !== container) {
      this.#flows[place + 1] = this.#above(resources.aboves, start)
      this.#flows[place] = container
    }
    return this.#flows[place + 1] as number
  }

  /** Conveyed by grants on any of a list in `aboves`: on content, below organisations where a number is negative. */
  #above(aboves: Int32Array, start: number): Sum {
    const end = start + (aboves[start] as number)
    let sum = 0
    for (let next = start + 1; next <= end; next++) {
      const node = aboves[next] as number
      const place = this.#find(node < 0 ? -node : node)
      const one = this.#entries[place + (node < 0 ? places.suborganisation : places.content)] as number
      if (one !== 0) sum = added(sum, one)
    }
    return sum
  }

  /** Where the entry of a resource is or would be. No id is 0, and half of the room is free. */
  #find(resourceId: number): number {
    const entries = this.#entries
    let place = (Math.imul(resourceId, 0x9e3779b1) >>> 15) & this.#last
    while (entries[width * place] !== resourceId && entries[width * place] !== 0) place = (place + 1) & this.#last
    return width * place
  }
}

/** Sums that come and go, counted bit by bit: what they add up to is known at any time. */
export class Tally {
  readonly #bits = new Int32Array(32)
  readonly #ranks = new Int32Array(8)
  #sum: Sum = 0

  get sum(): Sum {
    const strongest = this.#ranks.findLastIndex((count) => count > 0)
    return this.#sum | (Math.max(strongest, 0) << rankShift)
  }

  add(sum: Sum): void {
    this.#count(sum, 1)
  }

  /** Takes away what was added. */
  remove(sum: Sum): void {
    this.#count(sum, -1)
  }

  #count(sum: Sum, by: 1 | -1): void {
    const rank = (sum & rankBits) >> rankShift
    this.#ranks[rank] = (this.#ranks[rank] as number) + by
    for (let left = sum & ~rankBits; left !== 0; left &= left - 1) {
      const place = 31 - Math.clz32(left & -left)
      const count = (this.#bits[place] as number) + by
      this.#bits[place] = count
      if (count === 0) this.#sum &= ~(1 << place)
      else this.#sum |= 1 << place
    }
  }
}
