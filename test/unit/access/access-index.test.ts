import { describe, expect, it } from 'vitest'
import type { AccessIndex } from '../../../src/access/access-index.ts'
import { maskOf, type OpenemsRole, PLATFORM_RESOURCE_ID, PUBLIC_PRINCIPAL_ID } from '../../../src/access/model.ts'
import { Scene } from './scene.ts'

const now = 1000

/** The ids of the edges that somebody sees. */
function seen(index: AccessIndex, principalId: number, at = now): number[] {
  return index.listEdges(principalId, { order: [], offset: 0, limit: 100 }, at).map(({ id }) => id)
}

describe('groups (i-Grid)', () => {
  it('G-06, G-07: what is granted to a group reaches users at any depth, through every parent', () => {
    const scene = new Scene()
    const anna = scene.user('anna')
    const inner = scene.userGroup('inner', { members: [anna] })
    const left = scene.userGroup('left', { members: [inner] })
    const right = scene.userGroup('right', { members: [inner] })
    const top = scene.userGroup('top', { members: [left] })
    const [a, b] = [scene.edge('edge1'), scene.edge('edge2')]
    scene.grant(top, 'openems.guest', a)
    scene.grant(right, 'openems.owner', b)
    expect(seen(scene.index(), anna)).toEqual([a, b])
    expect(scene.index().edgeRole(anna, b, now)).toBe('owner')
  })

  it('G-05: permissions of all groups add up to the strongest', () => {
    const scene = new Scene()
    const anna = scene.user('anna')
    const edge = scene.edge('edge1')
    scene.grant(scene.userGroup('readers', { members: [anna] }), 'resource.detail', edge)
    scene.grant(scene.userGroup('operators', { members: [anna] }), 'resource.control', edge)
    expect(scene.index().edgeRole(anna, edge, now)).toBe('owner')
  })

  it('G-13: detail on a group of edges reaches everything within, at any depth', () => {
    const scene = new Scene()
    const anna = scene.user('anna')
    const edge = scene.edge('edge1')
    const inner = scene.edgeGroup('inner', [edge])
    const outer = scene.edgeGroup('outer', [inner])
    scene.grant(anna, 'group.detail', outer)
    const index = scene.index()
    expect(index.edgeRole(anna, edge, now)).toBe('guest')
    expect(index.allows(anna, 'detail', inner, now)).toBe(true)
    expect(index.listContainers(anna, 'edgeGroup', { offset: 0, limit: 9 }, now).map(({ name }) => name)).toEqual([
      'inner',
      'outer',
    ])
  })

  it('G-12, G-15: administration of a group gives detail on its content and no more', () => {
    const scene = new Scene()
    const anna = scene.user('anna')
    const edge = scene.edge('edge1')
    const group = scene.edgeGroup('group', [edge])
    scene.grant(anna, 'group.administration', group)
    const index = scene.index()
    expect(index.allows(anna, 'share', group, now)).toBe(true)
    expect(index.allows(anna, 'detail', edge, now)).toBe(true)
    expect(index.allows(anna, 'control', edge, now)).toBe(false)
    expect(index.allows(anna, 'share', edge, now)).toBe(false)
  })

  it('G-14: without a grant nothing is known', () => {
    const scene = new Scene()
    const anna = scene.user('anna')
    const edge = scene.edge('edge1', { comment: 'secret' })
    const index = scene.index()
    expect(index.edgeRole(anna, edge, now)).toBeUndefined()
    expect(index.access(anna, edge, now).mask).toBe(0)
    expect(index.listEdges(anna, { text: 'secret', order: [], offset: 0, limit: 9 }, now)).toEqual([])
    expect(index.countEdges(anna, now, 2)).toBe(0)
  })

  it('G-22: out of the group, the direct grant remains', () => {
    const scene = new Scene()
    const anna = scene.user('anna')
    const edge = scene.edge('edge1')
    scene.grant(anna, 'resource.administration', edge)
    scene.grant(anna, 'group.administration', scene.edgeGroup('The edges of anna', [edge]))
    const index = scene.index()
    const [containment] = scene.rows.containment
    if (!containment) throw new Error('no containment')
    index.apply([{ revision: 2, entity: 'containment', id: containment.id, before: containment, after: null }])
    expect(index.edgeRole(anna, edge, now)).toBe('owner')
  })

  it('G-04 G-29: nobody finds a site by a location or label that he is not shown', () => {
    const scene = new Scene()
    const [anna, bert] = [scene.user('anna'), scene.user('bert')]
    const site = scene.site('Home', scene.organisation('main'))
    Object.assign(scene.rows.site[0] ?? {}, { location: 'Elm Street 1', labels: ['school'] })
    scene.grant(anna, 'resource.detail', site)
    scene.grant(bert, 'resource.overview', site)
    const index = scene.index()
    const found = (who: number, text: string) =>
      index.listContainers(who, 'site', { text, offset: 0, limit: 9 }, now).length
    expect(['elm', 'school', 'home'].map((text) => found(anna, text))).toEqual([1, 1, 1])
    expect(['elm', 'school', 'home'].map((text) => found(bert, text))).toEqual([0, 0, 1])
  })

  it('P-22: an invited or rejected member is none', () => {
    const scene = new Scene()
    const [anna, bert] = [scene.user('anna'), scene.user('bert')]
    const group = scene.userGroup('group')
    scene.member(group, anna, { state: 'invited' })
    scene.member(group, bert, { state: 'rejected' })
    const edge = scene.edge('edge1')
    scene.grant(group, 'openems.guest', edge)
    expect([anna, bert].map((id) => scene.index().edgeRole(id, edge, now))).toEqual([undefined, undefined])
  })

  it('tells services from users in nothing', () => {
    const scene = new Scene()
    const backend = scene.service('backend')
    const edge = scene.edge('edge1')
    scene.grant(scene.userGroup('machines', { members: [backend] }), 'openems.installer', edge)
    expect(scene.index().edgeRole(backend, edge, now)).toBe('installer')
  })
})

