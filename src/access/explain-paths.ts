import type { Slice } from './explain-slice.ts'
import { capOf, decisionMask, decisionRank } from './graph-evaluate.ts'
import { type Conveyance, claimMasks, gateOf, historicMask } from './graph-view.ts'
import {
  allPermissions,
  type GrantRow,
  type OpenemsRole,
  openemsRoles,
  PLATFORM_RESOURCE_ID,
  PUBLIC_PRINCIPAL_ID,
  type RoleRow,
} from './model.ts'
import { windowsContain } from './windows.ts'

/** Something that took permissions away, and which. */
export interface Removal {
  code:
    | 'entityGate'
    | 'dataWindows'
    | 'restriction'
    | 'accountDisabled'
    | 'claimNone'
    | 'organisationCap'
    | 'openemsRole'
  /** The claim's key; the role that grants alone would project. */
  detail?: string
  mask: number
}

/** One way from somebody over a grant to something: what a check adds up. */
export interface Path {
  /** From whom it is about to the holder of the grant. */
  principals: number[]
  grant: GrantRow
  role: RoleRow
  /** From what is granted to what it is about; ids of the graph. */
  resources: number[]
  /** What it conveys now. */
  mask: number
  /** What stood in the way of the rest. */
  removed: Removal[]
}

export interface Decided {
  mask: number
  role: OpenemsRole | undefined
  paths: Path[]
  /** The grants of those beyond: one for each further path of a grant that was followed, else each once. */
  beyond: GrantRow[]
  /** What was taken from the sum of all paths. */
  caps: Removal[]
}

/** Groups in groups multiply; so many ways of one side are followed for one grant. */
const maxChains = 20
const maxSteps = 10_000

/** What a check decides and every path it adds up, those that convey `bit` first (domain rules 2.9, steps 2 to 4). */
export function decided(
  slice: Slice,
  principalId: number,
  resourceId: number,
  bit: number,
  at: number,
  maxPaths: number,
): Decided {
  const inside = slice.inside(resourceId)
  const decision = slice.evaluator.decide(slice.views.get(principalId, at), inside)
  const disabled = disabledAccount(slice, principalId)
  const look = () => slice.evaluator.conveyances(slice.views.get(principalId, at), inside)
  const conveyances = disabled === undefined ? look() : slice.trying([disabled], look)
  const first = (one: Conveyance) => Number((one.mask & bit) !== 0)
  const paths: Path[] = []
  const unfollowed: GrantRow[] = []
  for (const one of [...conveyances].sort((a, b) => first(b) - first(a) || a.grant.id - b.grant.id)) {
    // Somebody may have a thing by thousands of groups of his own: to follow each would take seconds.
    if (paths.length <= maxPaths) paths.push(...pathsOf(slice, one, principalId, inside, at))
    else unfollowed.push(one.grant)
  }
  return {
    mask: decisionMask(decision),
    role: openemsRoles[decisionRank(decision)],
    paths: paths.slice(0, maxPaths),
    beyond: [...paths.slice(maxPaths).map(({ grant }) => grant), ...unfollowed],
    caps: capsOf(slice, principalId, inside, conveyances, decisionRank(decision)),
  }
}

/** The row of an account as it would be if it were enabled; undefined if it is, or is none. */
export function disabledAccount({ rows }: Slice, principalId: number) {
  const user = rows.user.get(principalId)
  if (user && user.disabledAt !== null) return { entity: 'user', row: { ...user, disabledAt: null } } as const
  const service = rows.service.get(principalId)
  if (service && service.disabledAt !== null)
    return { entity: 'service', row: { ...service, disabledAt: null } } as const
  return undefined
}

function pathsOf(slice: Slice, conveyance: Conveyance, principalId: number, inside: number, at: number): Path[] {
  const { grant, role, mask } = conveyance
  const removed = removals(slice, conveyance, at)
  const downs = resourceChains(slice, conveyance, inside)
  return principalChains(slice, principalId, grant.principalId, at).flatMap((principals) =>
    downs.map((resources) => ({ principals, grant, role, resources, mask, removed })),
  )
}

