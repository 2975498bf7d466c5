import { describe, expect, it } from 'vitest'
import type { AccessIndex } from '../../../src/access/access-index.ts'
import { type Permission, PLATFORM_RESOURCE_ID, type Window } from '../../../src/access/model.ts'
import { builtInRoles } from '../../../src/access/roles.ts'
import { atOnce } from '../../../src/lib/slices.ts'
import { Scene } from './scene.ts'

const now = 1000
const open = { validFrom: null, validTo: null }

interface Offer {
  validFrom?: number | null
  validTo?: number | null
  dataWindows?: Window[] | null
  components?: string[] | null
}

function offer(
  index: AccessIndex,
  actorId: number,
  role: string,
  resourceId: number,
  more: Offer = {},
  by?: Permission,
) {
  const roleId = builtInRoles.find(({ name }) => name === role)?.id ?? 0
  return index.guardGrant(actorId, { resourceId, roleId, ...open, dataWindows: null, ...more }, now, by)
}

describe('granting', () => {
  it('G-19: takes the right to grant, whatever else one holds', () => {
    const scene = new Scene()
    const anna = scene.user('anna')
    const edge = scene.edge('edge1')
    scene.grant(anna, 'openems.installer', edge)
    expect(offer(scene.index(), anna, 'openems.guest', edge)).toEqual({ ok: false, reason: 'noShare' })
    expect(offer(scene.index(), anna, 'openems.guest', 9999)).toEqual({ ok: false, reason: 'unknown' })
  })

  it('G-01: conveys nothing that one does not hold', () => {
    const scene = new Scene()
    const anna = scene.user('anna')
    const edge = scene.edge('edge1')
    scene.grant(anna, 'resource.administration', edge)
    const index = scene.index()
    expect(offer(index, anna, 'resource.administration', edge)).toEqual({ ok: true })
    expect(offer(index, anna, 'openems.owner', edge)).toEqual({ ok: true })
    expect(offer(index, anna, 'openems.installer', edge)).toEqual({
      ok: false,
      reason: 'exceeds',
      missing: ['install'],
    })
    const refused = offer(index, anna, 'openems.admin', edge)
    expect(refused).toMatchObject({ ok: false, reason: 'exceeds' })
    expect(!refused.ok && refused.missing).toContain('configRaw')
  })

  it('G-01: not for longer than one holds it oneself', () => {
    const scene = new Scene()
    const anna = scene.user('anna')
    const edge = scene.edge('edge1')
    const group = scene.userGroup('installers')
    scene.member(group, anna, { validTo: 2000 })
    scene.grant(group, 'resource.administration', edge, { validTo: 3000 })
    const index = scene.index()
    expect(offer(index, anna, 'openems.guest', edge, { validTo: 2000 }).ok).toBe(true)
    expect(offer(index, anna, 'openems.guest', edge, { validTo: 2001 }).ok).toBe(false)
    expect(offer(index, anna, 'openems.guest', edge).ok).toBe(false)
    expect(offer(index, anna, 'openems.guest', edge, { validFrom: 2500, validTo: 2600 }).ok).toBe(false)
  })

  it('G-01: not beyond the data one sees oneself, nor other components', () => {
    const scene = new Scene()
    const anna = scene.user('anna')
    const edge = scene.edge('edge1')
    const limits = { dataWindows: [[500, 2000] as const], components: ['meter*'] }
    scene.grant(anna, 'resource.administration', edge, limits)
    const index = scene.index()
    const components = ['meter1']
    const until = { validTo: 1500 }
    expect(offer(index, anna, 'openems.guest', edge, { ...until, dataWindows: [[600, 1900]], components }).ok).toBe(
      true,
    )
    expect(offer(index, anna, 'openems.guest', edge, { ...until, dataWindows: [[400, 1900]], components }).ok).toBe(
      false,
    )
    expect(offer(index, anna, 'openems.guest', edge, { ...until, dataWindows: null, components }).ok).toBe(false)
    expect(offer(index, anna, 'openems.guest', edge, { ...until, dataWindows: [[600, 1900]] }).ok).toBe(false)
    expect(
      offer(index, anna, 'openems.guest', edge, { ...until, dataWindows: [[600, 1900]], components: ['ess0'] }).ok,
    ).toBe(false)
  })

  it('D-14: whoever is restricted on an edge does not pass it on unrestricted within a group', () => {
    const scene = new Scene()
    const anna = scene.user('anna')
    const edge = scene.edge('edge1')
    const site = scene.site('house', scene.organisation('o'))
    scene.rows.edge = scene.rows.edge.map((row) => ({ ...row, siteId: site }))
    scene.grant(anna, 'resource.administration', site)
    expect(offer(scene.index(), anna, 'resource.detail', site).ok).toBe(true)
    scene.restriction(anna, edge, [[0, 5000]])
    expect(offer(scene.index(), anna, 'resource.detail', site).ok).toBe(false)
    expect(offer(scene.index(), anna, 'resource.detail', site, { dataWindows: [[100, 200]] }).ok).toBe(true)
  })

  it('P-10: a manager handles members up to his own role', () => {
    const scene = new Scene()
    const anna = scene.user('anna')
    const main = scene.organisation('main')
    scene.grant(anna, 'org.manager', main)
    const index = scene.index()
    const offered = ['org.manager', 'org.viewer', 'org.member', 'org.owner'].map(
      (role) => offer(index, anna, role, main, {}, 'manageMembers').ok,
    )
    expect(offered).toEqual([true, true, true, false])
    expect(offer(index, anna, 'org.viewer', main).ok).toBe(false)
  })

  it('T5: who administers a group of edges does not hand out control of them', () => {
    const scene = new Scene()
    const anna = scene.user('anna')
    const group = scene.edgeGroup('group', [scene.edge('edge1')])
    scene.grant(anna, 'group.administration', group)
    expect(offer(scene.index(), anna, 'group.detail', group).ok).toBe(true)
    expect(offer(scene.index(), anna, 'openems.owner', group).ok).toBe(false)
  })
})

