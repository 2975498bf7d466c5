import { disabledAccount } from './explain-paths.ts'
import type { KindOfRow } from './explain-rows.ts'
import type { Slice } from './explain-slice.ts'
import { claimMasks, gateOf } from './graph-view.ts'
import {
  allPermissions,
  type GrantRow,
  type MembershipRow,
  permissionBits,
  type RoleRow,
  type UserGroupRow,
} from './model.ts'
import { windowsContain } from './windows.ts'

/** One change of one row that would do, the smallest kind first (domain rules 2.9, step 5). */
export const nearMissCodes = [
  'accountDisabled',
  'membershipInvited',
  'membershipRejected',
  'membershipNotYet',
  'membershipEnded',
  'grantNotYet',
  'grantEnded',
  'dataWindows',
  'restriction',
  'claimNone',
  'entityGate',
  'suborganisationGate',
  'noPublicAccess',
  'notMember',
  'notContained',
  'roleLacks',
  'noGrant',
] as const
export type NearMissCode = (typeof nearMissCodes)[number]

export interface NearMiss {
  code: NearMissCode
  /** What to change: an account or user group, or a resource; an id of the graph. */
  kind: 'principal' | 'resource'
  id: number
  /** What goes into it: a member of the group, content of the container. */
  memberId?: number
  /** The claim's key, the role's name. */
  detail?: string
  /** The grant or membership it is about, with ids of the graph. */
  grant?: GrantRow
  membership?: MembershipRow
}

/** What lies beside the question: user groups that hold something above the resource, containers the principal is granted. */
export interface Neighbours {
  groups: { group: UserGroupRow; rows: readonly KindOfRow[] }[]
  containers: { rows: readonly KindOfRow[]; id: number; childId: number }[]
}

/** Everything a resource, its content or what is below it can be granted; for trying only. */
const everything: RoleRow = {
  id: 0,
  name: '',
  organisationId: null,
  selfMask: allPermissions,
  contentMask: allPermissions,
  suborganisationMask: allPermissions,
  openemsRole: null,
}
const open = { validFrom: null, validTo: null }
/** So many changes are tried, those of the smallest kinds first. */
const maxTried = 60

interface Candidate {
  miss: NearMiss
  rows?: readonly KindOfRow[]
  without?: { entity: 'restriction' | 'claim'; id: number }
}

/** The changes each of which would allow what is refused: each has been tried with the same check. */
export function nearMisses(
  slice: Slice,
  principalId: number,
  resourceId: number,
  bit: number,
  at: number,
  neighbours: Neighbours,
): NearMiss[] {
  const inside = slice.inside(resourceId)
  const look = () => slice.allows(principalId, bit, inside, at)
  const helps = ({ rows, without }: Candidate) =>
    without ? slice.without(without.entity, without.id, look) : slice.trying(rows ?? [], look)
  const candidates = [
    ...ofAccount(slice, principalId, resourceId, bit),
    ...ofMemberships(slice, at),
    ...ofGrants(slice, bit, at),
    ...ofOrganisations(slice, bit),
    ...ofNeighbours(slice, principalId, neighbours),
    newGrant(slice, principalId, resourceId),
  ]
  const keyOf = ({ code, kind, id, detail, memberId }: NearMiss) => `${code} ${kind} ${id} ${detail} ${memberId}`
  const found = new Map<string, NearMiss>()
  const rank = ({ miss }: Candidate) => nearMissCodes.indexOf(miss.code)
  let tried = 0
  for (const candidate of candidates.sort((a, b) => rank(a) - rank(b))) {
    const isLast = candidate.miss.code === 'noGrant'
    if (found.has(keyOf(candidate.miss)) || (++tried > maxTried && !isLast)) continue
    if (helps(candidate)) found.set(keyOf(candidate.miss), candidate.miss)
  }
  return [...found.values()]
}

function ofAccount(slice: Slice, principalId: number, resourceId: number, bit: number): Candidate[] {
  const found: Candidate[] = []
  const enabled = disabledAccount(slice, principalId)
  if (enabled) found.push({ miss: { code: 'accountDisabled', kind: 'principal', id: principalId }, rows: [enabled] })
  for (const { id, key } of slice.people.claimsOf(principalId)) {
    if (((claimMasks.get(key.toLowerCase()) ?? 0) & bit) === 0) continue
    found.push({
      miss: { code: 'claimNone', kind: 'principal', id: principalId, detail: key },
      without: { entity: 'claim', id },
    })
  }
  const restriction = slice.people.restrictionsOf(principalId)?.get(slice.inside(resourceId))
  if (restriction) {
    found.push({
      miss: { code: 'restriction', kind: 'resource', id: resourceId },
      without: { entity: 'restriction', id: restriction.id },
    })
  }
  return found
}