describe('organisations (EcoPhi)', () => {
  function tree() {
    const scene = new Scene()
    const main = scene.organisation('main')
    const sub = scene.organisation('sub', { parentId: main })
    const subsub = scene.organisation('subsub', { parentId: sub })
    const [shared, own] = [scene.site('shared', main), scene.site('own', main)]
    scene.contain(sub, shared)
    const [sharedEdge, ownEdge] = [scene.edge('edge1', { siteId: shared }), scene.edge('edge2', { siteId: own })]
    return { scene, main, sub, subsub, shared, own, sharedEdge, ownEdge, anna: scene.user('anna') }
  }

  it('P-14: members of the main organisation see all its sites', () => {
    const { scene, main, anna, sharedEdge, ownEdge } = tree()
    scene.grant(anna, 'org.viewer', main)
    expect(seen(scene.index(), anna)).toEqual([sharedEdge, ownEdge])
  })

  it('P-15: members of a sub-organisation see exactly the sites shared with it', () => {
    const { scene, sub, anna, sharedEdge } = tree()
    scene.grant(anna, 'org.manager', sub)
    expect(seen(scene.index(), anna)).toEqual([sharedEdge])
  })

  it('P-17: a manager of the main organisation has nothing in a sub-organisation, P-08: an owner all', () => {
    const { scene, main, sub, subsub, anna } = tree()
    const bert = scene.user('bert')
    scene.grant(anna, 'org.manager', main)
    scene.grant(bert, 'org.owner', main)
    const index = scene.index()
    expect(index.allows(anna, 'discover', sub, now)).toBe(false)
    expect(index.allows(bert, 'manageMembers', sub, now)).toBe(true)
    expect(index.allows(bert, 'manageMembers', subsub, now)).toBe(true)
  })

  it('P-08: the owner of the main organisation reaches what only a sub-organisation has', () => {
    const { scene, main, subsub, anna } = tree()
    const edge = scene.edge('edge9', { organisationId: subsub })
    scene.grant(anna, 'org.owner', main)
    expect(scene.index().edgeRole(anna, edge, now)).toBe('installer')
  })

  it('P-13: without *edit sites* no role edits through a sub-organisation', () => {
    const { scene, sub, anna, sharedEdge } = tree()
    scene.grant(anna, 'org.manager', sub)
    expect(scene.index().edgeRole(anna, sharedEdge, now)).toBe('guest')
    expect(scene.index().allows(anna, 'control', sharedEdge, now)).toBe(false)
    scene.rows.organisation = scene.rows.organisation.map((row) => ({ ...row, canEditSites: true }))
    expect(scene.index().edgeRole(anna, sharedEdge, now)).toBe('installer')
  })

  it('P-13: the gate of a sub-organisation does not stop a manager of the main one', () => {
    const { scene, main, anna, sharedEdge } = tree()
    scene.grant(anna, 'org.manager', main)
    expect(scene.index().edgeRole(anna, sharedEdge, now)).toBe('installer')
  })

  it('P-04, P-06: sites are created in main organisations only, sub-organisations where permitted', () => {
    const { scene, main, sub, anna } = tree()
    scene.grant(anna, 'org.owner', main)
    const index = scene.index()
    expect(index.allows(anna, 'createSite', main, now)).toBe(true)
    expect(index.allows(anna, 'createSub', main, now)).toBe(true)
    expect(index.allows(anna, 'createSite', sub, now)).toBe(false)
    expect(index.allows(anna, 'createSub', sub, now)).toBe(false)
  })

  it('P-12, K10: a member sees the overview and has no role, unless the tenant is compatible', () => {
    const { scene, main, anna, ownEdge } = tree()
    scene.grant(anna, 'org.member', main)
    const index = scene.index()
    expect(index.access(anna, ownEdge, now).mask).toBe(maskOf('discover', 'overview'))
    expect(index.edgeRole(anna, ownEdge, now)).toBeUndefined()
    scene.rows.organisation = scene.rows.organisation.map((row) => ({ ...row, strictRoles: false }))
    expect(scene.index().edgeRole(anna, ownEdge, now)).toBe('guest')
  })

  it('P-21: ending the sharing takes the site from the sub-organisation at once', () => {
    const { scene, main, sub, shared, anna, sharedEdge } = tree()
    const bert = scene.user('bert')
    scene.grant(anna, 'org.viewer', sub)
    scene.grant(bert, 'org.viewer', main)
    const index = scene.index()
    const before = scene.rows.containment.find((row) => row.childId === shared) ?? null
    index.apply([{ revision: 2, entity: 'containment', id: before?.id ?? 0, before, after: null }])
    expect(seen(index, anna)).toEqual([])
    expect(seen(index, bert)).toContain(sharedEdge)
  })
})

