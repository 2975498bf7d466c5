import {
  type EdgeRow,
  type GrantRow,
  maskOf,
  type OpenemsRole,
  openemsRoles,
  PLATFORM_RESOURCE_ID,
  PUBLIC_PRINCIPAL_ID,
  permissionBits,
  type RoleRow,
  type Snapshot,
  type Window,
} from '../../../src/access/model.ts'

/**
 * Access recomputed from the rows, by the book and without any cleverness: every question walks all rows again. It shares
 * no code with the engine but the vocabulary.
 */

export interface OracleAccess {
  mask: number
  role: OpenemsRole | undefined
  windows: Window[] | null
  historicOnly: boolean
  components: string[] | null
}

/** One grant that reaches the resource: what it conveys there, when. */
export interface Contribution {
  grant: GrantRow
  role: RoleRow
  relation: 'self' | 'content' | 'suborganisation'
  mask: number
  rank: number
  windows: Window[] | null
  isCurrent: boolean
  isPublic: boolean
}

type Kind = 'platform' | 'organisation' | 'site' | 'edge' | 'edgeGroup'

const past = maskOf('discover', 'overview', 'history', 'detail')
const editing = maskOf('control', 'install', 'configRaw', 'edit', 'delete')

export class Oracle {
  readonly rows: Snapshot
  constructor(rows: Snapshot) {
    this.rows = rows
  }

  access(principalId: number, resourceId: number, at: number): OracleAccess {
    const contributions = this.contributions(principalId, resourceId, at)
    const root = this.tenantRoot(resourceId)
    let mask = 0
    let ownMask = 0
    let rank = -1
    for (const one of contributions) {
      mask |= one.mask
      if (!one.isPublic) ownMask |= one.mask
      const isCapped = root !== undefined && one.grant.resourceId !== PLATFORM_RESOURCE_ID
      rank = Math.max(rank, isCapped ? Math.min(one.rank, openemsRoles.indexOf(root.maxOpenemsRole)) : one.rank)
    }
    const cap = this.claimCap(principalId) & this.organisationCap(resourceId)
    mask &= cap
    if (mask === 0) return { mask: 0, role: undefined, windows: [], historicOnly: false, components: [] }
    const has = (bits: number) => (mask & bits) !== 0
    let covered = -1
    if (has(permissionBits.live | permissionBits.detail)) {
      covered = 0
      if (has(permissionBits.control)) {
        covered = 1
        if (has(permissionBits.install)) covered = has(permissionBits.configRaw) ? 3 : 2
      }
    }
    rank = Math.min(rank, covered)
    const isCompatible = root !== undefined && !root.strictRoles
    if (rank < 0 && isCompatible && (ownMask & cap & permissionBits.overview) !== 0) rank = 0
    if (this.kind(resourceId) !== 'edge') rank = -1
    const readers = contributions.filter((one) => (one.mask & mask & permissionBits.history) !== 0)
    const data = permissionBits.live | permissionBits.history | permissionBits.control
    const viewers = contributions.filter((one) => (one.mask & mask & data) !== 0)
    return {
      mask,
      role: openemsRoles[rank],
      windows: readers.some((one) => one.windows === null) ? null : tidy(readers.flatMap((one) => one.windows ?? [])),
      historicOnly: !contributions.some((one) => one.isCurrent),
      components: viewers.some((one) => one.grant.components === null)
        ? null
        : [...new Set(viewers.flatMap((one) => one.grant.components ?? []))].sort(),
    }
  }

  edges(principalId: number, at: number): EdgeRow[] {
    return this.rows.edge.filter((edge) => (this.access(principalId, edge.id, at).mask & permissionBits.discover) !== 0)
  }

  contributions(principalId: number, resourceId: number, at: number): Contribution[] {
    if (this.kind(resourceId) === undefined || !this.isActive(principalId)) return []
    const own = this.groups(principalId, at)
    const everybody = this.tenantRoot(resourceId)?.publicAccess === true
    const found: Contribution[] = []
    for (const grant of this.rows.grant) {
      const role = this.rows.role.find((row) => row.id === grant.roleId)
      const isOwn = own.has(grant.principalId) && grant.principalId !== PUBLIC_PRINCIPAL_ID
      const isPublic = everybody && grant.principalId === PUBLIC_PRINCIPAL_ID
      if (role === undefined || !(isOwn || isPublic) || !isValid(grant, at)) continue
      for (const relation of this.relations(grant.resourceId, resourceId)) {
        const one = this.contribution(grant, role, relation, principalId, resourceId, at)
        if (one) found.push({ ...one, isPublic })
      }
    }
    return found
  }

