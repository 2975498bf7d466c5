import { describe, expect, it } from 'vitest'
import { type Explanation, explain } from '../../../src/access/explain.ts'
import type { GrantRow, Permission } from '../../../src/access/model.ts'
import { Scene } from './scene.ts'

const now = 1_000_000
const past = now - 1
const later = now + 1

interface Asked {
  asker?: number | null
  permission?: Permission
  at?: number
  own?: number[]
}

function ask(scene: Scene, principalId: number, resourceId: number, asked: Asked = {}): Explanation {
  const { asker = null, permission = 'discover', at = now, own = [] } = asked
  const index = scene.index()
  const found = index.explainable(principalId, resourceId, permission)
  const look = { index, askerId: asker, at: now }
  return explain(look, { principalId, resourceId, permission, at, own: new Set(own), ...found })
}

/** A person and an edge, and what the answer says is missing, by its code. */
function missed(build: (scene: Scene, user: number, edge: number) => Asked | undefined): Explanation {
  const scene = new Scene()
  const user = scene.user('ada')
  const edge = scene.edge('edge0')
  return ask(scene, user, edge, build(scene, user, edge) ?? {})
}

const codes = (told: Explanation) => told.nearMisses.map(({ code }) => code)

describe('a refusal names the one change that would do (domain rules 2.9)', () => {
  it.each([
    ['membershipInvited', { state: 'invited' }, 'the invitation of ada to Fitters is not accepted'],
    ['membershipRejected', { state: 'rejected' }, 'ada has rejected the invitation to Fitters'],
    ['membershipNotYet', { validFrom: later }, 'the membership of ada in Fitters has not begun'],
    ['membershipEnded', { validTo: past }, 'the membership of ada in Fitters has ended'],
  ] as const)('%s', (code, terms, reason) => {
    const told = missed((scene, user, edge) => {
      const group = scene.userGroup('Fitters')
      scene.member(group, user, terms)
      scene.grant(group, 'resource.detail', edge)
      return undefined
    })
    expect(codes(told)[0]).toBe(code)
    expect(told.sentence).toBe(`ada may not see edge0: ${reason}`)
  })

  it.each([
    ['grantNotYet', { validFrom: later }, 'the grant of resource.detail on edge0 has not begun'],
    ['grantEnded', { validTo: past }, 'the grant of resource.detail on edge0 has ended'],
    ['dataWindows', { dataWindows: [] }, 'the grant of resource.detail on edge0 shows other times only'],
  ] satisfies [string, Partial<GrantRow>, string][])('%s', (code, terms, reason) => {
    const told = missed((scene, user, edge) => {
      scene.grant(user, 'resource.detail', edge, terms)
      return undefined
    })
    expect(codes(told)[0]).toBe(code)
    expect(told.sentence).toBe(`ada may not see edge0: ${reason}`)
  })

  it('roleLacks', () => {
    const told = missed((scene, user, edge) => {
      scene.grant(user, 'resource.detail', edge)
      return { permission: 'control' }
    })
    expect(codes(told)).toEqual(['roleLacks', 'noGrant'])
    expect(told.sentence).toBe(
      'ada may not use control on edge0: the role resource.detail on edge0 does not include it',
    )
    expect(told.paths).toMatchObject([{ role: 'resource.detail', removed: [] }])
  })

  it('restriction and claimNone, with what they took (D-21, K8)', () => {
    const told = missed((scene, user, edge) => {
      scene.grant(user, 'resource.control', edge)
      scene.claim(user, 'control', 'NONE')
      return { permission: 'control' }
    })
    expect(codes(told)[0]).toBe('claimNone')
    expect(told.caps).toContainEqual({ code: 'claimNone', detail: 'control', permissions: ['control'] })
    const restricted = missed((scene, user, edge) => {
      scene.grant(user, 'resource.detail', edge)
      scene.restriction(user, edge, [])
      return undefined
    })
    expect(codes(restricted)).toEqual(['restriction'])
  })

  it('accountDisabled, with the paths that would be there', () => {
    const scene = new Scene()
    const user = scene.user('ada', { disabledAt: 1 })
    const edge = scene.edge('edge0')
    scene.grant(user, 'resource.overview', edge)
    const told = ask(scene, user, edge)
    expect(codes(told)).toEqual(['accountDisabled'])
    expect(told.caps).toEqual([{ code: 'accountDisabled', detail: null, permissions: ['discover', 'overview'] }])
    expect(told.paths).toHaveLength(1)
    expect(told.fix).toEqual({ code: 'accountDisabled', sentence: 'Enable the account ada' })
  })

  it('entityGate and suborganisationGate (P-06, P-13)', () => {
    const scene = new Scene()
    const user = scene.user('ada')
    const main = scene.organisation('Main')
    const branch = scene.organisation('Branch', { parentId: main })
    const site = scene.site('Farm', main)
    scene.contain(branch, site)
    scene.grant(user, 'org.owner', branch)
    expect(codes(ask(scene, user, site, { permission: 'control' }))[0]).toBe('entityGate')
    const able = ask(scene, user, site, { permission: 'history' })
    expect(able.paths[0]?.removed).toMatchObject([{ code: 'entityGate' }])
    expect(able.paths[0]?.removed[0]?.permissions).toContain('control')
    expect(codes(ask(scene, user, branch, { permission: 'createSub' }))[0]).toBe('suborganisationGate')
  })

  it('noPublicAccess (G-03, K7)', () => {
    const scene = new Scene()
    const user = scene.user('ada')
    const main = scene.organisation('Main')
    const edge = scene.edge('edge0', { organisationId: main })
    scene.grant(1, 'resource.overview', edge)
    expect(codes(ask(scene, user, edge))[0]).toBe('noPublicAccess')
  })

  it('notMember of a group that has it; notContained in a group or sub-organisation that is held (P-15, G-13)', () => {
    const told = missed((scene, user, edge) => {
      scene.grant(scene.userGroup('Fitters'), 'resource.detail', edge)
      scene.grant(user, 'group.detail', scene.edgeGroup('Farms'))
      return undefined
    })
    expect(codes(told)).toEqual(['notMember', 'notContained', 'noGrant'])
    expect(told.nearMisses.map(({ reason }) => reason)).toEqual([
      'ada is not a member of Fitters, which has it',
      'edge0 is not in Farms, on which there is a grant',
      'nothing that includes it is granted on edge0',
    ])
    const scene = new Scene()
    const user = scene.user('ada')
    const main = scene.organisation('Main')
    const branch = scene.organisation('Branch', { parentId: main })
    const edge = scene.edge('edge0', { siteId: scene.site('Farm', main) })
    scene.grant(user, 'org.viewer', branch)
    expect(ask(scene, user, edge).nearMisses[0]?.reason).toBe('Farm is not in Branch, on which there is a grant')
  })
})

