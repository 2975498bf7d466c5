import type { ResourceGraph } from './graph-resources.ts'
import type { Conveyance, View } from './graph-view.ts'
import { permissionBits } from './model.ts'

/** Whether what is conveyed may show somebody the edges that it reaches. */
export type Conveys = (conveyances: readonly Conveyance[]) => boolean

/** Takes one edge; false ends the walk. */
export type EdgeVisitor = (edgeId: number) => boolean

/** Walks from what is granted down to the edges: the same relations as a check, the other way round. */
export class Expander {
  readonly #resources: ResourceGraph
  /** The walk that last came past a container. */
  #seen = new Int32Array(1024)
  #walk = 0
  #steps = 0

  constructor(resources: ResourceGraph) {
    this.#resources = resources
  }

  /**
   * Visits every edge that a grant held by the view itself shows it, some of them more than once. False when the visitor
   * ended the walk or it took more than `maxSteps`. Grants on the platform are not walked.
   */
  edgesOf(view: View, conveys: Conveys, maxSteps: number, visit: EdgeVisitor): boolean {
    this.#walk++
    this.#steps = maxSteps
    for (const [node, held] of view.held) {
      if (this.#resources.kinds.isEdge(node) && conveys(held.self) && !visit(node)) return false
      if (conveys(held.content) && !this.#down(node, visit)) return false
      if (conveys(held.suborganisation) && !this.#downOrganisations(node, visit)) return false
    }
    return true
  }

  /** Visits every organisation, site and edge group that a grant held by the view itself lets it discover. */
  containersOf(view: View, visit: (id: number) => void): void {
    this.#walk++
    const { kinds } = this.#resources
    for (const [node, held] of view.held) {
      if (kinds.isContainer(node) && conveysDiscover(held.self)) visit(node)
      const starts = conveysDiscover(held.content) ? [node] : []
      if (conveysDiscover(held.suborganisation)) {
        for (const organisation of this.#resources.allSuborganisations(node)) {
          visit(organisation)
          starts.push(organisation)
        }
      }
      for (const start of starts) this.#containersBelow(start, visit)
    }
  }

  #containersBelow(start: number, visit: (id: number) => void): void {
    const { kinds } = this.#resources
    const { children } = this.#resources.links
    const stack = [start]
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (this.#isSeen(node)) continue
      for (let at = children.start(node), end = at + children.count(node); at < end; at++) {
        const child = children.value(at)
        if (kinds.isEdge(child) || !this.#resources.contains(node, child)) continue
        visit(child)
        stack.push(child)
      }
    }
  }

  #downOrganisations(organisation: number, visit: EdgeVisitor): boolean {
    for (const node of this.#resources.allSuborganisations(organisation)) if (!this.#down(node, visit)) return false
    return true
  }

  #down(start: number, visit: EdgeVisitor): boolean {
    const { kinds } = this.#resources
    const { children } = this.#resources.links
    const stack = [start]
    for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
      if (this.#isSeen(node)) continue
      for (let at = children.start(node), end = at + children.count(node); at < end; at++) {
        if (--this.#steps < 0) return false
        const child = children.value(at)
        if (!kinds.mayContain(node, child)) continue
        if (!kinds.isEdge(child)) stack.push(child)
        else if (!visit(child)) return false
      }
    }
    return true
  }

  #isSeen(node: number): boolean {
    if (node >= this.#seen.length) {
      const larger = new Int32Array(Math.max(node + 1, this.#seen.length * 2))
      larger.set(this.#seen)
      this.#seen = larger
    }
    if (this.#seen[node] === this.#walk) return true
    this.#seen[node] = this.#walk
    return false
  }
}

/** Whether any of them lets somebody know of the resource. */
export function conveysDiscover(conveyances: readonly Conveyance[]): boolean {
  for (const conveyance of conveyances) if ((conveyance.mask & permissionBits.discover) !== 0) return true
  return false
}
