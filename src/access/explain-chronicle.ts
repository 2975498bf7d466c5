import { Reach } from './explain-reach.ts'
import type { KindOfRow } from './explain-rows.ts'
import type { Put, Slice } from './explain-slice.ts'
import { type Decision, restrict } from './graph-evaluate.ts'
import { added, type Sum, sumOf, Tally, withRank } from './graph-sums.ts'
import { type Conveyance, claimCap, conveyancesOf, isActivePrincipal } from './graph-view.ts'
import {
  type EntityName,
  type EntityRows,
  type GrantRow,
  type MembershipRow,
  openemsRoles,
  PLATFORM_RESOURCE_ID,
  PUBLIC_PRINCIPAL_ID,
  type RestrictionRow,
} from './model.ts'
import { normalWindows, type Windows, windowBounds, windowsEmpty } from './windows.ts'

/** What one source of rights conveys: grants on the platform beside the others, whose OpenEMS role a tenant limits. */
interface Tallies {
  platform: Tally
  others: Tally
}

/** Where the ways up from the resource begin; no resource has this number. */
const origin = 0

/**
 * What a check decides about one principal and one resource, followed through changes and through time. Every grant that counts
 * is counted once, and a change or a moment touches what hangs on it only: the same answer as `decide`, without asking anew.
 */
export class Chronicle {
  readonly #slice: Slice
  readonly #principalId: number
  readonly #inside: number
  readonly #groups: Reach
  readonly #above: Reach
  readonly #own: Tallies = { platform: new Tally(), others: new Tally() }
  readonly #everybodys: Tallies = { platform: new Tally(), others: new Tally() }
  readonly #counted = new Map<number, { tally: Tally; sum: Sum }>()
  /** Memberships that count. */
  readonly #joined = new Map<number, MembershipRow>()
  /** What each moment decides about: grants by their ids, memberships by the negative ones, 0 the restriction. */
  readonly #due = new Map<number, Set<number>>()
  readonly #uncertain = new Set<number>()
  #restriction: Windows | undefined
  #cap = -1
  #at: number

  /** Begins with the rows of the slice, which from then on is to be changed by `put` alone. */
  constructor(slice: Slice, principalId: number, resourceId: number, at: number) {
    this.#slice = slice
    this.#principalId = principalId
    this.#inside = slice.inside(resourceId)
    this.#at = at
    const { rows, people } = slice
    const doubt = (ids: Iterable<number>) => {
      for (const id of ids) this.#uncertain.add(id)
    }
    const isGroup = (from: number, to: number) => from !== PUBLIC_PRINCIPAL_ID && rows.userGroup.has(to)
    this.#groups = new Reach(principalId, isGroup, (node) => doubt(people.grantIdsOf(node)))
    this.#above = new Reach(origin, this.#passes, (node) => doubt(people.grantIdsOn(Math.abs(node))))
  }

  /** Takes in what the slice begins with. */
  *begin(): Generator<undefined> {
    for (const entity of [
      'organisation',
      'site',
      'edge',
      'containment',
      'membership',
      'grant',
      'restriction',
      'claim',
    ]) {
      for (const [id, after] of this.#slice.rows[entity as EntityName]) {
        this.#follow({ entity, id, before: undefined, after } as Put)
        yield
      }
    }
    yield* this.#settle()
  }

  /** Puts a row of the graph in place of the one before; null takes it out. */
  *put<E extends EntityName>(entity: E, id: number, row: EntityRows[E] | null): Generator<undefined> {
    this.#follow(this.#slice.set(entity, id, row))
    yield* this.#settle()
  }

