import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { GuardResult } from '../../../src/access/graph-guard.ts'
import { limitedIndex } from '../../../src/access/impersonation.ts'
import type { Change, GrantRow, Window } from '../../../src/access/model.ts'
import { ofOneRevision } from '../../../src/access/one-revision.ts'
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

/** Two edges that very many see, as members of groups and by grants of their own; a third of them see both. */
function seenByMany() {
  const scene = new Scene()
  const [edge, other] = [scene.edge('edge1'), scene.edge('edge2')]
  const users = Array.from({ length: many }, (_, n) => scene.user(`user${n}`))
  const group = scene.userGroup('group', { members: users.slice(0, many / 2) })
  scene.grant(group, 'resource.detail', edge)
  scene.grant(scene.userGroup('other', { members: users.slice(many / 3) }), 'resource.detail', other)
  for (const user of users.slice(many / 2)) scene.grant(user, 'resource.detail', edge)
  return { scene, index: scene.index(), edge, other, users, group }
}

const page = { isShown: () => true, sort: 'id', descending: false, offset: 0, limit: many } as const

describe('who can see something', () => {
  it('is looked for in turns, also for two at once', () => {
    const { index, edge, other } = seenByMany()
    const [wanted, wantedToo] = [edge, other].map((id) => atOnce(index.audience(id, page, now)))
    const second = index.audience(other, page, now)
    let step = second.next()
    const { answer, steps } = inSteps(index.audience(edge, page, now), () => {
      if (!step.done) step = second.next()
    })
    while (!step.done) step = second.next()
    expect([answer, step.value]).toEqual([wanted, wantedToo])
    expect(answer.total).toBe(many)
    expect(steps).toBeGreaterThanOrEqual((2 * many) / 1000)
  })

  it('misses nobody when memberships and grants are tried and taken back between the turns', () => {
    const { index, edge } = seenByMany()
    const wanted = atOnce(index.audience(edge, page, now))
    const changes = [
      ...[...index.rows('membership')].map((row) => ({ entity: 'membership' as const, row })),
      ...[...index.rows('grant')].map((row) => ({ entity: 'grant' as const, row })),
    ].map(({ entity, row }) => ({ revision: 2, entity, id: row.id, before: row, after: null }) as Change)
    let turn = 0
    const { answer } = inSteps(index.audience(edge, page, now), () => {
      for (let n = 0; n < 100; n++) index.trying(changes.slice(turn, turn + 1), () => turn++)
    })
    expect(turn).toBeGreaterThan(500)
    expect(answer).toEqual(wanted)
  })
})

describe('an answer of one revision', () => {
  /** Takes the newest member out of the group, and somebody new into it: there are always as many. */
  function exchanging() {
    const { scene, index, edge, group, users } = seenByMany()
    let revision = index.revision
    let member = [...index.membersOf(group)].at(-1)
    const exchange = () => {
      if (member === undefined) return
      const after = { ...member, id: 90_000 + revision, memberId: scene.user(`new${revision}`) }
      const account = { ...index.user(users[0] ?? 0), id: after.memberId, login: `new${revision}` }
      index.apply([
        { revision: ++revision, entity: 'membership', id: member.id, before: member, after: null },
        { revision: ++revision, entity: 'user', id: account.id, before: null, after: account } as Change,
        { revision: ++revision, entity: 'membership', id: after.id, before: null, after },
      ])
      member = after
    }
    return { index, edge, exchange }
  }

  it('is begun anew when something changes between its turns', async () => {
    const { index, edge, exchange } = exchanging()
    let tries = 0
    const answer = await ofOneRevision({ index }, function* () {
      let turns = 0
      tries++
      for (const steps = index.audience(edge, page, now); ; turns++) {
        const step = steps.next()
        if (step.done) return { revision: index.revision, ...step.value }
        if (tries <= 2 && turns === 2 + tries) exchange()
        yield
      }
    })
    expect(tries).toBe(3)
    expect(answer).toEqual({ revision: index.revision, ...atOnce(index.audience(edge, page, now)) })
    expect(answer.total).toBe(many)
  })

  it('comes however often something changes: at last it is made at once', async () => {
    const { index, edge, exchange } = exchanging()
    let tries = 0
    const answer = await ofOneRevision({ index }, function* () {
      tries++
      const found = yield* index.audience(edge, page, now)
      // What others do while it waits for its turn; nobody can any more when it is made at once.
      if (tries <= 3) exchange()
      yield
      return found
    })
    expect(tries).toBe(4)
    expect(answer).toEqual(atOnce(index.audience(edge, page, now)))
  })

  it('refuses as its steps do', async () => {
    const refusing = ofOneRevision({ index: { revision: 1 } }, function* (): Generator<undefined> {
      yield
      throw new Error('refused')
    })
    await expect(refusing).rejects.toThrow('refused')
  })
})

function missingIn(result: GuardResult): Set<string> {
  return new Set(result.ok ? [] : (result.missing ?? [result.reason]))
}
