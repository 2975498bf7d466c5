import { grown, Links } from './graph-links.ts'
import { type OrganisationRow, openemsRoles, PLATFORM_RESOURCE_ID, type ResourceKind } from './model.ts'

/** What the root organisation of a resource decides for all of its tenant. */
export interface Tenant {
  rootId: number
  publicAccess: boolean
  strictRoles: boolean
  /** Index into `openemsRoles` of the strongest role its grants project. */
  maxRank: number
}

/** How a grant on one resource reaches another. */
export type Relation = 'self' | 'content' | 'suborganisation'
export interface Above {
  node: number
  relation: Relation
}

const kindNames: readonly (ResourceKind | undefined)[] = [
  undefined,
  'platform',
  'organisation',
  'site',
  'edge',
  'edgeGroup',
]
const ORGANISATION = kindNames.indexOf('organisation')
const SITE = kindNames.indexOf('site')
export const EDGE = kindNames.indexOf('edge')
const EDGE_GROUP = kindNames.indexOf('edgeGroup')

/** Longest chain of organisations followed; writing refuses far less, so this only stops a damaged tree. */
const maxTreeDepth = 64
const cachedAboves = 200_000

/**
 * Resources and the two relations between them: `contains` (a graph with several parents) and the tree of organisations.
 * Links of resources that do not exist, or of kinds that do not contain each other, have no effect.
 */
export class ResourceGraph {
  readonly links = new Links()
  #kinds = new Uint8Array(1024)
  readonly #organisations = new Map<number, OrganisationRow>()
  readonly #suborganisations = new Map<number, Set<number>>()
  /** Where a resource belongs: a site, an organisation, or 0. */
  #home = new Int32Array(1024)
  readonly #tenants = new Map<number, Tenant>()
  readonly #above = new Map<number, readonly Above[]>()

  constructor() {
    this.setKind(PLATFORM_RESOURCE_ID, 'platform')
  }

  /** Numeric kind, 0 when there is no such resource. */
  kindCode(id: number): number {
    return this.#kinds[id] ?? 0
  }

  kind(id: number): ResourceKind | undefined {
    return kindNames[this.kindCode(id)]
  }

  setKind(id: number, kind: ResourceKind | undefined): void {
    if (id >= this.#kinds.length) {
      const larger = new Uint8Array(Math.max(id + 1, this.#kinds.length * 2))
      larger.set(this.#kinds)
      this.#kinds = larger
      this.#home = grown(this.#home, larger.length)
    }
    this.#kinds[id] = kind === undefined ? 0 : kindNames.indexOf(kind)
    if (kind === undefined) this.#home[id] = 0
  }

  setHome(id: number, home: number | null): void {
    this.#home[id] = home ?? 0
  }

  setOrganisation(id: number, before: OrganisationRow | undefined, after: OrganisationRow | undefined): void {
    if (before?.parentId) this.#suborganisations.get(before.parentId)?.delete(id)
    if (after) this.#organisations.set(id, after)
    else this.#organisations.delete(id)
    if (!after?.parentId) return
    const siblings = this.#suborganisations.get(after.parentId) ?? new Set()
    this.#suborganisations.set(after.parentId, siblings.add(id))
  }

  /** Forgets what was derived; call after any change of structure. */
  invalidate(): void {
    this.#tenants.clear()
    this.#above.clear()
  }

  /** Whether content flows from the one to the other, both being there. */
  contains(parent: number, child: number): boolean {
    const inner = this.kindCode(child)
    switch (this.kindCode(parent)) {
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

  organisation(id: number): OrganisationRow | undefined {
    return this.#organisations.get(id)
  }

  /** The organisation a resource belongs to; an organisation belongs to itself. */
  organisationOf(id: number): number | undefined {
    let at = id
    for (let hops = 0; hops < 3; hops++) {
      if (this.#organisations.has(at)) return at
      at = this.#home[at] ?? 0
    }
    return undefined
  }

  /** The tenant that a resource belongs to, if any. */
  tenantOf(id: number): Tenant | undefined {
    const organisationId = this.organisationOf(id)
    if (organisationId === undefined) return undefined
    const known = this.#tenants.get(organisationId)
    if (known) return known
    const root = this.#organisations.get(this.superorganisations(organisationId).at(-1) ?? organisationId)
    if (root === undefined || root.parentId !== null) return undefined
    const { id: rootId, publicAccess, strictRoles } = root
    const tenant = { rootId, publicAccess, strictRoles, maxRank: openemsRoles.indexOf(root.maxOpenemsRole) }
    this.#tenants.set(organisationId, tenant)
    return tenant
  }

  /** Organisations above one, nearest first. */
  superorganisations(id: number): number[] {
    const found: number[] = []
    let at = this.#organisations.get(id)?.parentId ?? null
    while (at !== null && this.#organisations.has(at) && found.length < maxTreeDepth && !found.includes(at)) {
      found.push(at)
      at = this.#organisations.get(at)?.parentId ?? null
    }
    return found
  }

  /** Organisations directly below one. */
  suborganisations(id: number): Iterable<number> {
    return this.#suborganisations.get(id) ?? []
  }

  /** Direct containers of a resource. */
  containersOf(id: number): number[] {
    const found: number[] = []
    for (let slot = this.links.firstParent(id); slot !== 0; slot = this.links.nextParent(slot)) {
      const parent = this.links.parent(slot)
      if (this.contains(parent, id) && !found.includes(parent)) found.push(parent)
    }
    return found
  }

  /**
   * Every resource whose grants reach the content of this container, and how: the container, all that contain it at any
   * depth, and the organisations above those. The platform, which is above everything, is left out.
   */
  aboveContent(container: number): readonly Above[] {
    const known = this.#above.get(container)
    if (known) return known
    if (this.#above.size >= cachedAboves) this.#above.clear()
    const found = this.#above_(container)
    this.#above.set(container, found)
    return found
  }

  #above_(container: number): Above[] {
    const nodes = [container]
    for (const node of nodes) {
      for (const parent of this.containersOf(node)) if (!nodes.includes(parent)) nodes.push(parent)
    }
    const above: Above[] = nodes.map((node) => ({ node, relation: 'content' }))
    const superior = new Set(nodes.flatMap((node) => this.superorganisations(node)))
    for (const node of superior) above.push({ node, relation: 'suborganisation' })
    return above
  }
}