  /** Goes on to a moment. Clocks of several nodes differ, so it may be an earlier one. */
  *moveTo(at: number): Generator<undefined> {
    const { instants } = this.#slice.people
    const [from, to] = [Math.min(this.#at, at), Math.max(this.#at, at)]
    this.#at = at
    for (let instant = instants.after(from); instant !== null && instant <= to; instant = instants.after(instant)) {
      for (const what of this.#due.get(instant) ?? []) this.#look(what)
      yield* this.#settle()
    }
  }

  /** What a check says now. */
  decision(): Decision {
    const { rows, resources, evaluator } = this.#slice
    if (!isActivePrincipal(rows, this.#principalId) || !resources.kinds.exists(this.#inside)) return 0
    const tenant = resources.tenantOf(this.#inside)
    const maxRank = tenant?.maxRank ?? openemsRoles.length - 1
    const sum = ({ platform, others }: Tallies) => added(withRank(others.sum, maxRank), platform.sum)
    const everybodys = tenant?.publicAccess ? sum(this.#everybodys) : 0
    return evaluator.decisionOf(this.#inside, sum(this.#own), everybodys, this.#cap)
  }

  /** What a row that takes the place of another is about. */
  #follow(put: Put): void {
    const { people, rows } = this.#slice
    this.#relink(put)
    switch (put.entity) {
      case 'userGroup':
        return this.#groups.revisit(put.id)
      case 'role':
        for (const { id, roleId } of rows.grant.values()) if (roleId === put.id) this.#uncertain.add(id)
        return
      case 'membership':
        this.#await(-put.id, boundsOf(put.before), boundsOf(put.after))
        return this.#look(-put.id)
      case 'grant':
        this.#await(put.id, boundsOf(put.before), boundsOf(put.after))
        return this.#look(put.id)
      case 'restriction':
        this.#await(0, this.#boundsOf(put.before), this.#boundsOf(put.after))
        return this.#restrict()
      case 'claim':
        this.#cap = claimCap(people.claimsOf(this.#principalId))
    }
  }

  /** What lies above what, for the rows that say so; what is granted there may count otherwise. */
  #relink(put: Put): void {
    for (const [from, to] of linksIn(put, put.after)) this.#eachStart(from, (start) => this.#above.link(start, to))
    for (const [from, to] of linksIn(put, put.before)) this.#eachStart(from, (start) => this.#above.unlink(start, to))
    if (!isResource(put)) return
    for (const id of this.#slice.people.grantIdsOn(put.id)) this.#uncertain.add(id)
    if (put.before !== undefined && put.after !== undefined) return
    this.#eachStart(put.id, (start) => this.#above.revisit(start))
    if (put.entity === 'organisation') this.#above.revisit(-put.id)
  }

  /** Ways that begin at the resource itself begin at the origin, too. */
  #eachStart(from: number, visit: (start: number) => void): void {
    visit(from)
    if (from === this.#inside) visit(origin)
  }

  readonly #passes = (from: number, to: number): boolean => {
    const { kinds } = this.#slice.resources
    const child = from === origin ? this.#inside : Math.abs(from)
    if (to > 0) return from >= origin && kinds.mayContain(to, child)
    return kinds.isOrganisation(child) && kinds.isOrganisation(-to)
  }

  #await(what: number, before: readonly number[], after: readonly number[]): void {
    for (const instant of before) {
      const due = this.#due.get(instant)
      due?.delete(what)
      if (due?.size === 0) this.#due.delete(instant)
    }
    for (const instant of after) this.#due.set(instant, (this.#due.get(instant) ?? new Set()).add(what))
  }

  /** When a restriction begins and ends to matter, if it is the one of the two. */
  #boundsOf(row: RestrictionRow | undefined): number[] {
    const isOurs = row?.userId === this.#principalId && row.edgeId === this.#inside
    return isOurs ? windowBounds(row.windows) : []
  }

  /** Looks anew at what a moment or a change decides about. */
  #look(what: number): void {
    if (what > 0) this.#uncertain.add(what)
    else if (what < 0) this.#join(-what)
    else this.#restrict()
  }

  #join(id: number): void {
    const row = this.#slice.rows.membership.get(id)
    const before = this.#joined.get(id)
    const after = row?.state === 'active' && this.#holds(row) ? row : undefined
    if (after) this.#joined.set(id, after)
    else this.#joined.delete(id)
    if (after) this.#groups.link(after.memberId, after.groupId)
    if (before) this.#groups.unlink(before.memberId, before.groupId)
  }

  #restrict(): void {
    const { people, rows } = this.#slice
    const row = people.restrictionsOf(this.#principalId)?.get(this.#inside)
    this.#restriction = row && normalWindows(row.windows)
    for (const id of rows.grant.keys()) this.#uncertain.add(id)
  }

  *#settle(): Generator<undefined> {
    for (const id of this.#uncertain) {
      this.#uncertain.delete(id)
      this.#count(id)
      yield
    }
  }

  #count(id: number): void {
    const counted = this.#counted.get(id)
    counted?.tally.remove(counted.sum)
    this.#counted.delete(id)
    const row = this.#slice.rows.grant.get(id)
    const sum = row ? this.#sumOf(row) : 0
    if (row === undefined || sum === 0) return
    const tallies = row.principalId === PUBLIC_PRINCIPAL_ID ? this.#everybodys : this.#own
    const tally = row.resourceId === PLATFORM_RESOURCE_ID ? tallies.platform : tallies.others
    tally.add(sum)
    this.#counted.set(id, { tally, sum })
  }