  contribution(
    grant: GrantRow,
    role: RoleRow,
    relation: Contribution['relation'],
    principalId: number,
    resourceId: number,
    at: number,
  ): Omit<Contribution, 'isPublic'> | undefined {
    const restriction = this.rows.restriction.find((row) => row.userId === principalId && row.edgeId === resourceId)
    const windows = both(grant.dataWindows, restriction?.windows ?? null)
    if (windows?.length === 0) return undefined
    const isCurrent = windows === null || windows.some(([from, to]) => (from ?? at) <= at && at < (to ?? at + 1))
    const isPlatform = grant.resourceId === PLATFORM_RESOURCE_ID && relation !== 'self'
    let mask = role.selfMask
    if (relation === 'content') mask = role.contentMask
    if (relation === 'suborganisation') mask = role.suborganisationMask
    if (isPlatform) mask = role.contentMask | role.suborganisationMask
    const organisation = this.rows.organisation.find((row) => row.id === grant.resourceId)
    if (organisation && organisation.parentId !== null && !organisation.canEditSites) mask &= ~editing
    if (!isCurrent) mask &= past
    if (mask === 0) return undefined
    const rank = role.openemsRole === null ? -1 : openemsRoles.indexOf(role.openemsRole)
    return { grant, role, relation, mask, rank: isCurrent ? rank : Math.min(rank, 0), windows, isCurrent }
  }

  /** How a grant on `from` reaches `to`. */
  relations(from: number, to: number): Contribution['relation'][] {
    if (this.kind(from) === undefined) return []
    if (from === PLATFORM_RESOURCE_ID) return [from === to ? 'self' : 'content']
    const found: Contribution['relation'][] = from === to ? ['self'] : []
    if (this.content(from).has(to)) found.push('content')
    const below = this.suborganisations(from)
    if (below.has(to) || [...below].some((organisation) => this.content(organisation).has(to))) {
      found.push('suborganisation')
    }
    return found
  }

  content(container: number): Set<number> {
    const found = new Set<number>()
    const todo = [container]
    for (const node of todo) {
      for (const child of this.children(node)) {
        if (found.has(child)) continue
        found.add(child)
        todo.push(child)
      }
    }
    return found
  }

  children(node: number): number[] {
    const all = [
      ...this.rows.containment.filter((row) => row.parentId === node).map((row) => row.childId),
      ...this.rows.site.filter((row) => row.organisationId === node).map((row) => row.id),
      ...this.rows.edge.filter((row) => row.siteId === node || row.organisationId === node).map((row) => row.id),
    ]
    const allowed: Record<Kind, Kind[]> = {
      platform: [],
      organisation: ['site', 'edge'],
      site: ['edge'],
      edge: [],
      edgeGroup: ['edgeGroup', 'site', 'edge'],
    }
    const kind = this.kind(node)
    return all.filter((child) => kind !== undefined && allowed[kind].includes(this.kind(child) ?? 'platform'))
  }

  suborganisations(organisation: number): Set<number> {
    const found = new Set<number>()
    const todo = [organisation]
    for (const node of todo) {
      for (const row of this.rows.organisation) {
        if (row.parentId !== node || found.has(row.id)) continue
        found.add(row.id)
        todo.push(row.id)
      }
    }
    return found
  }

  /** A principal with all groups it is in. */
  groups(principalId: number, at: number): Set<number> {
    const found = new Set([principalId])
    if (principalId === PUBLIC_PRINCIPAL_ID) return found
    const todo = [principalId]
    for (const member of todo) {
      for (const row of this.rows.membership) {
        if (row.memberId !== member || row.state !== 'active' || !isValid(row, at)) continue
        if (found.has(row.groupId) || !this.rows.userGroup.some((group) => group.id === row.groupId)) continue
        found.add(row.groupId)
        todo.push(row.groupId)
      }
    }
    return found
  }