describe('an allowed access', () => {
  it('names every path through nested groups on both sides (G-06, G-07, G-13, C-14)', () => {
    const scene = new Scene()
    const user = scene.user('ada')
    const inner = scene.userGroup('Inner', { members: [user] })
    const [left, right] = [
      scene.userGroup('Left', { members: [inner] }),
      scene.userGroup('Right', { members: [inner] }),
    ]
    const outer = scene.userGroup('Outer', { members: [left, right] })
    const edge = scene.edge('edge0')
    const farms = scene.edgeGroup('Farms', [scene.edgeGroup('Dairy', [edge])])
    scene.grant(outer, 'group.detail', farms)
    const told = ask(scene, user, edge, { permission: 'history' })
    const ways = told.paths.map((path) => [...path.principals, ...path.resources].map(({ name }) => name).join(' > '))
    expect(ways.sort()).toEqual([
      'ada > Inner > Left > Outer > Farms > Dairy > edge0',
      'ada > Inner > Right > Outer > Farms > Dairy > edge0',
    ])
    expect(told).toMatchObject({ allowed: true, role: 'guest', nearMisses: [], fix: null, morePaths: 0 })
    expect(told.sentence).toBe('ada may use history on edge0: has group.detail on Farms through Outer')
  })

  it('is told at once to who has a thing by thousands of groups of his own; further ways are counted', () => {
    const scene = new Scene()
    const user = scene.user('ada')
    const edge = scene.edge('edge0')
    for (let count = 0; count < 3000; count++) {
      scene.grant(user, 'group.administration', scene.edgeGroup(`Group ${count}`, [edge]))
    }
    const told = ask(scene, user, edge, { asker: user })
    expect(told.paths).toHaveLength(20)
    expect(told.morePaths).toBe(2980)
  })

  it('says what the organisation leaves of a role (P-13)', () => {
    const scene = new Scene()
    const user = scene.user('ada')
    const main = scene.organisation('Main', { maxOpenemsRole: 'owner' })
    const edge = scene.edge('edge0', { organisationId: main })
    scene.grant(user, 'org.owner', main)
    const told = ask(scene, user, edge)
    expect(told.role).toBe('owner')
    expect(told.caps).toEqual([{ code: 'openemsRole', detail: 'installer', permissions: [] }])
  })

  it('is looked at ahead of time too', () => {
    const scene = new Scene()
    const user = scene.user('ada')
    const edge = scene.edge('edge0')
    scene.grant(user, 'resource.detail', edge, { validFrom: later })
    expect(ask(scene, user, edge).allowed).toBe(false)
    expect(ask(scene, user, edge, { at: later }).allowed).toBe(true)
  })
})