  /** What one grant conveys now. */
  #sumOf(row: GrantRow): Sum {
    const { rows, resources } = this.#slice
    const isHeld = row.principalId === PUBLIC_PRINCIPAL_ID || this.#groups.has(row.principalId)
    const role = rows.role.get(row.roleId)
    if (!isHeld || role === undefined || !this.#holds(row)) return 0
    const restriction = this.#restriction
    let sum: Sum = 0
    for (const conveyance of conveyancesOf(resources, row, role, this.#at)) {
      if (!this.#arrives(conveyance)) continue
      const one = restriction === undefined ? conveyance : restrict(conveyance, restriction, this.#at)
      if (!windowsEmpty(one.windows)) sum = added(sum, sumOf(one))
    }
    return sum
  }

  #arrives({ relation, grant: { resourceId } }: Conveyance): boolean {
    if (relation === 'self') return resourceId === this.#inside
    if (resourceId === PLATFORM_RESOURCE_ID) return this.#inside !== PLATFORM_RESOURCE_ID
    return this.#above.has(relation === 'content' ? resourceId : -resourceId)
  }

  #holds({ validFrom, validTo }: Pick<GrantRow, 'validFrom' | 'validTo'>): boolean {
    return (validFrom ?? this.#at) <= this.#at && this.#at < (validTo ?? Number.POSITIVE_INFINITY)
  }
}

/** From below to above; organisations above what contains something have negative numbers. */
function linksIn({ entity }: Put, row: KindOfRow['row'] | undefined): (readonly [number, number])[] {
  if (row === undefined) return []
  const found = { entity, row } as KindOfRow
  const to = (...above: (number | null)[]) => above.flatMap((id) => (id === null ? [] : [[row.id, id] as const]))
  switch (found.entity) {
    case 'containment':
      return [[found.row.childId, found.row.parentId]]
    case 'site':
      return to(found.row.organisationId)
    case 'edge':
      return to(found.row.siteId, found.row.organisationId)
    case 'organisation': {
      const { id, parentId } = found.row
      if (parentId === null) return []
      return [
        [id, -parentId],
        [-id, -parentId],
      ]
    }
    default:
      return []
  }
}

function isResource({ entity }: Put): boolean {
  return entity === 'organisation' || entity === 'site' || entity === 'edge' || entity === 'edgeGroup'
}

function boundsOf(row: (Pick<GrantRow, 'validFrom' | 'validTo'> & { dataWindows?: Windows }) | undefined): number[] {
  if (row === undefined) return []
  return [row.validFrom, row.validTo, ...windowBounds(row.dataWindows ?? null)].filter((bound) => bound !== null)
}