function ofMemberships({ rows }: Slice, at: number): Candidate[] {
  return [...rows.membership.values()].flatMap((row) => {
    const code = membershipCode(row, at)
    if (code === undefined) return []
    const miss: NearMiss = { code, kind: 'principal', id: row.groupId, memberId: row.memberId, membership: row }
    // Who accepts or changes his mind does not change for which time.
    const period = row.state === 'active' ? open : {}
    return [{ miss, rows: [{ entity: 'membership', row: { ...row, ...period, state: 'active' } }] }]
  })
}

function membershipCode({ state, validFrom, validTo }: MembershipRow, at: number): NearMissCode | undefined {
  if (state === 'invited') return 'membershipInvited'
  if (state === 'rejected') return 'membershipRejected'
  if (validTo !== null && validTo <= at) return 'membershipEnded'
  return validFrom !== null && validFrom > at ? 'membershipNotYet' : undefined
}

/** Each grant alone: for another time, with other data windows, with a stronger role. */
function ofGrants(slice: Slice, bit: number, at: number): Candidate[] {
  return [...slice.rows.grant.values()].flatMap((row) => {
    const id = slice.outside(row.resourceId)
    const role = slice.rows.role.get(row.roleId)
    const grant = { ...row, resourceId: id }
    const miss = (code: NearMissCode): NearMiss => ({ code, kind: 'resource', id, detail: role?.name ?? '', grant })
    const tried = (change: Partial<GrantRow>): KindOfRow[] => [{ entity: 'grant', row: { ...row, ...change } }]
    const found: Candidate[] = []
    if (row.validTo !== null && row.validTo <= at) found.push({ miss: miss('grantEnded'), rows: tried(open) })
    else if (row.validFrom !== null && row.validFrom > at) found.push({ miss: miss('grantNotYet'), rows: tried(open) })
    if (!windowsContain(row.dataWindows, at)) {
      found.push({ miss: miss('dataWindows'), rows: tried({ dataWindows: null }) })
    }
    const reach = role === undefined ? 0 : role.selfMask | role.contentMask | role.suborganisationMask
    const lacks =
      (reach & bit) === 0 || (role && (role.selfMask & role.contentMask & role.suborganisationMask & bit) === 0)
    if (lacks) {
      found.push({
        miss: miss('roleLacks'),
        rows: [{ entity: 'role', row: everything }, ...tried({ roleId: everything.id })],
      })
    }
    return found
  })
}

function ofOrganisations({ rows, resources, outside }: Slice, bit: number): Candidate[] {
  return [...rows.organisation.values()].flatMap((row) => {
    const of = (code: NearMissCode, change: object): Candidate => ({
      miss: { code, kind: 'resource', id: outside(row.id) },
      rows: [{ entity: 'organisation', row: { ...row, ...change } }],
    })
    const found: Candidate[] = []
    if ((gateOf(resources, row.id) & bit) === 0) found.push(of('entityGate', { canEditSites: true }))
    if (!row.canCreateSuborganisations && (bit & permissionBits.createSub) !== 0) {
      found.push(of('suborganisationGate', { canCreateSuborganisations: true }))
    }
    if (row.parentId === null && !row.publicAccess) found.push(of('noPublicAccess', { publicAccess: true }))
    return found
  })
}

function ofNeighbours(slice: Slice, principalId: number, { groups, containers }: Neighbours): Candidate[] {
  const inward = ({ entity, row }: KindOfRow) => ({ entity, row: slice.inward(entity, row) }) as KindOfRow
  const joined = groups.map(({ group, rows }): Candidate => {
    const membership = {
      id: 0,
      groupId: group.id,
      memberId: principalId,
      state: 'active',
      ...open,
      addedBy: null,
    } as const
    return {
      miss: { code: 'notMember', kind: 'principal', id: group.id, memberId: principalId },
      rows: [{ entity: 'userGroup', row: group }, { entity: 'membership', row: membership }, ...rows.map(inward)],
    }
  })
  const contained = containers.map(({ rows, id, childId }): Candidate => {
    const link = { id: 0, parentId: slice.inside(id), childId: slice.inside(childId) }
    return {
      miss: { code: 'notContained', kind: 'resource', id, memberId: childId },
      rows: [...rows.map(inward), { entity: 'containment', row: link }],
    }
  })
  return [...joined, ...contained]
}

function newGrant(slice: Slice, principalId: number, resourceId: number): Candidate {
  const terms = { components: null, ...open, dataWindows: null, source: '', grantedBy: null }
  const row: GrantRow = { id: 0, principalId, resourceId: slice.inside(resourceId), roleId: everything.id, ...terms }
  return {
    miss: { code: 'noGrant', kind: 'resource', id: resourceId },
    rows: [
      { entity: 'role', row: everything },
      { entity: 'grant', row },
    ],
  }
}
