import type { AccessIndex } from '../access/access-index.ts'
import { decidesAboutAll } from '../access/audience-door.ts'
import { handlesClaims } from '../access/claim-service.ts'
import type { GuardResult } from '../access/graph-guard.ts'
import type { GrantRow, Permission, UserRow } from '../access/model.ts'
import { managesUsers } from '../access/people-door.ts'
import { roleNamed } from '../access/role-grant-service.ts'
import { type Windows, windowsCover } from '../access/windows.ts'
import type { ImportProblem, Place, PlacedField, UserRecord } from './model.ts'
import type { Names } from './names.ts'

export interface WorldParts {
  /** The graph the file is compared with, with what the file brings beside people already in it. */
  index: AccessIndex
  names: Names
  at: number
  /** By whose rights it is done; null: the service itself, which may do all. */
  askerId: number | null
  /** Roots of what the import is for; null: the whole service. */
  organisationId: number | null
  /** `import:<name>`: what Set replaces (K12). */
  source: string
  /** All: Set replaces what anybody gave, as the seed says literally (K12). */
  scope: 'source' | 'all'
}

/** What planning asks of the graph: what is there, and what the importing actor may do. Answers about rights are remembered. */
export class PlanWorld {
  readonly index: AccessIndex
  readonly names: Names
  readonly at: number
  readonly askerId: number | null
  readonly organisationId: number | null
  readonly source: string
  readonly scope: 'source' | 'all'
  /** Whether the actor looks after all accounts. */
  readonly isManager: boolean
  readonly detailRoleId: number
  readonly controlRoleId: number
  readonly ownerRoleId: number
  /** By role, then by resource. */
  readonly #guarded = new Map<number, Map<number, GuardResult>>()
  readonly #windows = new Map<number, Windows>()

  constructor(parts: WorldParts) {
    this.index = parts.index
    this.names = parts.names
    this.at = parts.at
    this.askerId = parts.askerId
    this.organisationId = parts.organisationId
    this.source = parts.source
    this.scope = parts.scope
    this.isManager = managesUsers({ index: parts.index, askerId: parts.askerId, at: parts.at })
    this.detailRoleId = roleNamed(parts.index, 'resource.detail').id
    this.controlRoleId = roleNamed(parts.index, 'resource.control').id
    this.ownerRoleId = roleNamed(parts.index, 'org.owner').id
  }

  /** Whether the actor may change an account: all that its holder has been granted is his to decide about (D-27). */
  mayEdit(user: UserRow, isImported: boolean): boolean {
    const { index, askerId, at } = this
    if (this.isManager) return true
    if (user.id === askerId) return false
    const hasNothing = index.grantsOf(user.id).length === 0 && index.membershipsOf(user.id).length === 0
    return (isImported && hasNothing) || handlesClaims({ index, askerId, at }, user)
  }

  /** Whether the actor holds a permission on a resource. */
  allows(permission: Permission, resourceId: number): boolean {
    return this.askerId === null || this.index.allows(this.askerId, permission, resourceId, this.at)
  }

  /** Whether the actor may lift a claim of NONE (G-01, K8). */
  guardClaim(userId: number, key: string): GuardResult {
    return this.askerId === null ? { ok: true } : this.index.guardClaim(this.askerId, userId, key, this.at)
  }

  /** Whether the actor may pass a role on, without end and for all time stamps (G-01). */
  guard(resourceId: number, roleId: number, by: Permission): GuardResult {
    if (this.askerId === null) return { ok: true }
    const ofRole = this.#guarded.get(roleId) ?? new Map<number, GuardResult>()
    this.#guarded.set(roleId, ofRole)
    const known = ofRole.get(resourceId)
    if (known !== undefined) return known
    const grant = { resourceId, roleId, validFrom: null, validTo: null, dataWindows: null, components: null }
    const result = this.index.guardGrant(this.askerId, grant, this.at, by)
    ofRole.set(resourceId, result)
    return result
  }

  /** Whether the actor could withdraw all that lets a user see an edge: what he may restrict (G-01). */
  decidesAbout(userId: number, edgeId: number): boolean {
    return decidesAboutAll(this, this.index.grantsReaching(userId, edgeId, this.at))
  }

  /** Whether the actor may read himself what he opens by a restriction that allows more than before. */
  mayOpen(edgeId: number, before: Windows, after: Windows): boolean {
    if (this.askerId === null || windowsCover(before, after)) return true
    let own = this.#windows.get(edgeId)
    if (own === undefined) {
      own = this.index.access(this.askerId, edgeId, this.at).windows
      this.#windows.set(edgeId, own)
    }
    return windowsCover(own, after)
  }

  /** Whether a grant is one of those that Set replaces: of the same source, and on what the import is for (K12). */
  isReplaced({ source, resourceId }: GrantRow): boolean {
    if (!this.names.isInside(resourceId)) return false
    return source === this.source || (this.scope === 'all' && source !== 'builtIn')
  }
}

/** The place of something that a record says. */
export function placeIn({ place, where }: UserRecord, field: PlacedField): Place {
  return { ...place, ...where?.[field] }
}

/** A problem of the plan; what stands there is cut. */
export function misfit(place: Place, rule: string, text: string, value?: string): ImportProblem {
  const shown = value === undefined ? {} : { value: value.slice(0, 100) }
  return { kind: 'problem', place, rule, text, ...shown }
}
