import { AboveLists } from './graph-above.ts'
import { ContentSets } from './graph-content.ts'
import { Kinds } from './graph-kinds.ts'
import { Links } from './graph-links.ts'
import {
  type ContainmentRow,
  type EdgeGroupRow,
  type EdgeRow,
  type OrganisationRow,
  openemsRoles,
  type SiteRow,
} from './model.ts'
import { defaultLimits } from './search-query.ts'

/** What the root organisation of a resource decides for all of its tenant. */
export interface Tenant {
  readonly rootId: number
  readonly publicAccess: boolean
  readonly strictRoles: boolean
  /** Index into `openemsRoles` of the strongest role its grants project. */
  readonly maxRank: number
}

/** How a grant on one resource reaches another. */
export const relations = ['self', 'content', 'suborganisation'] as const
export type Relation = (typeof relations)[number]

/** Longest chain of organisations followed; writing refuses far less, so this only stops a damaged tree. */
const maxTreeDepth = 64
/** When more than so much lies below a container that moves, what lies above is found anew for all. */
const mostForgotten = 10_000

/**
 * Resources and the two relations between them: `contains` (a graph with several parents) and the tree of organisations.
 * Links of resources that do not exist, or of kinds that do not contain each other, have no effect.
 */
export class ResourceGraph {
  readonly kinds = new Kinds()
  readonly links = new Links()
  readonly content: ContentSets
  #version = 0
  #shape = 0
  #hasLenientTenant: boolean | undefined
  readonly #organisations = new Map<number, OrganisationRow>()
  readonly #suborganisations = new Map<number, Set<number>>()
  readonly #tenants = new Map<number, Tenant>()
  readonly #aboves = new AboveLists()

  constructor(limits = defaultLimits) {
    this.content = new ContentSets(this, limits)
  }

  /** Rises with every change of what contains what. */
  get version(): number {
    return this.#version
  }
  /** Rises when that change concerns more than single edges: what was derived for containers no longer holds. */
  get shape(): number {
    return this.#shape
  }

