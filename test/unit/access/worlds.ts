import fc from 'fast-check'
import {
  allPermissions,
  type Change,
  type EntityName,
  type EntityRows,
  emptySnapshot,
  maskOf,
  openemsRoles,
  type RoleRow,
  type Snapshot,
  type Window,
} from '../../../src/access/model.ts'
import { builtInRoles } from '../../../src/access/roles.ts'

/** Small worlds, close enough that everything touches everything, and random changes to them. Times run from 0 to 10. */

export const userIds = [10, 11, 12]
export const userGroupIds = [20, 21, 22, 23]
export const serviceIds = [30]
export const principalIds = [1, ...userIds, ...userGroupIds, ...serviceIds]
export const organisationIds = [10, 11, 12]
export const siteIds = [20, 21, 22]
export const edgeIds = [30, 31, 32, 33, 34]
export const edgeGroupIds = [40, 41, 42, 43]
export const resourceIds = [1, ...organisationIds, ...siteIds, ...edgeIds, ...edgeGroupIds]
export const times = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
const edgeNames = ['edge10', 'edge2', 'Edge1', 'fems01', 'fems1']

const { discover, overview, history } = {
  discover: maskOf('discover'),
  overview: maskOf('overview'),
  history: maskOf('history'),
}

/** Roles beside the built-in ones: some that reach only one relation, some that project nothing. */
export const customRoles: readonly RoleRow[] = [
  custom(50, maskOf('discover', 'share', 'manageGroup'), discover | maskOf('detail'), 0, 'guest'),
  custom(51, discover, discover | overview, 0, null),
  custom(
    52,
    maskOf('discover', 'edit', 'createSite', 'createSub', 'share'),
    allPermissions,
    allPermissions,
    'installer',
  ),
  custom(53, maskOf('discover', 'share'), 0, discover | history, null),
  custom(54, overview, overview, overview, null),
]

function custom(id: number, self: number, content: number, sub: number, role: RoleRow['openemsRole']): RoleRow {
  return {
    id,
    name: `custom.${id}`,
    organisationId: null,
    selfMask: self,
    contentMask: content,
    suborganisationMask: sub,
    openemsRole: role,
  }
}

const time = orNull(pick(times), 2)
const period = fc.tuple(orNull(pick(times), 0.5), orNull(pick(times), 0.5)).map(([a, b]) => ({
  validFrom: a !== null && b !== null && a >= b ? null : a,
  validTo: b,
}))
export const someWindows: fc.Arbitrary<Window[]> = fc.array(fc.tuple(time, time), { maxLength: 3 })
const windows = orNull(someWindows, 0.6)

/** A change to one row; null deletes it. */
export type Step = { [E in EntityName]: { entity: E; id: number; row: EntityRows[E] | null } }[EntityName]

type Node = 'user' | 'userGroup' | 'service' | 'organisation' | 'site' | 'edge' | 'edgeGroup'
type Arbitraries<E extends EntityName> = { [K in E]: fc.Arbitrary<EntityRows[K]> }

const nodeIds: { [E in Node]: readonly number[] } = {
  user: userIds,
  userGroup: userGroupIds,
  service: serviceIds,
  organisation: organisationIds,
  site: siteIds,
  edge: edgeIds,
  edgeGroup: edgeGroupIds,
}