/** What entity gate, data windows and restriction took from the role, in this order. */
function removals({ resources }: Slice, { grant, role, relation, mask }: Conveyance, at: number): Removal[] {
  const isPlatform = grant.resourceId === PLATFORM_RESOURCE_ID
  const masks = {
    self: role.selfMask,
    content: isPlatform ? role.contentMask | role.suborganisationMask : role.contentMask,
    suborganisation: role.suborganisationMask,
  }
  const whole = masks[relation] & allPermissions
  const gated = whole & gateOf(resources, grant.resourceId)
  const shown = windowsContain(grant.dataWindows, at) ? gated : gated & historicMask
  const removed: Removal[] = [
    { code: 'entityGate', mask: whole & ~gated },
    { code: 'dataWindows', mask: gated & ~shown },
    { code: 'restriction', mask: shown & ~mask },
  ]
  return removed.filter((removal) => removal.mask !== 0)
}

function capsOf(
  slice: Slice,
  principalId: number,
  inside: number,
  conveyances: readonly Conveyance[],
  rank: number,
): Removal[] {
  const granted = conveyances.reduce((sum, one) => sum | one.mask, 0)
  const caps: Removal[] = []
  if (disabledAccount(slice, principalId)) caps.push({ code: 'accountDisabled', mask: granted })
  for (const { key, value } of slice.people.claimsOf(principalId)) {
    const cut = value.toUpperCase() === 'NONE' ? (claimMasks.get(key.toLowerCase()) ?? 0) : 0
    if ((cut & granted) !== 0) caps.push({ code: 'claimNone', detail: key, mask: cut & granted })
  }
  const beyond = granted & ~capOf(slice.resources, inside)
  if (beyond !== 0) caps.push({ code: 'organisationCap', mask: beyond })
  const projected = Math.max(-1, ...conveyances.map((one) => one.rank))
  const role = openemsRoles[projected]
  if (role !== undefined && slice.resources.kinds.isEdge(inside) && projected > rank) {
    caps.push({ code: 'openemsRole', detail: role, mask: 0 })
  }
  return caps
}

/** Up through groups, over memberships that count now. */
function principalChains(slice: Slice, from: number, to: number, at: number): number[][] {
  if (from === to) return [[from]]
  if (to === PUBLIC_PRINCIPAL_ID) return [[from, to]]
  return chains(from, to, (id) =>
    slice.people
      .groupsOf(id)
      .filter(({ state, validFrom, validTo, groupId }) => {
        const isValid = (validFrom ?? at) <= at && at < (validTo ?? Number.POSITIVE_INFINITY)
        return state === 'active' && isValid && slice.rows.userGroup.has(groupId)
      })
      .map(({ groupId }) => groupId),
  )
}

/** From what is granted down: through what it contains, below organisations first through the tree. Ids of the graph. */
function resourceChains({ resources, outside }: Slice, { grant, relation }: Conveyance, inside: number): number[][] {
  const top = grant.resourceId
  if (relation === 'self') return [[outside(inside)]]
  if (top === PLATFORM_RESOURCE_ID) return [[top, outside(inside)]]
  // Organisations above what contains it have negative numbers: from there on, only the tree goes on.
  const up = (node: number) => {
    const parent = resources.organisation(Math.abs(node))?.parentId
    const superior = parent && resources.organisation(parent) ? [-parent] : []
    return node < 0 ? superior : [...resources.containersOf(node), ...superior]
  }
  const found = chains(inside, relation === 'content' ? top : -top, up)
  return found.map((chain) => chain.map((node) => outside(Math.abs(node))).reverse())
}

/** Chains of at least one step that pass nothing twice, the shortest first. */
function chains(from: number, to: number, next: (node: number) => readonly number[]): number[][] {
  const leading = leadingTo(from, to, next)
  const found: number[][] = []
  const trails = [[from]]
  for (const trail of trails) {
    for (const node of new Set(next(trail.at(-1) as number))) {
      if (node === to) found.push([...trail, node])
      else if (leading.has(node) && !trail.includes(node)) trails.push([...trail, node])
    }
    if (found.length >= maxChains || trails.length > maxSteps) break
  }
  return found.slice(0, maxChains)
}

/** The nodes above `from` from which `to` can be reached. */
function leadingTo(from: number, to: number, next: (node: number) => readonly number[]): Set<number> {
  const below = new Map<number, number[]>()
  const nodes = new Set([from])
  for (const node of nodes) {
    for (const above of next(node)) {
      const lower = below.get(above)
      if (lower) lower.push(node)
      else below.set(above, [node])
      nodes.add(above)
    }
  }
  const leading = new Set([to])
  for (const node of leading) for (const lower of below.get(node) ?? []) leading.add(lower)
  return leading
}