describe('redaction (G-14, GD-04, G-32)', () => {
  function shared() {
    const scene = new Scene()
    const [owner, user, sharer] = [scene.user('owner'), scene.user('ada', { shareable: true }), scene.user('mallory')]
    const edge = scene.edge('edge0')
    const secret = scene.userGroup('Secret', { members: [scene.userGroup('Deeper', { members: [user] })] })
    scene.grant(owner, 'resource.administration', edge)
    scene.grant(secret, 'group.detail', scene.edgeGroup('Hidden farms', [edge]), { grantedBy: sharer })
    return { scene, owner, user, edge }
  }

  it('folds what lies in a row and cannot be seen into one', () => {
    const { scene, owner, user, edge } = shared()
    const told = ask(scene, user, edge, { asker: owner })
    expect(told.paths[0]?.principals.map(({ name }) => name)).toEqual(['ada', 'a group you cannot see'])
    expect(told.paths[0]?.resources.map(({ name }) => name)).toEqual(['a group you cannot see', 'edge0'])
    expect(told.paths[0]?.grantedBy).toBeNull()
    expect(JSON.stringify(told)).not.toMatch(/Secret|Deeper|Hidden|mallory/)
  })

  it('tells somebody about himself the role and the sharer, no foreign groups', () => {
    const { scene, user, edge } = shared()
    const told = ask(scene, user, edge, { asker: user })
    expect(told.paths[0]).toMatchObject({ role: 'group.detail', grantedBy: 'mallory' })
    expect(JSON.stringify(told)).not.toMatch(/Secret|Deeper/)
  })

  it('answers strangers the same for what is there and what is not (O-09)', () => {
    const { scene, user, edge } = shared()
    const stranger = scene.user('eve')
    expect(ask(scene, user, edge, { asker: stranger })).toEqual(ask(scene, stranger, edge, { asker: stranger }))
    expect(ask(scene, stranger, edge, { asker: stranger })).toEqual(ask(scene, stranger, 4711, { asker: stranger }))
  })

  it('keeps limits of an account from those who only grant on the edge, and tells a fix only to who may make it', () => {
    const { scene, owner, user, edge } = shared()
    scene.claim(user, 'sensors', 'NONE')
    const told = ask(scene, user, edge, { asker: owner, permission: 'history' })
    expect(told.caps).toMatchObject([{ code: 'account', detail: null }])
    expect([codes(told), told.fix]).toEqual([[], null])
    const control = ask(scene, user, edge, { asker: owner, permission: 'install' })
    expect(control.fix).toEqual({ code: 'noGrant', sentence: 'Grant a role on edge0' })
    expect(ask(scene, user, edge, { asker: user, permission: 'install' }).fix).toBeNull()
  })
})
