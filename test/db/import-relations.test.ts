import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AccessIndex } from '../../src/access/access-index.ts'
import type { UserRow } from '../../src/access/model.ts'
import { grantRole } from '../../src/access/role-grant-service.ts'
import { createRole } from '../../src/access/role-service.ts'
import { exportMasterData } from '../../src/import/export-service.ts'
import type { GrantRecord, GroupRecord, ImportItem, MembershipRecord } from '../../src/import/model.ts'
import { createOrganisation } from '../../src/organisations/organisation-service.ts'
import { countReads } from '../harness/counting.ts'
import { eachEngine } from '../harness/database.ts'
import { importItems, userRecord } from '../harness/importing.ts'
import { addEdge, addUser, fresh, type SeededEdge } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'
import { readAll } from '../unit/import/fleet-restore.ts'

interface Importer {
  askerId: number
  organisationId: number
}

const place = { file: 'fleet.json' }
const service0 = { actorId: null }

const membership = (group: string, login: string, rest: Partial<MembershipRecord> = {}): MembershipRecord => ({
  kind: 'membership',
  place,
  group,
  member: { kind: 'user', key: login },
  ...rest,
})
const userGroup = (key: string, rest: Partial<GroupRecord> = {}): GroupRecord => ({
  kind: 'userGroup',
  place,
  key,
  name: key,
  ...rest,
})
const grantTo = (login: string, edge: string, rest: Partial<GrantRecord> = {}): GrantRecord => ({
  kind: 'grant',
  place,
  principal: { kind: 'user', key: login },
  resource: { kind: 'edge', key: edge },
  role: 'resource.detail',
  ...rest,
})