  isActive(principalId: number): boolean {
    if (principalId === PUBLIC_PRINCIPAL_ID || this.rows.userGroup.some((row) => row.id === principalId)) return true
    const account = [...this.rows.user, ...this.rows.service].find((row) => row.id === principalId)
    return account !== undefined && account.disabledAt === null
  }

  kind(id: number): Kind | undefined {
    if (id === PLATFORM_RESOURCE_ID) return 'platform'
    const kinds = ['organisation', 'site', 'edge', 'edgeGroup'] as const
    return kinds.find((kind) => this.rows[kind].some((row) => row.id === id))
  }

  tenantRoot(resourceId: number) {
    const edge = this.rows.edge.find((row) => row.id === resourceId)
    const site = this.rows.site.find((row) => row.id === (edge ? edge.siteId : resourceId))
    const group = this.rows.edgeGroup.find((row) => row.id === resourceId)
    let id: number | null = resourceId
    if (edge) id = edge.siteId === null ? edge.organisationId : (site?.organisationId ?? null)
    else if (site) id = site.organisationId
    else if (group) id = group.organisationId
    let organisation = this.rows.organisation.find((row) => row.id === id)
    while (organisation && organisation.parentId !== null) {
      const parent: number = organisation.parentId
      organisation = this.rows.organisation.find((row) => row.id === parent)
    }
    return organisation
  }

  claimCap(userId: number): number {
    const { live, history, control, detail, edit } = permissionBits
    let cap = -1
    for (const claim of this.rows.claim) {
      if (claim.userId !== userId || claim.value.toUpperCase() !== 'NONE') continue
      if (claim.key === 'sensors') cap &= ~(live | history | control | permissionBits.delete)
      if (claim.key === 'buildingproperties') cap &= ~(detail | edit)
      if (claim.key === 'control' || claim.key === 'schedule') cap &= ~control
    }
    return cap
  }

  organisationCap(resourceId: number): number {
    const organisation = this.rows.organisation.find((row) => row.id === resourceId)
    if (organisation === undefined || organisation.parentId === null) return -1
    const { createSite, createSub } = permissionBits
    return ~(organisation.canCreateSuborganisations ? createSite : createSite | createSub)
  }
}

function isValid(row: { validFrom: number | null; validTo: number | null }, at: number): boolean {
  return (row.validFrom === null || row.validFrom <= at) && (row.validTo === null || at < row.validTo)
}

function both(a: readonly Window[] | null, b: readonly Window[] | null): Window[] | null {
  if (a === null && b === null) return null
  const found: Window[] = []
  for (const [fromA, toA] of a ?? [[null, null] as const]) {
    for (const [fromB, toB] of b ?? [[null, null] as const]) {
      const from = Math.max(fromA ?? Number.NEGATIVE_INFINITY, fromB ?? Number.NEGATIVE_INFINITY)
      const to = Math.min(toA ?? Number.POSITIVE_INFINITY, toB ?? Number.POSITIVE_INFINITY)
      if (from < to) found.push([Number.isFinite(from) ? from : null, Number.isFinite(to) ? to : null])
    }
  }
  return tidy(found)
}

/** Sorted and joined: two windows that touch become one, until none touch. */
export function tidy(windows: readonly Window[]): Window[] {
  const bounds = (window: Window) =>
    [window[0] ?? Number.NEGATIVE_INFINITY, window[1] ?? Number.POSITIVE_INFINITY] as const
  const list = windows.map(bounds).filter(([from, to]) => from < to)
  for (let a = 0; a < list.length; a++) {
    for (let b = 0; b < list.length; b++) {
      const [one, other] = [list[a], list[b]]
      if (a === b || !one || !other || other[0] > one[1] || one[0] > other[1]) continue
      list[a] = [Math.min(one[0], other[0]), Math.max(one[1], other[1])]
      list.splice(b, 1)
      return tidy(
        list.map(([from, to]): Window => [Number.isFinite(from) ? from : null, Number.isFinite(to) ? to : null]),
      )
    }
  }
  list.sort((x, y) => x[0] - y[0])
  return list.map(([from, to]) => [Number.isFinite(from) ? from : null, Number.isFinite(to) ? to : null])
}