describe('the platform and the tenant', () => {
  it('a grant on the platform reaches everything', () => {
    const scene = new Scene()
    const admin = scene.user('admin')
    const edge = scene.edge('edge0')
    scene.grant(admin, 'openems.admin', PLATFORM_RESOURCE_ID)
    expect(scene.index().edgeRole(admin, edge, now)).toBe('admin')
    expect(seen(scene.index(), admin)).toEqual([edge])
  })

  it('the strongest role of a tenant binds its own grants, not those of the platform', () => {
    const scene = new Scene()
    const [admin, anna] = [scene.user('admin'), scene.user('anna')]
    const edge = scene.edge('edge0', { organisationId: scene.organisation('main', { maxOpenemsRole: 'owner' }) })
    scene.grant(admin, 'openems.admin', PLATFORM_RESOURCE_ID)
    scene.grant(anna, 'openems.admin', edge)
    expect([admin, anna].map((id) => scene.index().edgeRole(id, edge, now))).toEqual(['admin', 'owner'])
  })

  it('G-03, K7: everybody is counted in where the tenant says so, and only there', () => {
    const scene = new Scene()
    const anna = scene.user('anna')
    const [open, closed] = [true, false].map((publicAccess) => scene.organisation('o', { publicAccess }))
    const [a, b] = [
      scene.edge('edge1', { organisationId: open ?? 0 }),
      scene.edge('edge2', { organisationId: closed ?? 0 }),
    ]
    for (const edge of [a, b, scene.edge('edge3')]) scene.grant(PUBLIC_PRINCIPAL_ID, 'resource.overview', edge)
    for (const principalId of [anna, PUBLIC_PRINCIPAL_ID]) {
      expect(seen(scene.index(), principalId)).toEqual([a])
      expect(scene.index().allows(principalId, 'detail', a, now)).toBe(false)
      expect(scene.index().edgeRole(principalId, a, now)).toBeUndefined()
    }
  })
})