eachEngine('import of groups, memberships and grants', (engine) => {
  let service: TestService
  beforeAll(async () => {
    service = await startTestService({ engine: engine.name })
  })
  afterAll(() => service?.[Symbol.asyncDispose]())
  const index = (): AccessIndex => service.ctx.store.index
  const run = (items: ImportItem[], options: Parameters<typeof importItems>[2] = {}) =>
    importItems(service.ctx, items, options)
  const user = (login: string): UserRow => index().userByLogin(login) ?? expect.unreachable(`no ${login}`)
  const grantsOf = (login: string) => index().grantsOf(user(login).id)

  /** An account with its owner, an edge of it, and what an import for it by him is given. */
  async function tenant(): Promise<{ boss: UserRow; name: string; edge: SeededEdge; options: Importer; id: number }> {
    const boss = await addUser(service.ctx)
    const { id, name } = await createOrganisation(service.ctx, service0, fresh('Tenant '), boss.id)
    const edge = await addEdge(service.ctx, { organisationId: id })
    return { boss, name, edge, id, options: { askerId: boss.id, organisationId: id } }
  }

  describe('a member that is left out', () => {
    it('leaves a membership its end and its state, and one that says them sets them', async () => {
      const [group, login] = [fresh('group'), fresh('member')]
      const people = [userGroup(group), userRecord(login, { email: `${login}@example.com` })]
      const validTo = Date.UTC(2040, 0, 1)
      const validFrom = Date.UTC(2020, 0, 1)
      await run([...people, membership(group, login, { validFrom, validTo, state: 'rejected' })])
      const { counts } = await run([...people, membership(group, login)])
      expect(counts).toMatchObject({ byKind: {}, unchanged: 3 })
      const row = () => index().membershipsOf(user(login).id)[0]
      expect(row()).toMatchObject({ validFrom, validTo, state: 'rejected' })
      await run([...people, membership(group, login, { validTo: validTo + 1, state: 'active' })])
      expect(row()).toMatchObject({ validFrom, validTo: validTo + 1, state: 'active' })
    })

    it('leaves groups, services and roles where and what they are', async () => {
      const name = fresh('home')
      const service = { kind: 'service', place, key: name, name } as const
      const role = {
        kind: 'role',
        place,
        name: 'acme.left',
        organisation: name,
        content: [],
        suborganisation: [],
      } as const
      const edgeGroup = userGroup(name, { kind: 'edgeGroup' })
      const placed = [
        { kind: 'organisation', place, key: name, name } as const,
        userGroup(name, { organisation: name }),
        userGroup(`${name}-key`, { organisation: name }),
        { ...edgeGroup, organisation: name },
        { ...service, organisation: name },
        { ...role, self: ['discover'], openemsRole: 'guest' } as const,
      ]
      expect((await run(placed)).report.problems).toEqual([])
      const { counts, report } = await run([
        userGroup(name),
        userGroup(`${name}-key`),
        edgeGroup,
        service,
        { ...role, self: ['discover'] },
      ])
      expect(report.problems).toEqual([])
      expect(counts).toMatchObject({ byKind: {}, unchanged: 5 })
    })
  })

  describe('an owner’s own file', () => {
    it('comes a second time with grants, memberships and owners of groups for those it brings (D-27, G-17)', async () => {
      const { edge, name, options } = await tenant()
      const [ann, team] = [fresh('ann'), fresh('team')]
      const items = [
        userRecord(ann, { email: `${ann}@example.com` }),
        userGroup(team, { organisation: name }),
        membership(team, ann),
        grantTo(ann, edge.id),
      ]
      expect((await run(items, options)).report.problems).toEqual([])
      expect(grantsOf(ann)).toMatchObject([{ resourceId: edge.row.id }])
      const again = await run(items, options)
      expect(again.report.problems).toEqual([])
      expect(again.counts).toMatchObject({ byKind: {}, unchanged: items.length })
      const other = await addEdge(service.ctx, { organisationId: options.organisationId })
      expect((await run([...items, grantTo(ann, other.id)], options)).report.problems).toEqual([])
      expect(grantsOf(ann)).toHaveLength(2)
    })

    it('that he exported himself comes back, with the grants and memberships of his people (D-27)', async () => {
      const { boss, edge, name, options } = await tenant()
      const [ann, team] = [fresh('ann'), fresh('team')]
      await run(
        [
          userRecord(ann, { email: `${ann}@example.com` }),
          userGroup(team, { organisation: name }),
          membership(team, ann, { validTo: 4e12 }),
          grantTo(ann, edge.id, { components: ['meter1', 'ess0'] }),
        ],
        options,
      )
      const { organisationId } = options
      const asker = { type: 'user', principalId: boss.id }
      let text = ''
      for await (const piece of await exportMasterData(service.ctx, asker, { format: 'json', organisationId }))
        text += piece
      const { report, counts } = await run(await readAll(text), { ...options, source: 'import:back' })
      expect(report.problems).toEqual([])
      expect(counts.byKind).not.toHaveProperty('membership')
      expect(counts.byKind).not.toHaveProperty('grant')
      expect(grantsOf(ann)).toHaveLength(1)
      expect(grantsOf(ann)[0]).toMatchObject({ resourceId: edge.row.id, components: ['ess0', 'meter1'] })
    })

    it('names nobody whose account is another’s: he and nobody are one answer (G-14, G-17)', async () => {
      const { edge, options } = await tenant()
      const stranger = await addUser(service.ctx)
      const ask = async (login: string) => {
        const { report } = await run([grantTo(login, edge.id)], options)
        return JSON.parse(JSON.stringify(report).replaceAll(login, 'WHO'))
      }
      expect(await ask(stranger.login)).toMatchObject({ problems: [{ text: 'There is no user WHO here' }] })
      expect(await ask(stranger.login)).toEqual(await ask(fresh('nobody')))
    })
  })

  describe('a grant of a file', () => {
    it('is refused what granting by hand refuses: a role that does not fit, windows that end before they begin', async () => {
      const { name } = await tenant()
      const other = await tenant()
      await createRole(service.ctx, service0, other.id, {
        name: 'acme.theirs',
        selfMask: 1,
        contentMask: 0,
        suborganisationMask: 0,
        openemsRole: null,
      })
      const login = (await addUser(service.ctx)).login
      const { edge } = await tenant()
      const asked: [GrantRecord, RegExp][] = [
        [grantTo(login, edge.id, { role: 'org.owner' }), /cannot be given on this/],
        [
          grantTo('', '', {
            principal: { kind: 'public', key: '' },
            resource: { kind: 'organisation', key: name },
            role: 'resource.overview',
          }),
          /cannot be given on this/,
        ],
        [grantTo(login, edge.id, { role: 'acme.theirs', roleOrganisation: other.name }), /role/],
        [grantTo(login, edge.id, { dataWindows: [[2030, 2020]] }), /window would end before it begins/],
      ]
      const revision = service.ctx.store.revision
      for (const [record, text] of asked) {
        const { report } = await run([record])
        expect(report.problems).toMatchObject([{ text: expect.stringMatching(text) }])
      }
      expect(service.ctx.store.revision).toBe(revision)
    })

    it('looks at no more the more the principal has, and often asks whether others should have their turn', async () => {
      const edge = await addEdge(service.ctx)
      const { login } = await addUser(service.ctx)
      const looks = async (count: number) => {
        const grants = Array.from({ length: count }, (_, n) => grantTo(login, edge.id, { validTo: 3e12 + n }))
        using counted = countReads()
        const { counts } = await run([...grants, ...grants], { dryRun: true })
        expect(counts).toMatchObject({ byKind: { grant: { created: count } }, unchanged: count })
        return counted
      }
      const [few, many] = [await looks(1000), await looks(2000)]
      // Each with each it is four times as much.
      expect(many.reads).toBeLessThan(2.5 * few.reads)
      // What he has is gone through once in one go, and not once for each.
      expect(many.longest).toBeLessThan(10 * 2000)
    })

    it('is the one there is, whatever the order of its components and windows', async () => {
      const edge = await addEdge(service.ctx)
      const { login } = await addUser(service.ctx)
      await grantRole(service.ctx, service0, {
        to: { login },
        on: { edgeId: edge.id },
        role: 'resource.detail',
        validFrom: null,
        validTo: null,
        dataWindows: [
          [30, 40],
          [10, 20],
          [20, 25],
        ],
        components: ['meter1', 'ess0'],
      })
      const exported = grantTo(login, edge.id, {
        components: ['ess0', 'meter1'],
        dataWindows: [
          [10, 25],
          [30, 40],
        ],
        source: 'manual',
      })
      expect((await run([exported])).counts).toMatchObject({ byKind: {}, unchanged: 1 })
      const unordered = grantTo(login, edge.id, {
        components: ['b', 'a', 'b'],
        dataWindows: [
          [5, 6],
          [1, 5],
        ],
      })
      await run([unordered, unordered])
      expect(grantsOf(login)[1]).toMatchObject({ components: ['a', 'b'], dataWindows: [[1, 6]] })
      expect(grantsOf(login)).toHaveLength(2)
    })
  })
})
