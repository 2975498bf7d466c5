import type { ContainmentRow, GrantRow } from '../access/model.ts'
import { refusedRule, refusedText } from './guard-text.ts'
import type { ImportProblem, UserRecord } from './model.ts'
import { ambiguous } from './names.ts'
import { misfit, type PlanWorld, placeIn } from './plan-world.ts'

/** What becomes of somebody's grants. */
export interface GrantPlan {
  /** With the id 0. */
  added: GrantRow[]
  changed: { before: GrantRow; after: GrantRow }[]
  removed: GrantRow[]
  problems: ImportProblem[]
}

/** Sites and edges the record names, looked up; undefined: that list stays as it is. */
export interface Wanted {
  sites: readonly number[] | undefined
  edges: readonly number[] | undefined
}

/**
 * The grants of a user after Set or Merge (D-10..13, K12): the listed sites and edges with the role that his claim to control
 * gives him, and the account itself for a manager (domain rules 2.4, D-27). `userId` undefined: he is new.
 */
export function* planGrants(
  world: PlanWorld,
  record: UserRecord,
  { userId, wanted, controls }: { userId: number | undefined; wanted: Wanted; controls: boolean },
): Generator<undefined, GrantPlan> {
  const plan: GrantPlan = { added: [], changed: [], removed: [], problems: [] }
  const present = userId === undefined ? [] : world.index.grantsOf(userId)
  const principalId = userId ?? 0
  yield* planLists(world, record, { present, principalId, wanted, controls }, plan)
  planAccountRole(world, record, { present, principalId }, plan)
  for (const grant of plan.removed) {
    yield
    if (grant.source === world.source || world.allows('share', grant.resourceId)) continue
    plan.problems.push(misfit(record.place, 'G-11', 'A grant would be replaced that you cannot withdraw'))
  }
  return plan
}

/**
 * The links by which things lie in his default edge group on which he has nothing left himself: it only started there, and he does
 * not keep seeing it by that (G-21). `links` are all of that group.
 */
export function leftBehind(
  { index }: PlanWorld,
  userId: number,
  { added, removed }: GrantPlan,
  links: readonly ContainmentRow[],
): ContainmentRow[] {
  if (links.length === 0 || removed.length === 0) return []
  const gone = new Set(removed.map(({ id }) => id))
  const kept = [...index.grantsOf(userId).filter(({ id }) => !gone.has(id)), ...added]
  const left = new Set(kept.map(({ resourceId }) => resourceId))
  const lost = new Set(removed.map(({ resourceId }) => resourceId).filter((id) => !left.has(id)))
  return links.filter(({ childId }) => lost.has(childId))
}

function* planLists(
  world: PlanWorld,
  record: UserRecord,
  given: { present: readonly GrantRow[]; principalId: number; wanted: Wanted; controls: boolean },
  plan: GrantPlan,
): Generator<undefined, void> {
  const { present, principalId, wanted, controls } = given
  const roleId = controls ? world.controlRoleId : world.detailRoleId
  const listed = new Set([...(wanted.sites ?? []), ...(wanted.edges ?? [])])
  const isSet = record.access?.mode === 'set'
  const own = new Map<number, GrantRow>()
  for (const grant of present) {
    yield
    const kind = listKindOf(world, grant)
    if (kind === undefined || !world.isReplaced(grant)) continue
    const isCleared = isSet && wanted[kind] !== undefined
    const isOwn = grant.source === world.source && isPlain(world, grant)
    if (isCleared && !(isOwn && listed.has(grant.resourceId))) plan.removed.push(grant)
    else if (isOwn) own.set(grant.resourceId, grant)
  }
  for (const before of own.values()) {
    yield
    if (before.roleId === roleId) continue
    if (guarded(world, record, before.resourceId, roleId, plan))
      plan.changed.push({ before, after: { ...before, roleId } })
  }
  for (const resourceId of listed) {
    yield
    if (own.has(resourceId) || !guarded(world, record, resourceId, roleId, plan)) continue
    plan.added.push(newGrant(world, principalId, resourceId, roleId))
  }
}