describe('containment', () => {
  function scene() {
    const scene = new Scene()
    const [anna, bert] = [scene.user('anna'), scene.user('bert')]
    const edge = scene.edge('edge1')
    const group = scene.edgeGroup('group of bert')
    scene.grant(anna, 'resource.administration', edge)
    scene.grant(bert, 'group.administration', group)
    return { scene, anna, bert, edge, group }
  }

  it('T4, G-30: knowing an id is no right; the group takes in what its owner may pass on', () => {
    const { scene: world, anna, bert, edge, group } = scene()
    const link = { parentId: group, childId: edge }
    expect(atOnce(world.index().guardContainment(bert, link, now))).toEqual({ ok: false, reason: 'noShare' })
    expect(atOnce(world.index().guardContainment(anna, link, now))).toEqual({ ok: false, reason: 'noShare' })
    world.grant(anna, 'group.administration', group)
    expect(atOnce(world.index().guardContainment(anna, link, now))).toEqual({ ok: true })
  })

  it('C-09: into a hundred groups of one owner at most, which does not use up the room of others', () => {
    const { scene: world, anna, bert, edge } = scene()
    for (let n = 0; n < 100; n++) world.edgeGroup(`of bert ${n}`, [edge])
    const groupOf = (ownerId: number) => {
      const id = world.edgeGroup('one more')
      Object.assign(world.rows.edgeGroup.at(-1) ?? {}, { ownerId })
      world.grant(ownerId, 'group.administration', id)
      return id
    }
    for (const group of world.rows.edgeGroup) Object.assign(group, { ownerId: bert })
    world.grant(bert, 'resource.administration', edge)
    const offered = (ownerId: number) => {
      const parentId = groupOf(ownerId)
      return atOnce(world.index().guardContainment(ownerId, { parentId, childId: edge }, now))
    }
    expect(offered(bert)).toEqual({ ok: false, reason: 'tooMany' })
    expect(offered(anna)).toEqual({ ok: true })
  })

  it('T4: not into a group that would get more than one holds', () => {
    const { scene: world, anna, edge, group } = scene()
    world.grant(anna, 'group.administration', group)
    world.grant(world.user('carl'), 'openems.admin', world.edgeGroup('above', [group]))
    expect(atOnce(world.index().guardContainment(anna, { parentId: group, childId: edge }, now))).toMatchObject({
      ok: false,
      reason: 'exceeds',
    })
  })

  it('G-34, C-09: neither in circles nor deeper than ten', () => {
    const world = new Scene()
    const admin = world.user('admin')
    world.grant(admin, 'openems.admin', PLATFORM_RESOURCE_ID)
    const chain = Array.from({ length: 11 }, (_, place) => world.edgeGroup(`level ${place}`))
    for (let level = 1; level < 10; level++) world.contain(chain[level - 1] ?? 0, chain[level] ?? 0)
    const [first = 0, second = 0] = chain
    const [tenth = 0, eleventh = 0] = chain.slice(9)
    const index = world.index()
    expect(atOnce(index.guardContainment(admin, { parentId: tenth, childId: first }, now))).toEqual({
      ok: false,
      reason: 'cycle',
    })
    expect(atOnce(index.guardContainment(admin, { parentId: first, childId: first }, now))).toEqual({
      ok: false,
      reason: 'cycle',
    })
    expect(atOnce(index.guardContainment(admin, { parentId: tenth, childId: eleventh }, now))).toEqual({
      ok: false,
      reason: 'tooDeep',
    })
    expect(atOnce(index.guardContainment(admin, { parentId: second, childId: eleventh }, now))).toEqual({ ok: true })
  })

  it('G-25: at most a hundred groups hold one edge directly', () => {
    const world = new Scene()
    const admin = world.user('admin')
    world.grant(admin, 'openems.admin', PLATFORM_RESOURCE_ID)
    const [edge, other] = [world.edge('edge1'), world.edge('edge2')]
    const groups = Array.from({ length: 101 }, (_, place) => world.edgeGroup(`group ${place}`, [other]))
    for (const group of groups.slice(0, 100)) world.contain(group, edge)
    const [first = 0] = groups
    const last = groups[100] ?? 0
    const index = world.index()
    const tooMany = { ok: false, reason: 'tooMany' }
    expect(atOnce(index.guardContainment(admin, { parentId: last, childId: edge }, now))).toEqual(tooMany)
    expect(index.misfit('containment', last, edge)).toBe('tooMany')
    // What lies in it already, or in more since before there was a limit, is no matter.
    expect(atOnce(index.guardContainment(admin, { parentId: first, childId: edge }, now))).toEqual({ ok: true })
    expect(index.allows(admin, 'discover', other, now)).toBe(true)
    expect(index.misfit('containment', first, last)).toBeUndefined()
  })

  it('P-08, G-01: an organisation goes below another only as far as one could grant it to those above that one', () => {
    const world = new Scene()
    const main = world.organisation('main')
    const open = { parentId: main, canEditSites: true, canCreateSuborganisations: true }
    const [here, there] = [world.organisation('here', open), world.organisation('there', open)]
    const team = world.organisation('team', { ...open, parentId: here })
    const [anna, root, staff] = [world.user('anna'), world.user('root'), world.user('staff')]
    world.grant(root, 'openems.admin', main)
    world.grant(anna, 'org.owner', here)
    world.grant(anna, 'org.owner', there)
    const move = { parentId: there, childId: team }
    // Whoever is above both has it already, however much he holds.
    expect(atOnce(world.index().guardOrganisation(anna, move, now))).toEqual({ ok: true })
    expect(atOnce(world.index().guardOrganisation(staff, move, now))).toMatchObject({ reason: 'noShare' })
    expect(atOnce(world.index().guardOrganisation(anna, { parentId: team, childId: here }, now))).toMatchObject({
      reason: 'cycle',
    })
    world.grant(staff, 'openems.admin', there)
    const refused = atOnce(world.index().guardOrganisation(anna, move, now))
    expect(refused).toMatchObject({ ok: false, reason: 'exceeds' })
    expect(refused).toHaveProperty('missing', expect.arrayContaining(['configRaw']))
    expect(atOnce(world.index().guardOrganisation(root, move, now))).toEqual({ ok: true })
  })

  it('P-18: a site is shared inside its own tree, and only what fits goes into each other', () => {
    const world = new Scene()
    const admin = world.user('admin')
    world.grant(admin, 'openems.admin', PLATFORM_RESOURCE_ID)
    const [main, other] = [world.organisation('main'), world.organisation('other')]
    const [sub, foreign] = [main, other].map((parentId) => world.organisation('sub', { parentId }))
    const site = world.site('house', main)
    const index = world.index()
    expect(atOnce(index.guardContainment(admin, { parentId: sub ?? 0, childId: site }, now))).toEqual({ ok: true })
    expect(index.misfit('containment', foreign ?? 0, site)).toBe('otherTenant')
    expect(index.misfit('containment', site, main)).toBe('wrongKind')
    expect(index.misfit('suborganisation', sub ?? 0, main)).toBe('cycle')
    expect(index.misfit('suborganisation', other, main)).toBeUndefined()
  })
})

