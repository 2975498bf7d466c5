import { Chains, Column, type Numbers } from './graph-column.ts'
import type { GrantRows } from './graph-columns.ts'
import { Instants } from './graph-instants.ts'
import { Multimap } from './graph-multimap.ts'
import type { ClaimRow, GrantRow, MembershipRow, RestrictionRow } from './model.ts'
import { windowBounds } from './windows.ts'

type Period = Pick<GrantRow, 'validFrom' | 'validTo'>

/** Who belongs to what and holds what: memberships, grants, restrictions and claims by whom they concern. */
export class PrincipalGraph {
  readonly instants = new Instants()
  readonly #groupsOf = new Multimap<number, MembershipRow>()
  readonly #membersOf = new Multimap<number, MembershipRow>()
  /** The same once more: ids of those who are members at any time, which are read one after the other, and the other rows. */
  readonly #lastingOf = new Multimap<number, number>()
  readonly #otherMembersOf = new Multimap<number, MembershipRow>()
  /** Grants hang below principals and below resources, by their ids. */
  readonly #grantsOf: Chains
  readonly #grantsOn: Chains
  readonly grants: GrantRows
  readonly #restrictionsOf = new Map<number, Map<number, RestrictionRow>>()
  readonly #claimsOf = new Multimap<number, ClaimRow>()

  /** `numbers`: how the numbers of grants are kept. */
  constructor(grants: GrantRows, numbers: new () => Numbers = Column) {
    this.grants = grants
    this.#grantsOf = new Chains(numbers)
    this.#grantsOn = new Chains(numbers)
  }

  setMembership(before: MembershipRow | undefined, after: MembershipRow | undefined): void {
    if (before) {
      this.#groupsOf.remove(before.memberId, before)
      this.#membersOf.remove(before.groupId, before)
      if (isLasting(before)) this.#lastingOf.remove(before.groupId, before.memberId)
      else this.#otherMembersOf.remove(before.groupId, before)
      this.#forgetPeriod(before)
    }
    if (after) {
      this.#groupsOf.add(after.memberId, after)
      this.#membersOf.add(after.groupId, after)
      if (isLasting(after)) this.#lastingOf.add(after.groupId, after.memberId)
      else this.#otherMembersOf.add(after.groupId, after)
      this.#rememberPeriod(after)
    }
  }

  setGrant(before: GrantRow | undefined, after: GrantRow | undefined): void {
    if (before) {
      this.#grantsOf.remove(before.principalId, before.id)
      this.#grantsOn.remove(before.resourceId, before.id)
      this.#forgetPeriod(before)
      if (before.dataWindows) this.#forget(windowBounds(before.dataWindows))
    }
    if (after) {
      this.#grantsOf.add(after.principalId, after.id)
      this.#grantsOn.add(after.resourceId, after.id)
      this.#rememberPeriod(after)
      if (after.dataWindows) this.#remember(windowBounds(after.dataWindows))
    }
  }

  setRestriction(before: RestrictionRow | undefined, after: RestrictionRow | undefined): void {
    if (before) {
      this.#restrictionsOf.get(before.userId)?.delete(before.edgeId)
      this.#forget(windowBounds(before.windows))
    }
    if (after) {
      const ofUser = this.#restrictionsOf.get(after.userId) ?? new Map<number, RestrictionRow>()
      this.#restrictionsOf.set(after.userId, ofUser.set(after.edgeId, after))
      this.#remember(windowBounds(after.windows))
    }
  }

  setClaim(before: ClaimRow | undefined, after: ClaimRow | undefined): void {
    if (before) this.#claimsOf.remove(before.userId, before)
    if (after) this.#claimsOf.add(after.userId, after)
  }

  /** Memberships that make somebody part of a group. */
  groupsOf(memberId: number): readonly MembershipRow[] {
    return this.#groupsOf.get(memberId)
  }

  membersOf(groupId: number): readonly MembershipRow[] {
    return this.#membersOf.get(groupId)
  }

  /** Whoever is now a member of a group directly at a moment: a list of its own, for whoever walks it while it may change. */
  membersAt(groupId: number, at: number): number[] {
    const found = this.#lastingOf.get(groupId).slice()
    for (const { state, validFrom, validTo, memberId } of this.#otherMembersOf.get(groupId)) {
      if (state !== 'active') continue
      if ((validFrom ?? at) <= at && at < (validTo ?? Number.POSITIVE_INFINITY)) found.push(memberId)
    }
    return found
  }

  /** Ids of the grants of a principal, the newest first: of those there may be very many. */
  grantIdsOf(principalId: number): Iterable<number> {
    return this.#grantsOf.of(principalId)
  }

  /** Ids of the grants on a resource, the newest first. */
  grantIdsOn(resourceId: number): Iterable<number> {
    return this.#grantsOn.of(resourceId)
  }

  /** The ids of all of these as they are now: for whoever walks them while they may change. */
  allGrantIdsOf(principalId: number): readonly number[] {
    return this.#grantsOf.all(principalId)
  }
  allGrantIdsOn(resourceId: number): readonly number[] {
    return this.#grantsOn.all(resourceId)
  }

  /** Who holds the grants on a resource; somebody with several comes as often. */
  *holdersOn(resourceId: number): Generator<number> {
    for (const id of this.#grantsOn.of(resourceId)) yield this.grants.principalOf(id)
  }

  /** On what a principal holds its grants; something with several comes as often. */
  *heldBy(principalId: number): Generator<number> {
    for (const id of this.#grantsOf.of(principalId)) yield this.grants.resourceOf(id)
  }

  grantsOf(principalId: number): readonly GrantRow[] {
    return this.#grantsBelow(this.#grantsOf, principalId)
  }

  /** Restrictions of a user by edge. */
  restrictionsOf(userId: number): ReadonlyMap<number, RestrictionRow> | undefined {
    return this.#restrictionsOf.get(userId)
  }

  claimsOf(userId: number): readonly ClaimRow[] {
    return this.#claimsOf.get(userId)
  }

  /** In the order they came. */
  #grantsBelow(chains: Chains, node: number): GrantRow[] {
    const found: GrantRow[] = []
    for (let id = chains.first(node); id >= 0; id = chains.next(id)) {
      const row = this.grants.get(id)
      if (row) found.push(row)
    }
    return found.reverse()
  }

  #rememberPeriod({ validFrom, validTo }: Period): void {
    this.instants.add(validFrom)
    this.instants.add(validTo)
  }

  #forgetPeriod({ validFrom, validTo }: Period): void {
    this.instants.remove(validFrom)
    this.instants.remove(validTo)
  }

  #remember(instants: readonly (number | null)[]): void {
    for (const instant of instants) this.instants.add(instant)
  }

  #forget(instants: readonly (number | null)[]): void {
    for (const instant of instants) this.instants.remove(instant)
  }
}

function isLasting({ state, validFrom, validTo }: MembershipRow): boolean {
  return state === 'active' && validFrom === null && validTo === null
}