function planAccountRole(
  world: PlanWorld,
  record: UserRecord,
  { present, principalId }: { present: readonly GrantRow[]; principalId: number },
  plan: GrantPlan,
): void {
  const { organisationId, ownerRoleId } = world
  if (record.accountRole === undefined) return
  if (organisationId === null) {
    if (record.accountRole === 'User') return
    plan.problems.push(misfit(placeIn(record, 'role'), 'D-04', noAccount, 'Manager'))
    return
  }
  const held = present.filter((grant) => grant.resourceId === organisationId && world.isReplaced(grant))
  const known = held.find((grant) => grant.source === world.source && grant.roleId === ownerRoleId)
  if (record.accountRole === 'User') plan.removed.push(...held.filter((grant) => grant.roleId === ownerRoleId))
  else if (known === undefined && guarded(world, record, organisationId, ownerRoleId, plan)) {
    plan.added.push(newGrant(world, principalId, organisationId, ownerRoleId))
  }
}

const noAccount = 'A manager is one of an account: say for which organisation the import is (--organisation)'

/** Of one list; that more are wrong is said in one sentence. */
const MAX_WRONG = 100

/** Looks up what a record names; a name that means nothing, or several things, is a problem. */
export function lookUp(
  world: PlanWorld,
  record: UserRecord,
  kind: 'site' | 'edge',
  keys: readonly string[],
  problems: ImportProblem[],
): number[] {
  const place = placeIn(record, `${kind}s`)
  let wrong = 0
  const found = keys.flatMap((key) => {
    const id = world.names.find(kind, key)
    if (typeof id === 'number') return [id]
    const text = id === ambiguous ? `There are several ${kind}s of this name` : `There is no such ${kind} here`
    if (++wrong <= MAX_WRONG) problems.push(misfit(place, 'unknown', text, key))
    return []
  })
  if (wrong > MAX_WRONG) problems.push(misfit(place, 'unknown', `${wrong - MAX_WRONG} more of the list are not here`))
  return found
}

function guarded(world: PlanWorld, record: UserRecord, resourceId: number, roleId: number, plan: GrantPlan): boolean {
  const isAccount = roleId === world.ownerRoleId
  const result = world.guard(resourceId, roleId, isAccount ? 'manageMembers' : 'share')
  if (!result.ok) {
    const field = isAccount ? 'role' : world.index.isEdge(resourceId) ? 'edges' : 'sites'
    const place = placeIn(record, field)
    plan.problems.push(misfit(place, refusedRule(result), refusedText(result), nameOf(world, resourceId)))
  }
  return result.ok
}

function newGrant(world: PlanWorld, principalId: number, resourceId: number, roleId: number): GrantRow {
  const always = { components: null, validFrom: null, validTo: null, dataWindows: null }
  const { source, askerId: grantedBy } = world
  return { id: 0, principalId, resourceId, roleId, ...always, source, grantedBy }
}

/** Which of the two lists a grant is of. */
function listKindOf({ index }: PlanWorld, { resourceId }: GrantRow): 'sites' | 'edges' | undefined {
  if (index.edge(resourceId)) return 'edges'
  return index.row('site', resourceId) ? 'sites' : undefined
}

/** Whether a grant is as a list makes them, and not as a format does that can say more. */
function isPlain(world: PlanWorld, grant: GrantRow): boolean {
  const { components, validFrom, validTo, dataWindows, roleId } = grant
  const isListed = roleId === world.detailRoleId || roleId === world.controlRoleId
  return isListed && components === null && validFrom === null && validTo === null && dataWindows === null
}

/** How people call a resource. */
export function nameOf({ index }: Pick<PlanWorld, 'index'>, id: number): string {
  const { edgeId } = index.edge(id) ?? {}
  return edgeId ?? (index.row('site', id) ?? index.row('organisation', id) ?? index.row('edgeGroup', id))?.name ?? ''
}