describe('caps', () => {
  it('a disabled account has nothing, not even what everybody has', () => {
    const scene = new Scene()
    const anna = scene.user('anna', { disabledAt: 1 })
    const edge = scene.edge('edge1', { organisationId: scene.organisation('o', { publicAccess: true }) })
    scene.grant(anna, 'openems.owner', edge)
    scene.grant(PUBLIC_PRINCIPAL_ID, 'resource.overview', edge)
    expect(scene.index().access(anna, edge, now).mask).toBe(0)
    expect(seen(scene.index(), anna)).toEqual([])
  })

  it.each<[string, string, OpenemsRole | undefined]>([
    ['control', 'NONE', 'guest'],
    ['schedule', 'none', 'guest'],
    ['sensors', 'NONE', 'guest'],
    ['control', 'READ', 'installer'],
    ['reports', 'NONE', 'installer'],
  ])('K8: the claim %s=%s leaves an installer the role %s', (key, value, role) => {
    const scene = new Scene()
    const anna = scene.user('anna')
    const edge = scene.edge('edge1')
    scene.grant(anna, 'openems.installer', edge)
    scene.claim(anna, key, value)
    expect(scene.index().edgeRole(anna, edge, now)).toBe(role)
  })

  it('invariant 10, OC-05: a role is lowered until its mask covers it', () => {
    const scene = new Scene()
    const anna = scene.user('anna')
    const edge = scene.edge('edge1')
    scene.role('test.half', { selfMask: maskOf('discover', 'detail', 'install', 'configRaw'), openemsRole: 'admin' })
    scene.role('test.none', { selfMask: maskOf('discover', 'history'), openemsRole: 'owner' })
    scene.grant(anna, 'test.half', edge)
    const other = scene.edge('edge2')
    scene.grant(anna, 'test.none', other)
    expect(scene.index().edgeRole(anna, edge, now)).toBe('guest')
    expect(scene.index().edgeRole(anna, other, now)).toBeUndefined()
  })
})