describe('membership', () => {
  it('G-31: a member gets what the group and all groups above it hold, so one must be able to grant that', () => {
    const scene = new Scene()
    const [anna, bert] = [scene.user('anna'), scene.user('bert')]
    const [own, foreign] = [scene.edge('edge1'), scene.edge('edge2')]
    const group = scene.userGroup('group', { ownerId: anna })
    scene.grant(anna, 'resource.administration', own)
    scene.grant(group, 'resource.control', own)
    const join = { groupId: group, memberId: bert, ...open }
    expect(atOnce(scene.index().guardMembership(anna, join, now))).toEqual({ ok: true })
    scene.grant(scene.userGroup('above', { members: [group] }), 'resource.detail', foreign)
    expect(atOnce(scene.index().guardMembership(anna, join, now))).toEqual({ ok: false, reason: 'noShare' })
    scene.grant(anna, 'group.administration', foreign)
    expect(atOnce(scene.index().guardMembership(anna, join, now))).toEqual({ ok: true })
  })

  it('G-01: nobody lets himself into a group that holds more', () => {
    const scene = new Scene()
    const anna = scene.user('anna')
    const group = scene.userGroup('admins', { ownerId: anna })
    scene.grant(group, 'openems.admin', PLATFORM_RESOURCE_ID)
    expect(atOnce(scene.index().guardMembership(anna, { groupId: group, memberId: anna, ...open }, now)).ok).toBe(false)
  })

  it('G-34: groups do not contain themselves, however far round', () => {
    const scene = new Scene()
    const [a, b, c] = ['a', 'b', 'c'].map((name) => scene.userGroup(name))
    scene.member(a ?? 0, b ?? 0)
    scene.member(b ?? 0, c ?? 0, { state: 'invited', validTo: 1 })
    const index = scene.index()
    expect(index.misfit('membership', c ?? 0, a ?? 0)).toBe('cycle')
    expect(index.misfit('membership', a ?? 0, c ?? 0)).toBeUndefined()
    expect(index.misfit('membership', a ?? 0, scene.user('anna'))).toBeUndefined()
  })
})

