import { type Relation, relations } from './graph-resources.ts'
import type { GraphState } from './graph-state.ts'
import type { GrantRow, RoleRow } from './model.ts'

/** So many grants are looked at before others may have a turn: some microseconds. */
export const portion = 100

/** A part of what a grant conveys, and where it would arrive. */
export interface Need {
  grant: GrantRow
  role: RoleRow
  relation: Relation
  target: number
  /** Where it arrives: at the target itself, at what it holds, or at the organisations below it. */
  part: Relation
  /** What is let through, where it is not the entity gate that decides. */
  gate?: number
}

/** The grants on a resource, those that convey the same once. */
export function* differentOn(
  { people, rows }: GraphState,
  resourceId: number,
  at: number,
): Generator<undefined, DifferentGrants> {
  const different = new DifferentGrants(at)
  const unlimited = new Set<number>()
  for (const [place, id] of people.allGrantIdsOn(resourceId).entries()) {
    if (place % portion === 0) yield
    const roleId = people.grants.roleOf(id)
    // Of those without limits in one role no row need be made.
    if (!people.grants.isLimited(id)) {
      if (unlimited.has(roleId)) continue
      unlimited.add(roleId)
    }
    const row = rows.grant.get(id)
    if (row) different.take(row)
  }
  return different
}

/** Of a group there may be thousands of equal grants: of those that convey the same from a moment on, the one that lasts longest. */
export class DifferentGrants {
  readonly #at: number
  readonly #grants = new Map<string, GrantRow>()

  constructor(at: number) {
    this.#at = at
  }

  /** Takes a grant unless it is over; returns whether it is not. */
  take(grant: GrantRow): boolean {
    const { resourceId, roleId, validFrom, dataWindows, components } = grant
    if (endOf(grant) <= this.#at) return false
    const begins = validFrom === null || validFrom <= this.#at ? '' : validFrom
    const limits = dataWindows === null && components === null ? '' : JSON.stringify([dataWindows, components])
    const key = `${resourceId} ${roleId} ${begins} ${limits}`
    const known = this.#grants.get(key)
    if (known === undefined || endOf(known) < endOf(grant)) this.#grants.set(key, grant)
    return true
  }

  [Symbol.iterator](): Iterator<GrantRow> {
    return this.#grants.values()
  }
}

/** The roles of grants as they are. */
export function roleIn({ rows }: GraphState): (grant: GrantRow) => RoleRow | undefined {
  return ({ roleId }) => rows.role.get(roleId)
}

/** Everything that these grants convey. */
export function* needsOfAll(
  grants: Iterable<GrantRow>,
  roleOf: (grant: GrantRow) => RoleRow | undefined,
): Generator<Need> {
  for (const grant of grants) {
    const role = roleOf(grant)
    if (role) yield* needsOf(grant, role)
  }
}

/** Everything that a grant conveys from a resource. */
export function needsOf(grant: GrantRow, role: RoleRow): Need[] {
  return relations.map((relation) => ({ grant, role, relation, target: grant.resourceId, part: relation }))
}

/** What grants convey over one relation, where that arrives. */
export function* needsAt(
  { rows }: GraphState,
  grants: Iterable<GrantRow>,
  arriving: Pick<Need, 'relation' | 'target'>,
  parts: readonly Relation[],
): Generator<Need> {
  for (const grant of grants) {
    const role = rows.role.get(grant.roleId)
    if (role) for (const part of parts) yield { grant, role, ...arriving, part }
  }
}

/** When a grant ends. */
export function endOf({ validTo }: GrantRow): number {
  return validTo ?? Number.POSITIVE_INFINITY
}