  /** Whether any tenant gives the role of a guest for an overview alone (K10). */
  get hasLenientTenant(): boolean {
    this.#hasLenientTenant ??= [...this.#organisations.values()].some(
      (row) => row.parentId === null && !row.strictRoles,
    )
    return this.#hasLenientTenant
  }

  setOrganisation(id: number, before: OrganisationRow | undefined, after: OrganisationRow | undefined): void {
    this.content.forget(id)
    if (before?.parentId) this.#suborganisations.get(before.parentId)?.delete(id)
    if (after) this.#organisations.set(id, after)
    else this.#organisations.delete(id)
    if (after?.parentId) {
      const siblings = this.#suborganisations.get(after.parentId) ?? new Set()
      this.#suborganisations.set(after.parentId, siblings.add(id))
    }
    this.kinds.set(id, after && 'organisation', null)
    this.#changed(true)
    this.#aboves.clear()
    this.content.forget(id, before === undefined)
  }

  setSite(id: number, before: SiteRow | undefined, after: SiteRow | undefined): void {
    this.content.forget(id)
    this.#relink(id, before?.organisationId, after?.organisationId)
    this.#setContainer(id, 'site', before, after)
  }

  setEdgeGroup(id: number, before: EdgeGroupRow | undefined, after: EdgeGroupRow | undefined): void {
    this.#setContainer(id, 'edgeGroup', before, after)
  }

  setEdge(id: number, before: EdgeRow | undefined, after: EdgeRow | undefined): void {
    if (before && after && before.siteId === after.siteId && before.organisationId === after.organisationId) return
    this.content.refresh(id)
    this.kinds.set(id, after && 'edge', after?.siteId ?? after?.organisationId ?? null)
    this.#relink(id, before?.siteId, after?.siteId)
    this.#relink(id, before?.organisationId, after?.organisationId)
    this.#changed(false)
    this.content.refresh(id)
  }

  setContainment(before: ContainmentRow | undefined, after: ContainmentRow | undefined): void {
    this.#relinked(before)
    if (before) this.links.remove(before.parentId, before.childId)
    if (after) this.links.add(after.parentId, after.childId)
    const moved = [before, after].filter((row) => row && this.kinds.isContainer(row.childId))
    this.#changed(moved.length > 0)
    for (const row of moved) if (row) this.#forgetAbove(row.childId)
    this.#relinked(before)
    this.#relinked(after)
  }

  /** Whether content flows from the one to the other, both being there. */
  contains(parent: number, child: number): boolean {
    return this.kinds.mayContain(parent, child)
  }

  organisation(id: number): OrganisationRow | undefined {
    return this.kinds.isOrganisation(id) ? this.#organisations.get(id) : undefined
  }

  /** The organisation a resource belongs to; an organisation belongs to itself. */
  organisationOf(id: number): number | undefined {
    let at = id
    for (let hops = 0; hops < 3 && at !== 0; hops++) {
      if (this.kinds.isOrganisation(at)) return at
      at = this.kinds.home(at)
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
  suborganisations(id: number): ReadonlySet<number> {
    return this.#suborganisations.get(id) ?? new Set()
  }

  /** Organisations below one at any depth. */
  allSuborganisations(id: number): ReadonlySet<number> {
    const found = new Set(this.suborganisations(id))
    for (const node of found) for (const next of this.suborganisations(node)) found.add(next)
    return found
  }

  /** Direct containers of a resource. */
  containersOf(id: number): number[] {
    const found: number[] = []
    const { parents } = this.links
    for (let at = parents.start(id), end = at + parents.count(id); at < end; at++) {
      const parent = parents.value(at)
      if (this.contains(parent, id) && !found.includes(parent)) found.push(parent)
    }
    return found
  }

  /** What a container holds directly, so many of it at most. */
  contentOf(id: number, atMost = Number.POSITIVE_INFINITY): number[] {
    const found = new Set<number>()
    const { children } = this.links
    for (let at = children.start(id), end = at + children.count(id); at < end && found.size < atMost; at++) {
      const child = children.value(at)
      if (this.contains(id, child)) found.add(child)
    }
    return [...found]
  }

  /**
   * Every resource whose grants reach the content of this container: the container itself, all that contain it at any
   * depth, and, as negative numbers, the organisations above those. The platform, above everything, is left out.
   */
  aboveContent(container: number): readonly number[] {
    const at = this.aboveAt(container)
    const { numbers } = this.#aboves
    return Array.from(numbers.subarray(at + 1, at + 1 + (numbers[at] as number)))
  }

  /** Where in `aboves` the same stands: its length, and behind that the list. */
  aboveAt(container: number): number {
    return this.#aboves.find(container) || this.#aboves.set(container, this.#collectAbove(container))
  }
  get aboves(): Int32Array {
    return this.#aboves.numbers
  }

  /** Walks no further where it comes to a container of which that is known. */
  #collectAbove(container: number): number[] {
    const found = [container]
    const walked = [container]
    const take = (one: number) => !found.includes(one) && found.push(one) > 0
    for (const node of walked) {
      for (const parent of this.containersOf(node)) {
        const known = this.#aboves.find(parent)
        if (known === 0 && take(parent)) walked.push(parent)
        for (let left = known && this.aboves[known]; left; left--) take(this.aboves[known + left] as number)
      }
    }
    for (const node of found) {
      if (this.kinds.isOrganisation(node)) for (const superior of this.superorganisations(node)) take(-superior)
    }
    return found
  }

  /** What lies above a container is another, and so it is for all containers in it. */
  #forgetAbove(container: number): void {
    if (this.#aboves.isEmpty) return
    const { children } = this.links
    const found = new Set([container])
    let steps = 0
    for (const one of found) {
      steps += children.count(one)
      if (steps > mostForgotten) return this.#aboves.clear()
      this.#aboves.forget(one)
      for (let at = children.start(one), end = at + children.count(one); at < end; at++) {
        const child = children.value(at)
        if (!this.kinds.isEdge(child) && this.contains(one, child)) found.add(child)
      }
    }
    this.content.await(found)
  }

  #setContainer(
    id: number,
    kind: 'site' | 'edgeGroup',
    before: { organisationId: number | null } | undefined,
    after: { organisationId: number | null } | undefined,
  ): void {
    this.content.forget(id)
    this.kinds.set(id, after && kind, after?.organisationId ?? null)
    const isNewAndEmpty = before === undefined && this.links.children.count(id) === 0
    if (before?.organisationId !== after?.organisationId || !before) {
      this.#changed(!isNewAndEmpty)
      if (before && after) this.#forgetAbove(id)
      else if (!isNewAndEmpty) this.#aboves.clear()
      // Somebody may have asked what would lie above it before it came.
      else this.#aboves.forget(id)
    }
    this.content.forget(id)
  }

  /** Says what lies elsewhere after a link has come or gone, and before one goes. */
  #relinked(row: ContainmentRow | undefined): void {
    if (row === undefined) return
    if (this.kinds.isContainer(row.childId)) this.content.forget(row.parentId)
    else this.content.refresh(row.childId)
  }

  #relink(id: number, before: number | null | undefined, after: number | null | undefined): void {
    if (before === after) return
    if (before) this.links.remove(before, id)
    if (after) this.links.add(after, id)
  }

  #changed(isShape: boolean): void {
    this.#version++
    if (!isShape) return
    this.#shape++
    this.#tenants.clear()
    this.#hasLenientTenant = undefined
  }
}