describe('owners (P-09)', () => {
  function scene() {
    const world = new Scene()
    const [anna, bert] = [world.user('anna'), world.user('bert')]
    const main = world.organisation('main')
    return { world, anna, bert, main }
  }

  it('the last one can neither go, nor be disabled, nor leave the group that owns', () => {
    const { world, anna, main } = scene()
    const group = world.userGroup('owners')
    world.member(group, anna)
    world.grant(group, 'org.owner', main)
    const index = world.index()
    expect(index.ownersOf(main, now)).toEqual([anna])
    expect(index.ownerlessAfter({ usersRemoved: [anna] }, now)).toEqual([main])
    expect(index.ownerlessAfter({ membershipsRemoved: [...index.rows('membership')] }, now)).toEqual([main])
    expect(index.ownerlessAfter({ grantsRemoved: [...index.rows('grant')] }, now)).toEqual([main])
  })

  it('the last but one can', () => {
    const { world, anna, bert, main } = scene()
    world.grant(anna, 'org.owner', main)
    world.grant(bert, 'org.owner', main)
    const index = world.index()
    const [first] = [...index.rows('grant')]
    if (!first) throw new Error('no grant')
    expect(index.ownerlessAfter({ grantsRemoved: [first] }, now)).toEqual([])
    expect(index.ownerlessAfter({ usersRemoved: [anna] }, now)).toEqual([])
    expect(index.ownerlessAfter({ usersRemoved: [anna, bert] }, now)).toEqual([main])
  })

  it('handing over in one step is no loss, demotion is', () => {
    const { world, anna, bert, main } = scene()
    world.grant(anna, 'org.owner', main)
    const index = world.index()
    const [grant] = [...index.rows('grant')]
    if (!grant) throw new Error('no grant')
    const handedOver = { ...grant, id: 9998, principalId: bert }
    const demoted = { ...grant, roleId: 6 }
    expect(index.ownerlessAfter({ grantsRemoved: [grant], grantsAdded: [handedOver] }, now)).toEqual([])
    expect(index.ownerlessAfter({ grantsRemoved: [grant], grantsAdded: [demoted] }, now)).toEqual([main])
  })

  it('who owns only for a time, is disabled, invited or owns the organisation above does not count', () => {
    const { world, anna, bert, main } = scene()
    const group = world.userGroup('owners')
    world.member(group, anna, { state: 'invited' })
    world.grant(group, 'org.owner', main)
    world.grant(bert, 'org.owner', main, { validTo: now + 1 })
    world.grant(world.user('carl', { disabledAt: 1 }), 'org.owner', main)
    world.grant(world.service('robot'), 'org.owner', main)
    expect(world.index().ownersOf(main, now)).toEqual([])
    expect(world.index().ownerlessAfter({ usersRemoved: [bert] }, now)).toEqual([])
  })
})
