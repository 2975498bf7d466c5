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

const { discover, overview, history } = { discover: maskOf('discover'), overview: maskOf('overview'), history: maskOf('history') }

/** Roles beside the built-in ones: some that reach only one relation, some that project nothing. */
export const customRoles: readonly RoleRow[] = [
  custom(50, maskOf('discover', 'share', 'manageGroup'), discover | maskOf('detail'), 0, 'guest'),
  custom(51, discover, discover | overview, 0, null),
  custom(52, maskOf('discover', 'edit', 'createSite', 'createSub', 'share'), allPermissions, allPermissions, 'installer'),
  custom(53, maskOf('discover', 'share'), 0, discover | history, null),
  custom(54, overview, overview, overview, null),
]

function custom(id: number, self: number, content: number, sub: number, role: RoleRow['openemsRole']): RoleRow {
  return { id, name: `custom.${id}`, organisationId: null, selfMask: self, contentMask: content, suborganisationMask: sub, openemsRole: role }
}

const time = fc.option(fc.constantFrom(...times), { freq: 2 })
const period = fc
  .tuple(fc.option(fc.constantFrom(...times), { freq: 1 }), fc.option(fc.constantFrom(...times), { freq: 1 }))
  .map(([a, b]) => (a !== null && b !== null && a >= b ? { validFrom: null, validTo: b } : { validFrom: a, validTo: b }))
export const someWindows: fc.Arbitrary<Window[]> = fc.array(fc.tuple(time, time), { maxLength: 3 })
const windows = fc.option(someWindows, { freq: 1 })

/** A change to one row; null deletes it. */
export type Step = { [E in EntityName]: { entity: E; id: number; row: EntityRows[E] | null } }[EntityName]

const pick = <T>(values: readonly T[]) => fc.constantFrom(...values)
const maybe = <T>(values: readonly T[]) => fc.option(pick(values), { freq: 2 })

const arbitraries: { [E in EntityName]: fc.Arbitrary<EntityRows[E]> } = {
  user: fc.record({
    id: pick(userIds),
    disabledAt: fc.option(fc.constant(0), { freq: 0.3 }),
    shareable: fc.boolean(),
  }).map((row) => ({ ...row, login: `u${row.id}`, email: null, name: `U${row.id}`, language: 'EN', settings: {}, globalRole: 'guest' })),
  userGroup: fc
    .record({ id: pick(userGroupIds), organisationId: maybe(organisationIds), ownerId: maybe(userIds) })
    .map((row) => ({ ...row, name: `g${row.id}`, description: '', purpose: '' })),
  service: fc
    .record({ id: pick(serviceIds), disabledAt: fc.option(fc.constant(0), { freq: 0.3 }) })
    .map((row) => ({ ...row, name: `s${row.id}`, organisationId: null })),
  membership: fc
    .record({
      groupId: pick(userGroupIds),
      memberId: pick(principalIds),
      state: pick(['active', 'active', 'active', 'invited', 'rejected'] as const),
      period,
    })
    .map(({ groupId, memberId, state, period: { validFrom, validTo } }) => ({
      id: groupId * 100 + memberId,
      groupId,
      memberId: groupId === memberId ? 10 : memberId,
      state,
      validFrom,
      validTo,
      addedBy: null,
    })),
  organisation: fc
    .record({
      id: pick(organisationIds),
      parentId: fc.boolean(),
      canEditSites: fc.boolean(),
      canCreateSuborganisations: fc.boolean(),
      maxOpenemsRole: pick(openemsRoles),
      publicAccess: fc.boolean(),
      strictRoles: fc.boolean(),
    })
    .map((row) => ({ ...row, name: `o${row.id}`, parentId: row.parentId && row.id > 10 ? row.id - 1 : null })),
  site: fc
    .record({ id: pick(siteIds), organisationId: pick(organisationIds) })
    .map((row) => ({ ...row, name: `site ${row.id}`, isVirtual: false, location: '', labels: [] })),
  edge: fc
    .record({
      id: pick(edgeIds),
      comment: pick(['', 'Haus 2', 'haus 10', 'Heat pump']),
      producttype: pick(['home', 'industrial']),
      siteId: maybe(siteIds),
      organisationId: maybe(organisationIds),
    })
    .map((row) => ({ ...row, edgeId: edgeNames[row.id - 30] ?? '', settings: {} })),
  edgeKey: fc
    .record({ id: pick([1, 2]), edgeId: pick(edgeIds) })
    .map((row) => ({ ...row, keyHash: `hash${row.id}`, validTo: null })),
  edgeGroup: fc
    .record({ id: pick(edgeGroupIds), organisationId: maybe(organisationIds), ownerId: maybe(userIds) })
    .map((row) => ({ ...row, name: `group ${row.id}`, description: '', purpose: '' })),
  containment: fc
    .record({ parentId: pick([...organisationIds, ...edgeGroupIds, ...edgeGroupIds]), childId: pick(resourceIds) })
    .map(({ parentId, childId }) => ({ id: parentId * 100 + childId, parentId, childId })),
  role: pick([...builtInRoles, ...customRoles]),
  grant: fc
    .record({
      id: fc.integer({ min: 1, max: 12 }),
      principalId: pick(principalIds),
      resourceId: pick(resourceIds),
      roleId: pick([...builtInRoles, ...customRoles].map((role) => role.id)),
      components: fc.option(fc.subarray(['meter*', 'ess0']), { freq: 1 }),
      period,
      dataWindows: windows,
    })
    .map(({ period: { validFrom, validTo }, ...row }) => ({ ...row, validFrom, validTo, source: 'manual', grantedBy: null })),
  restriction: fc
    .record({ userId: pick(userIds), edgeId: pick(edgeIds), windows: someWindows })
    .map((row) => ({ ...row, id: row.userId * 100 + row.edgeId })),
  claim: fc
    .record({ userId: pick(userIds), key: pick(['sensors', 'control', 'buildingproperties', 'reports']), value: pick(['NONE', 'READ']) })
    .map((row) => ({ ...row, id: row.userId * 100 + row.key.length })),
}

const weights: { [E in EntityName]: number } = {
  user: 2,
  userGroup: 2,
  service: 1,
  membership: 8,
  organisation: 3,
  site: 3,
  edge: 5,
  edgeKey: 1,
  edgeGroup: 3,
  containment: 9,
  role: 1,
  grant: 12,
  restriction: 2,
  claim: 2,
}

const entities = Object.keys(weights) as EntityName[]

/** One random insert, update or deletion. */
export const someStep: fc.Arbitrary<Step> = fc.oneof(
  ...entities.map((entity) => ({
    weight: weights[entity],
    arbitrary: fc
      .tuple(arbitraries[entity], fc.nat({ max: 5 }))
      .map(([row, dice]) => ({ entity, id: row.id, row: dice === 0 ? null : row }) as Step),
  })),
)

/** A world with every node in it, and random links and rights between them. */
export const someWorld: fc.Arbitrary<Snapshot> = fc
  .tuple(
    ...(['user', 'userGroup', 'service', 'organisation', 'site', 'edge', 'edgeGroup'] as const).map((entity) =>
      fc.uniqueArray(arbitraries[entity] as fc.Arbitrary<{ id: number }>, { minLength: 3, maxLength: 5, selector: (row) => row.id }),
    ).map((rows) => rows.map((list) => list)),
    fc.array(someStep, { minLength: 15, maxLength: 40 }),
  )
  .map(() => emptySnapshot())