const nodes = (id: number): Arbitraries<Node> => ({
  user: fc.record({ disabledAt: orNull(fc.constant(0), 0.2), shareable: fc.boolean() }).map((row) => ({
    ...row,
    id,
    login: `u${id}`,
    email: null,
    name: `U${id}`,
    language: 'EN',
    settings: {},
    globalRole: 'guest',
  })),
  userGroup: fc
    .record({ organisationId: orNull(pick(organisationIds), 2), ownerId: orNull(pick(userIds), 2) })
    .map((row) => ({ ...row, id, name: `g${id}`, description: '', purpose: '' })),
  service: orNull(fc.constant(0), 0.4).map((disabledAt) => ({ id, name: `s${id}`, organisationId: null, disabledAt })),
  organisation: fc
    .record({
      isBelow: fc.boolean(),
      canEditSites: fc.boolean(),
      canCreateSuborganisations: fc.boolean(),
      maxOpenemsRole: pick(openemsRoles),
      publicAccess: fc.boolean(),
      strictRoles: fc.boolean(),
    })
    .map(({ isBelow, ...row }) => ({ ...row, id, name: `o${id}`, parentId: isBelow && id > 10 ? id - 1 : null })),
  site: pick(organisationIds).map((organisationId) => ({
    id,
    name: `site ${id}`,
    organisationId,
    isVirtual: false,
    location: '',
    labels: [],
  })),
  edge: fc
    .record({
      comment: pick(['', 'Haus 2', 'haus 10', 'Heat pump']),
      producttype: pick(['home', 'industrial']),
      siteId: orNull(pick(siteIds), 2),
      organisationId: orNull(pick(organisationIds), 2),
    })
    .map((row) => ({ ...row, id, edgeId: edgeNames[id - 30] ?? '', settings: {} })),
  edgeGroup: fc
    .record({ organisationId: orNull(pick(organisationIds), 2), ownerId: orNull(pick(userIds), 2) })
    .map((row) => ({ ...row, id, name: `group ${id}`, description: '', purpose: '' })),
})

const links: Arbitraries<Exclude<EntityName, Node>> = {
  membership: fc
    .record({
      groupId: pick(userGroupIds),
      memberId: pick(principalIds),
      state: pick(['active', 'active', 'active', 'invited', 'rejected'] as const),
      period,
    })
    .filter(({ groupId, memberId }) => groupId !== memberId)
    .map(({ period, ...row }) => ({ ...row, ...period, id: row.groupId * 100 + row.memberId, addedBy: null })),
  edgeKey: fc
    .record({ id: pick([1, 2]), edgeId: pick(edgeIds) })
    .map((row) => ({ ...row, keyHash: `hash${row.id}`, validTo: null })),
  containment: fc
    .record({ parentId: pick([...organisationIds, ...edgeGroupIds, ...edgeGroupIds]), childId: pick(resourceIds) })
    .filter(({ parentId, childId }) => parentId !== childId)
    .map((row) => ({ ...row, id: row.parentId * 100 + row.childId })),
  role: pick([...builtInRoles, ...customRoles]),
  grant: fc
    .record({
      id: fc.integer({ min: 1, max: 20 }),
      principalId: pick(principalIds),
      resourceId: pick([...organisationIds, ...edgeGroupIds, ...resourceIds]),
      roleId: pick([...builtInRoles, ...customRoles].map((role) => role.id)),
      components: orNull(fc.subarray(['meter*', 'ess0']), 2),
      period,
      dataWindows: windows,
    })
    .map(({ period, ...row }) => ({ ...row, ...period, source: 'manual', grantedBy: null })),
  restriction: fc
    .record({ userId: pick(userIds), edgeId: pick(edgeIds), windows: someWindows })
    .map((row) => ({ ...row, id: row.userId * 100 + row.edgeId })),
  claim: fc
    .record({
      userId: pick(userIds),
      key: pick(['sensors', 'control', 'buildingproperties', 'reports']),
      value: pick(['NONE', 'READ']),
    })
    .map((row) => ({ ...row, id: row.userId * 100 + row.key.length })),
}

function pick<T>(values: readonly T[]): fc.Arbitrary<T> {
  return fc.constantFrom(...values)
}

/** A value in `share` of three cases, else null. */
function orNull<T>(value: fc.Arbitrary<T>, share: number): fc.Arbitrary<T | null> {
  return fc.oneof({ weight: share * 10, arbitrary: value }, { weight: (3 - share) * 10, arbitrary: fc.constant(null) })
}

