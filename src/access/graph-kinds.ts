import { grown } from './graph-links.ts'
import { PLATFORM_RESOURCE_ID, type ResourceKind } from './model.ts'

const names = [undefined, 'platform', 'organisation', 'site', 'edge', 'edgeGroup'] as const satisfies (
  | ResourceKind
  | undefined
)[]
const [ORGANISATION, SITE, EDGE, EDGE_GROUP] = [2, 3, 4, 5]

/** What kind each resource is of and where it belongs, in five bytes each. */
export class Kinds {
  #codes = new Uint8Array(64)
  /** The site or organisation a resource belongs to, or 0. */
  #homes = new Int32Array(64)

  constructor() {
    this.set(PLATFORM_RESOURCE_ID, 'platform', null)
  }

  set(id: number, kind: ResourceKind | undefined, home: number | null): void {
    if (id >= this.#codes.length) {
      this.#homes = grown(this.#homes, id + 1)
      const codes = new Uint8Array(this.#homes.length)
      codes.set(this.#codes)
      this.#codes = codes
    }
    this.#codes[id] = names.indexOf(kind)
    this.#homes[id] = home ?? 0
  }

  kind(id: number): ResourceKind | undefined {
    return names[this.#codes[id] ?? 0]
  }
  home(id: number): number {
    return this.#homes[id] ?? 0
  }
  exists(id: number): boolean {
    return (this.#codes[id] ?? 0) !== 0
  }
  isEdge(id: number): boolean {
    return this.#codes[id] === EDGE
  }
  isOrganisation(id: number): boolean {
    return this.#codes[id] === ORGANISATION
  }
  /** Something that may contain edges and other containers. */
  isContainer(id: number): boolean {
    return this.exists(id) && !this.isEdge(id)
  }

  /** Whether the kinds of two resources let the one contain the other. */
  mayContain(parent: number, child: number): boolean {
    const inner = this.#codes[child]
    switch (this.#codes[parent]) {
      case ORGANISATION:
        return inner === SITE || inner === EDGE
      case SITE:
        return inner === EDGE
      case EDGE_GROUP:
        return inner === EDGE || inner === SITE || inner === EDGE_GROUP
      default:
        return false
    }
  }
}
