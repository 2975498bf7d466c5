import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AccessIndex } from '../../../src/access/access-index.ts'
import { type Explanation, explain, explainsOthers } from '../../../src/access/explain.ts'
import { type NearMiss, nearMisses } from '../../../src/access/explain-near.ts'
import { Slice } from '../../../src/access/explain-slice.ts'
import { type Permission, permissionBits, type Snapshot } from '../../../src/access/model.ts'
import { managesUsers, seesUser, seesUserGroup } from '../../../src/access/people-door.ts'
import { History, principalIds, resourceIds, someWorld, times, userIds } from './worlds.ts'

const permissions = ['discover', 'history', 'control', 'share', 'createSite', 'createSub'] as const
const someMoment = fc.constantFrom(...times)
const somePermission = fc.constantFrom(...permissions)

interface Question {
  principalId: number
  resourceId: number
  permission: Permission
  at: number
}

function ask(index: AccessIndex, askerId: number | null, question: Question, snapshot?: Snapshot): Explanation {
  const { principalId, resourceId, permission, at } = question
  const found = index.explainable(principalId, resourceId, permission)
  return explain({ index, askerId, at }, { ...question, ...found, own: ownGroups(snapshot, askerId) })
}

function ownGroups(snapshot: Snapshot | undefined, askerId: number | null): Set<number> {
  const own = snapshot?.membership.filter((row) => row.memberId === askerId && row.state !== 'rejected') ?? []
  return new Set(own.map((row) => row.groupId))
}

describe('explanations', () => {
  it('say allowed exactly when a check does, with a path that shows it (invariant 5, C-11)', () => {
    fc.assert(
      fc.property(someWorld, someMoment, somePermission, (world, at, permission) => {
        const index = AccessIndex.fromSnapshot(new History(world).snapshot)
        for (const principalId of principalIds) {
          for (const resourceId of resourceIds) {
            const told = ask(index, null, { principalId, resourceId, permission, at })
            const where = `${principalId} ${permission} on ${resourceId} at ${at}`
            const access = index.access(principalId, resourceId, at)
            expect(told.allowed, where).toBe(index.allows(principalId, permission, resourceId, at))
            expect([told.role ?? undefined, maskOf(told.permissions)], where).toEqual([access.role, access.mask])
            const given = told.paths.reduce((sum, path) => sum | maskOf(path.permissions), 0)
            const cut = told.caps.reduce((sum, cap) => sum | maskOf(cap.permissions), 0)
            if (told.morePaths === 0) expect(given & ~cut, where).toBe(access.mask)
            expect(told.allowed && told.nearMisses.length > 0, where).toBe(false)
          }
        }
      }),
      { numRuns: 30 },
    )
  })

  it('name changes each of which would do, one row each', () => {
    fc.assert(
      fc.property(someWorld, someMoment, somePermission, (world, at, permission) => {
        const { snapshot } = new History(world)
        const index = AccessIndex.fromSnapshot(snapshot)
        for (const principalId of userIds) {
          for (const resourceId of resourceIds) {
            if (index.allows(principalId, permission, resourceId, at)) continue
            const { rows, neighbours } = index.explainable(principalId, resourceId, permission)
            const slice = new Slice(rows)
            const misses = nearMisses(slice, principalId, resourceId, permissionBits[permission], at, neighbours)
            for (const miss of misses) {
              const changed = AccessIndex.fromSnapshot(mended(snapshot, miss, principalId, resourceId))
              const where = `${principalId} ${permission} on ${resourceId} at ${at}: ${miss.code} ${miss.id}`
              expect(changed.allows(principalId, permission, resourceId, at), where).toBe(true)
            }
          }
        }
      }),
      { numRuns: 6 },
    )
  })

  it('tell an asker only of what he can discover (invariant 8, G-14, GD-04)', () => {
    fc.assert(
      fc.property(someWorld, someMoment, somePermission, (world, at, permission) => {
        const { snapshot } = new History(world)
        const index = AccessIndex.fromSnapshot(snapshot)
        for (const askerId of userIds) {
          const names = unknownNames(index, snapshot, askerId, at)
          for (const principalId of userIds) {
            for (const resourceId of resourceIds) {
              const told = ask(index, askerId, { principalId, resourceId, permission, at }, snapshot)
              const look = { index, askerId, at }
              const isOwn = askerId === principalId && index.allows(askerId, 'discover', resourceId, at)
              const mayAsk = explainsOthers(look, resourceId) || isOwn
              expect(told.code === 'notFound').toBe(!mayAsk)
              const text = JSON.stringify(told)
              for (const name of names) if (name !== `u${principalId}`) expect(text).not.toContain(`"${name}"`)
              for (const word of [
                told.sentence,
                told.fix?.sentence ?? '',
                ...told.nearMisses.map((miss) => miss.reason),
              ]) {
                for (const name of names) if (name !== `u${principalId}`) expect(` ${word} `).not.toContain(` ${name} `)
              }
            }
          }
        }
      }),
      { numRuns: 15 },
    )
  })
})