/** One random insert, update or deletion; what is linked and granted changes more often than what there is. */
export const someStep: fc.Arbitrary<Step> = fc.oneof(
  ...(Object.keys(nodeIds) as Node[]).map((entity) => ({
    weight: 2,
    arbitrary: fc.oneof(...nodeIds[entity].map((id) => steps(entity, nodes(id)[entity]))),
  })),
  { weight: 10, arbitrary: steps('membership', links.membership) },
  { weight: 10, arbitrary: steps('containment', links.containment) },
  { weight: 20, arbitrary: steps('grant', links.grant) },
  { weight: 2, arbitrary: steps('restriction', links.restriction) },
  { weight: 2, arbitrary: steps('claim', links.claim) },
  { weight: 1, arbitrary: steps('role', links.role) },
  { weight: 1, arbitrary: steps('edgeKey', links.edgeKey) },
)

/** A random grant, membership or containment. */
export const someLink: fc.Arbitrary<Step> = fc.oneof(
  insertion('membership', links.membership),
  insertion('containment', links.containment),
  insertion(
    'grant',
    links.grant.map((row) => ({ ...row, id: row.id + 100 })),
  ),
)

/** One of the roles with other values: what an edit would make of it. */
const editedRole: fc.Arbitrary<RoleRow> = fc
  .record({
    role: pick([...builtInRoles, ...customRoles]),
    selfMask: fc.integer({ min: 0, max: allPermissions }),
    contentMask: fc.integer({ min: 0, max: allPermissions }),
    suborganisationMask: fc.integer({ min: 0, max: allPermissions }),
    openemsRole: orNull(pick(openemsRoles), 2),
    /** Most edits change a little: random masks alone would be refused nearly always. */
    isSmall: fc.boolean(),
    bit: fc.nat({ max: 20 }),
  })
  .map(({ role, isSmall, bit, ...values }) =>
    isSmall
      ? { ...role, selfMask: role.selfMask ^ (1 << bit), openemsRole: values.openemsRole }
      : { ...role, ...values },
  )

/** A random edit of a role. */
export const someRoleEdit: fc.Arbitrary<Step> = insertion('role', editedRole)

/** Steps that make a world with every node in it, and random links and rights between them. */
export const someWorld: fc.Arbitrary<Step[]> = fc
  .tuple(
    fc.tuple(
      ...(Object.keys(nodeIds) as Node[]).flatMap((entity) =>
        nodeIds[entity].map((id) => insertion(entity, nodes(id)[entity])),
      ),
    ),
    fc.array(someStep, { minLength: 20, maxLength: 80, size: 'max' }),
  )
  .map(([base, rest]) => [
    ...[...builtInRoles, ...customRoles].map((row): Step => ({ entity: 'role', id: row.id, row })),
    ...base,
    ...rest,
  ])

function steps<E extends EntityName>(entity: E, rows: fc.Arbitrary<EntityRows[E]>): fc.Arbitrary<Step> {
  return fc
    .tuple(rows, fc.nat({ max: 5 }))
    .map(([row, dice]) => ({ entity, id: row.id, row: dice === 0 ? null : row }) as Step)
}

function insertion<E extends EntityName>(entity: E, rows: fc.Arbitrary<EntityRows[E]>): fc.Arbitrary<Step> {
  return rows.map((row) => ({ entity, id: row.id, row }) as Step)
}

/** The state that steps lead to, and the log of the way there. */
export class History {
  readonly snapshot: Snapshot = emptySnapshot()
  readonly log: Change[] = []

  constructor(taken: readonly Step[] = []) {
    for (const step of taken) this.take(step)
  }

  /** Takes a step and returns its entry in the log; none for deleting what is not there. */
  take(step: Step): Change[] {
    const table: { id: number }[] = this.snapshot[step.entity]
    const at = table.findIndex((row) => row.id === step.id)
    if (at < 0 && step.row === null) return []
    const before = at < 0 ? null : table[at]
    if (at >= 0) table.splice(at, 1)
    if (step.row) table.push(step.row)
    this.snapshot.revision++
    const change = {
      revision: this.snapshot.revision,
      entity: step.entity,
      id: step.id,
      before,
      after: step.row,
    } as Change
    this.log.push(change)
    return [change]
  }

  /** A copy that later steps do not alter. */
  copy(): Snapshot {
    return structuredClone(this.snapshot)
  }
}
