import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AccessIndex } from '../../../src/access/access-index.ts'
import { permissionBits, type Snapshot } from '../../../src/access/model.ts'
import { History, principalIds, resourceIds, someWorld, times, userIds } from './worlds.ts'

const permissions = ['discover', 'history', 'control', 'share', 'createSite'] as const

describe('explanations', () => {
  it('say allowed exactly when a check does, with a path that shows it (invariant 5)', () => {
    fc.assert(
      fc.property(someWorld, fc.constantFrom(...times), fc.constantFrom(...permissions), (world, at, permission) => {
        const index = AccessIndex.fromSnapshot(new History(world).snapshot)
        for (const principalId of principalIds) {
          for (const resourceId of resourceIds) {
            const told = index.explainAccess({ askerId: null, principalId, resourceId, permission }, at)
            const where = `${principalId} ${permission} on ${resourceId} at ${at}`
            expect(told.allowed, where).toBe(index.allows(principalId, permission, resourceId, at))
            const hasPath = told.paths.some(({ obstacles }) => obstacles.length === 0)
            expect(told.allowed, where).toBe(hasPath && told.caps.length === 0 && told.code !== 'unknownPrincipal')
          }
        }
      }),
      { numRuns: 40 },
    )
  })

  it('name changes each of which would do', () => {
    fc.assert(
      fc.property(someWorld, fc.constantFrom(...times), fc.constantFrom(...permissions), (world, at, permission) => {
        const { snapshot } = new History(world)
        const index = AccessIndex.fromSnapshot(snapshot)
        for (const principalId of userIds) {
          for (const resourceId of resourceIds) {
            const told = index.explainAccess({ askerId: null, principalId, resourceId, permission }, at)
            for (const { code, node, detail } of told.nearMisses) {
              const changed = structuredClone(snapshot)
              change(changed, code, principalId, resourceId, node.id ?? 0, detail)
              const allowed = AccessIndex.fromSnapshot(changed).allows(principalId, permission, resourceId, at)
              expect(allowed, `${principalId} ${permission} on ${resourceId} at ${at}: ${code} ${node.id}`).toBe(true)
            }
          }
        }
      }),
      { numRuns: 15 },
    )
  })

  it('tell an asker only of what he can discover (invariant 8, G-14, GD-04)', () => {
    fc.assert(
      fc.property(someWorld, fc.constantFrom(...times), (world, at) => {
        const index = AccessIndex.fromSnapshot(new History(world).snapshot)
        for (const askerId of userIds) {
          for (const principalId of userIds) {
            for (const resourceId of resourceIds) {
              const told = index.explainAccess({ askerId, principalId, resourceId, permission: 'control' }, at)
              const nodes = [
                ...told.paths.flatMap(({ resources }) => resources),
                ...told.nearMisses.map(({ node }) => node),
              ]
              for (const { kind, id } of nodes) {
                if (id === null || ['user', 'group', 'service', 'public', 'platform'].includes(kind)) continue
                expect((index.access(askerId, id, at).mask & permissionBits.discover) !== 0).toBe(true)
              }
              if (!index.allows(askerId, 'discover', resourceId, at) && !index.allows(askerId, 'manageUser', 1, at)) {
                if (!index.allows(askerId, 'share', resourceId, at)) expect(told.code).toBe('notFound')
              }
            }
          }
        }
      }),
      { numRuns: 25 },
    )
  })
})

/** Makes the change that a near miss names. */
function change(
  world: Snapshot,
  code: string,
  principalId: number,
  resourceId: number,
  id: number,
  detail: string | null,
): void {
  const open = { validFrom: null, validTo: null }
  const grant = {
    id: 999,
    principalId,
    resourceId,
    roleId: 1,
    components: null,
    ...open,
    dataWindows: null,
    source: '',
    grantedBy: null,
  }
  if (code === 'accountDisabled') world.user = world.user.map((row) => ({ ...row, disabledAt: null }))
  if (code === 'claimNone') world.claim = world.claim.filter((row) => row.key !== detail)
  if (code.startsWith('membership')) {
    world.membership = world.membership.map((row) => (row.groupId === id ? { ...row, ...open, state: 'active' } : row))
  }
  if (code === 'grantNotYet' || code === 'grantEnded') {
    world.grant = world.grant.map((row) => (row.resourceId === id ? { ...row, ...open } : row))
  }
  if (code === 'roleLacks')
    world.grant = world.grant.map((row) => (row.resourceId === id ? { ...row, roleId: 1 } : row))
  if (code === 'dataWindows')
    world.grant = world.grant.map((row) => (row.resourceId === id ? { ...row, dataWindows: null } : row))
  if (code === 'restriction') world.restriction = world.restriction.filter((row) => row.edgeId !== resourceId)
  if (code === 'entityGate') world.organisation = world.organisation.map((row) => ({ ...row, canEditSites: true }))
  if (code === 'noPublicAccess') world.organisation = world.organisation.map((row) => ({ ...row, publicAccess: true }))
  if (code === 'notMember') {
    const known = world.membership.filter((row) => row.groupId !== id || row.memberId !== principalId)
    world.membership = [
      ...known,
      { id: 999, groupId: id, memberId: principalId, state: 'active', ...open, addedBy: null },
    ]
  }
  if (code === 'notContained') world.containment.push({ id: 999, parentId: id, childId: resourceId })
  if (code === 'noGrant') world.grant.push(grant)
}