function maskOf(held: readonly Permission[]): number {
  return held.reduce((sum, permission) => sum | permissionBits[permission], 0)
}

/** Names of all that the asker may not know of. */
function unknownNames(index: AccessIndex, snapshot: Snapshot, askerId: number, at: number): string[] {
  const look = { index, askerId, at }
  if (managesUsers(look)) return []
  const own = ownGroups(snapshot, askerId)
  const resources = [...snapshot.organisation, ...snapshot.site, ...snapshot.edgeGroup].map(({ id, name }) => ({
    id,
    name,
  }))
  const edges = snapshot.edge.map(({ id, edgeId }) => ({ id, name: edgeId }))
  return [
    ...[...resources, ...edges].filter(({ id }) => !index.allows(askerId, 'discover', id, at)).map(({ name }) => name),
    ...snapshot.user.filter((user) => !seesUser(look, user)).map(({ login }) => login),
    ...snapshot.userGroup.filter((group) => !seesUserGroup(look, group, own)).map(({ name }) => name),
  ]
}

/** The world with the change that a near miss names. */
function mended(before: Snapshot, miss: NearMiss, principalId: number, resourceId: number): Snapshot {
  const world = structuredClone(before)
  const { code, id, memberId = 0, detail } = miss
  const open = { validFrom: null, validTo: null }
  const terms = { components: null, ...open, dataWindows: null, source: '', grantedBy: null }
  const replace = <R extends { id: number }>(rows: R[], rowId: number | undefined, change: Partial<R>) =>
    rows.map((row) => (row.id === rowId ? { ...row, ...change } : row))
  switch (code) {
    case 'accountDisabled':
      world.user = replace(world.user, id, { disabledAt: null })
      break
    case 'claimNone':
      world.claim = world.claim.filter((row) => row.key !== detail || row.userId !== principalId)
      break
    case 'restriction':
      world.restriction = world.restriction.filter((row) => row.edgeId !== id || row.userId !== principalId)
      break
    case 'membershipInvited':
    case 'membershipRejected':
      world.membership = replace(world.membership, miss.membership?.id, { state: 'active' })
      break
    case 'membershipNotYet':
    case 'membershipEnded':
      world.membership = replace(world.membership, miss.membership?.id, { ...open, state: 'active' })
      break
    case 'grantNotYet':
    case 'grantEnded':
      world.grant = replace(world.grant, miss.grant?.id, open)
      break
    case 'dataWindows':
      world.grant = replace(world.grant, miss.grant?.id, { dataWindows: null })
      break
    case 'roleLacks':
      world.role.push({ ...allRole })
      world.grant = replace(world.grant, miss.grant?.id, { roleId: allRole.id })
      break
    case 'entityGate':
      world.organisation = replace(world.organisation, id, { canEditSites: true })
      break
    case 'suborganisationGate':
      world.organisation = replace(world.organisation, id, { canCreateSuborganisations: true })
      break
    case 'noPublicAccess':
      world.organisation = replace(world.organisation, id, { publicAccess: true })
      break
    case 'notMember':
      world.membership.push({ id: 9999, groupId: id, memberId, state: 'active', ...open, addedBy: null })
      break
    case 'notContained':
      world.containment.push({ id: 99999, parentId: id, childId: memberId })
      break
    case 'noGrant':
      world.role.push({ ...allRole })
      world.grant.push({ id: 999, principalId, resourceId, roleId: allRole.id, ...terms })
  }
  return world
}

const allRole = {
  id: 99,
  name: 'all',
  organisationId: null,
  selfMask: -1 >>> 11,
  contentMask: -1 >>> 11,
  suborganisationMask: -1 >>> 11,
  openemsRole: null,
}