describe('time', () => {
  it('T2: a grant works while it is valid, [from, to)', () => {
    const scene = new Scene()
    const anna = scene.user('anna')
    const edge = scene.edge('edge1')
    scene.grant(anna, 'openems.installer', edge, { validFrom: 10, validTo: 20 })
    const index = scene.index()
    expect([9, 10, 19, 20].map((at) => index.edgeRole(anna, edge, at))).toEqual([
      undefined,
      'installer',
      'installer',
      undefined,
    ])
    expect([0, 10, 20].map((at) => index.nextInstant(at))).toEqual([10, 20, null])
  })

  it('a membership works while it is valid', () => {
    const scene = new Scene()
    const anna = scene.user('anna')
    const edge = scene.edge('edge1')
    const group = scene.userGroup('group')
    scene.member(group, anna, { validTo: 20 })
    scene.grant(group, 'openems.guest', edge)
    const index = scene.index()
    expect(seen(index, anna, 19)).toEqual([edge])
    expect(seen(index, anna, 20)).toEqual([])
  })

  it('D-25: outside its data window a grant shows the past and nothing live', () => {
    const scene = new Scene()
    const tenant = scene.user('tenant')
    const edge = scene.edge('edge1')
    scene.grant(tenant, 'openems.owner', edge, { dataWindows: [[100, 200]] })
    const index = scene.index()
    expect(index.access(tenant, edge, 150)).toMatchObject({ role: 'owner', historicOnly: false, windows: [[100, 200]] })
    expect(index.access(tenant, edge, 300)).toMatchObject({ role: 'guest', historicOnly: true, windows: [[100, 200]] })
    expect(index.allows(tenant, 'live', edge, 300)).toBe(false)
    expect(seen(index, tenant, 300)).toEqual([edge])
  })

  it('T3: a grant for no time shows nothing, a grant without windows everything', () => {
    const scene = new Scene()
    const anna = scene.user('anna')
    const [none, all] = [scene.edge('edge1'), scene.edge('edge2')]
    scene.grant(anna, 'openems.owner', none, { dataWindows: [] })
    scene.grant(anna, 'openems.owner', all, { dataWindows: null })
    expect(seen(scene.index(), anna)).toEqual([all])
    expect(scene.index().access(anna, all, now).windows).toBeNull()
  })

  it('D-14, D-23, V6: a restriction comes last and concerns one edge; one of nothing is no access', () => {
    const scene = new Scene()
    const anna = scene.user('anna')
    const edges = ['edge1', 'edge2', 'edge3'].map((name) => scene.edge(name))
    const [free = 0, some = 0, none = 0] = edges
    scene.grant(anna, 'openems.owner', scene.edgeGroup('all', edges))
    scene.restriction(anna, some, [[100, 200]])
    scene.restriction(anna, none, [])
    const index = scene.index()
    expect(seen(index, anna)).toEqual([free, some])
    expect(index.access(anna, free, now)).toMatchObject({ windows: null, role: 'owner' })
    expect(index.access(anna, some, now)).toMatchObject({ windows: [[100, 200]], role: 'guest', historicOnly: true })
    expect(index.access(anna, none, now)).toMatchObject({ mask: 0, windows: [], role: undefined })
  })

  it('2.3: a grant with a window does not lend its control to another', () => {
    const scene = new Scene()
    const anna = scene.user('anna')
    const edge = scene.edge('edge1')
    scene.grant(anna, 'openems.owner', edge, { dataWindows: [[0, 100]] })
    scene.grant(anna, 'openems.guest', edge, { dataWindows: [[500, 2000]] })
    const access = scene.index().access(anna, edge, now)
    expect(access).toMatchObject({ role: 'guest', historicOnly: false })
    expect(access.windows).toEqual([
      [0, 100],
      [500, 2000],
    ])
    expect(scene.index().allows(anna, 'control', edge, now)).toBe(false)
  })
})

describe('stored values', () => {
  it('2.5: the parts of a question that may be answered, a window of one component not opening another', () => {
    const scene = new Scene()
    const anna = scene.user('anna')
    const edge = scene.edge('edge1')
    scene.grant(anna, 'openems.guest', edge, { dataWindows: [[100, 200]], components: ['meter*'] })
    scene.grant(anna, 'openems.guest', edge, { dataWindows: [[150, 300]], components: ['ess0'] })
    scene.grant(anna, 'resource.overview', edge)
    const index = scene.index()
    expect(index.authorizeData(anna, edge, 0, 180, now)).toEqual([
      { components: ['meter*'], windows: [[100, 180]] },
      { components: ['ess0'], windows: [[150, 180]] },
    ])
    expect(index.authorizeData(anna, edge, 500, 600, now)).toEqual([])
  })

  it('K8: without the atom no window helps', () => {
    const scene = new Scene()
    const anna = scene.user('anna')
    const edge = scene.edge('edge1')
    scene.grant(anna, 'openems.guest', edge)
    scene.claim(anna, 'sensors', 'NONE')
    expect(scene.index().authorizeData(anna, edge, 0, 100, now)).toEqual([])
    expect(scene.index().access(anna, edge, now).windows).toEqual([])
  })
})
