import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { GuardResult } from '../../../src/access/graph-guard.ts'
import { limitedIndex } from '../../../src/access/impersonation.ts'
import type { Change, GrantRow, Window } from '../../../src/access/model.ts'
import { atOnce } from '../../../src/lib/slices.ts'
import { Scene } from './scene.ts'

const now = 1000
const many = 5000
const open = { validFrom: null, validTo: null }

/** What comes of work, and in how many steps: between two of them others may have their turn. */
function inSteps<T>(work: Generator<undefined, T>, between: () => void = () => {}): { answer: T; steps: number } {
  for (let steps = 1; ; steps++) {
    const step = work.next()
    if (step.done) return { answer: step.value, steps }
    between()
  }
}

/** A group on which very many hold a grant, some of them for a time only, and what somebody wants to put into it. */
function crowdedGroup() {
  const scene = new Scene()
  const [anna, edge, group] = [scene.user('anna'), scene.edge('edge1'), scene.edgeGroup('group')]
  scene.grant(anna, 'resource.administration', edge)
  scene.grant(anna, 'group.administration', group)
  for (let n = 0; n < many; n++) {
    const limits: Partial<GrantRow> = n % 2 === 0 ? {} : { validTo: now + n, dataWindows: [[0, n]] }
    scene.grant(scene.user(`user${n}`), 'resource.detail', group, limits)
  }
  return { scene, anna, edge, group, link: { parentId: group, childId: edge } }
}

const limits = fc.record<Partial<GrantRow> & { role: string }>({
  validFrom: fc.constantFrom(null, now - 10, now + 10, now + 20),
  validTo: fc.constantFrom(null, now - 5, now + 15, now + 30, now + 40),
  dataWindows: fc.constantFrom<Window[] | null>(null, [[0, now + 5]], [[now - 50, now + 35]]),
  components: fc.constantFrom<string[] | null>(null, ['meter0'], ['ctrl*']),
  role: fc.constantFrom('openems.guest', 'openems.owner', 'openems.installer', 'resource.overview'),
})

describe('a guard', () => {
  it('asks of very many grants what it asks of each of them (G-01, G-30, G-31)', () => {
    fc.assert(
      fc.property(
        fc.array(limits, { minLength: 1, maxLength: 8 }),
        fc.array(limits, { minLength: 1, maxLength: 3 }),
        (given, own) => {
          const asked = (some: typeof given) => {
            const scene = new Scene()
            const anna = scene.user('anna')
            const group = scene.edgeGroup('group')
            const edge = scene.edge('edge1')
            const [members, held] = [scene.userGroup('members'), scene.edge('edge2')]
            scene.grant(anna, 'group.administration', group)
            for (const one of [edge, held]) {
              scene.grant(anna, 'resource.detail', one)
              scene.grant(anna, 'resource.administration', one, { validTo: now + 12 })
              for (const { role, ...more } of own) scene.grant(anna, role, one, more)
            }
            for (const { role, ...more } of some) {
              scene.grant(scene.user('somebody'), role, group, more)
              scene.grant(members, role, held, more)
            }
            const index = scene.index()
            const join = { groupId: members, memberId: scene.user('carl'), ...open }
            const containment = atOnce(index.guardContainment(anna, { parentId: group, childId: edge }, now))
            return [containment, atOnce(index.guardMembership(anna, join, now))].map(missingIn)
          }
          const ofEach = given.map((one) => asked([one]))
          const ofAll = [0, 1].map((place) => new Set(ofEach.flatMap((each) => [...(each[place] ?? [])])))
          expect(asked(given)).toEqual(ofAll)
        },
      ),
      { numRuns: 50 },
    )
  })

  it('looks at them in turns', () => {
    const { scene, anna, group, link } = crowdedGroup()
    const member = scene.user('carl')
    const members = scene.userGroup('members', { members: [scene.user('bert')] })
    const edges = Array.from({ length: many }, (_, n) => scene.edge(`more${n}`))
    for (const one of edges) {
      scene.grant(anna, 'resource.administration', one)
      scene.grant(members, 'resource.detail', one)
    }
    const index = scene.index()
    const contained = inSteps(index.guardContainment(anna, link, now))
    expect(contained.answer).toEqual({ ok: true })
    expect(contained.steps).toBeGreaterThanOrEqual(many / 100)
    const joined = inSteps(index.guardMembership(anna, { groupId: members, memberId: member, ...open }, now))
    expect(joined.answer).toEqual({ ok: true })
    expect(joined.steps).toBeGreaterThanOrEqual(many / 100)
    const [role] = scene.rows.role.filter(({ name }) => name === 'resource.detail')
    if (role === undefined) return expect.unreachable()
    const grants = [...index.rows('grant')].filter((one) => one.roleId === role.id && one.resourceId !== group)
    const edited = inSteps(index.guardRole(anna, { role, grants }, now))
    expect(edited.answer).toEqual({ ok: true })
    expect(edited.steps).toBeGreaterThanOrEqual(many / 100)
  })

  it('misses nothing when grants are tried and taken back between its turns (G-30)', () => {
    const { scene, anna, group, link } = crowdedGroup()
    const strong = scene.grant(scene.user('strong'), 'openems.admin', group)
    for (let n = 0; n < many; n++) scene.grant(scene.user(`more${n}`), 'resource.detail', group)
    const index = scene.index()
    const row = index.row('grant', strong) as GrantRow
    const taken: Change = { revision: 2, entity: 'grant', id: strong, before: row, after: null }
    const { answer } = inSteps(index.guardContainment(anna, link, now), () => index.trying([taken], () => undefined))
    expect(answer).toMatchObject({ ok: false, reason: 'exceeds' })
  })

  it('keeps to what is left of the rights of whom another acts as in every turn (K4)', () => {
    const { scene, anna, link } = crowdedGroup()
    const index = scene.index()
    expect(inSteps(index.guardContainment(anna, link, now)).answer).toEqual({ ok: true })
    const acting = limitedIndex(index, { principalId: anna, mask: 0 })
    expect(inSteps(acting.guardContainment(anna, link, now)).answer).toEqual({ ok: false, reason: 'noShare' })
  })
})

describe('whom and what a change concerns', () => {
  it('is looked for in turns, whatever is tried between them', () => {
    const scene = new Scene()
    const [group, carl, eve] = [scene.userGroup('group'), scene.user('carl'), scene.user('eve')]
    const edges = Array.from({ length: many }, (_, n) => scene.edge(`edge${n}`))
    for (const edge of edges) scene.grant(group, 'resource.detail', edge)
    const index = scene.index()
    const row = { id: 9999, groupId: group, memberId: carl, state: 'active', ...open, addedBy: null } as const
    const change: Change = { revision: 2, entity: 'membership', id: row.id, before: null, after: row }
    const grants = [...index.rows('grant')].map(
      (grant): Change => ({ revision: 2, entity: 'grant', id: grant.id, before: grant, after: null }),
    )
    let turn = 0
    const { answer, steps } = inSteps(index.affectedBy([change]), () =>
      index.trying(grants.slice(turn, ++turn), () => undefined),
    )
    expect(answer).toMatchObject({ isWhole: true, principals: new Set([carl]) })
    expect(answer.resources).toEqual(new Set(edges))
    expect(steps).toBeGreaterThan(many / 1000)
    expect(index.concernedBy([change])).toEqual(new Set([carl]))
    expect(answer.principals.has(eve)).toBe(false)
  })

  it('is looked for in turns where very many hold something, and where a role is held', () => {
    const { scene, group, edge } = crowdedGroup()
    const index = scene.index()
    const row = { id: 99_999, parentId: group, childId: edge }
    const [role] = scene.rows.role.filter(({ name }) => name === 'resource.detail')
    if (role === undefined) return expect.unreachable()
    const changes: Change[] = [
      { revision: 2, entity: 'containment', id: row.id, before: null, after: row },
      { revision: 2, entity: 'role', id: role.id, before: role, after: { ...role, contentMask: 0 } },
    ]
    for (const change of changes) {
      const { answer, steps } = inSteps(index.affectedBy([change]))
      expect(answer.principals.size).toBeGreaterThanOrEqual(many)
      expect(steps).toBeGreaterThan(many / 1000)
      expect(index.concernedBy([change])).toEqual(answer.principals)
    }
  })
})

function missingIn(result: GuardResult): Set<string> {
  return new Set(result.ok ? [] : (result.missing ?? [result.reason]))
}
