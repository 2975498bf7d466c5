import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Snapshot } from '../../src/access/model.ts'
import { UiClient } from '../harness/clients.ts'
import { addEdge, addUser, fresh } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'
import { expectWhole, snapshotOf } from '../harness/whole.ts'
import { Oracle } from '../unit/access/oracle.ts'
import { owners } from '../unit/access/oracle-lists.ts'

const socketsPerPerson = 3
const callsPerSocket = 40
/** What a rule refuses, a thing that is gone, a parameter that does not fit: nothing else may come. */
const refusals = new Set([1, 1005, -32602])

type Call = { method: string; params: Record<string, unknown> }
const idOf = async (answer: Promise<Record<string, unknown>>) => Number((await answer)['id'])

/** One company with everything in it, run by an owner, and the operator of the platform. */
async function scene(service: TestService) {
  const admin = await UiClient.signedIn(service)
  const people = await Promise.all(Array.from({ length: 4 }, () => addUser(service.ctx, { shareable: true })))
  const [owner, ...members] = people.map(({ login }) => login)
  const organisationId = await idOf(admin.request('createOrganisation', { name: fresh('Company '), owner }))
  const boss = await UiClient.signedIn(service, owner)
  const made = async (method: string, params: object, count: number) => {
    const ids: number[] = []
    for (let n = 0; n < count; n++) ids.push(await idOf(boss.request(method, { name: fresh('Thing '), ...params })))
    return ids
  }
  const branches = await made('createSuborganisation', { parentId: organisationId }, 2)
  const sites = await made('createSite', { organisationId }, 2)
  const userGroups = await made('createUserGroup', {}, 4)
  const edgeGroups = await made('createEdgeGroup', {}, 4)
  const edges: string[] = []
  for (const siteId of sites) edges.push((await addEdge(service.ctx, { siteId })).id)
  const logins = [owner ?? '', ...members]
  return {
    admin,
    boss,
    owner: logins[0],
    logins,
    organisations: [organisationId, ...branches],
    sites,
    userGroups,
    edgeGroups,
    edges,
  }
}
type Scene = Awaited<ReturnType<typeof scene>>

/** A random change of structure or rights among few things, so that writers get in each other's way. */
function someCall(of: Scene): fc.Arbitrary<Call> {
  const pick = <T>(values: readonly T[]) => fc.constantFrom(...values)
  const call = (methods: string[], params: Record<string, fc.Arbitrary<unknown>>) =>
    fc.record({ method: pick(methods), params: fc.record(params) })
  const [organisationId, siteId, login] = [pick(of.organisations), pick(of.sites), pick(of.logins)]
  const member = fc.oneof(
    login.map((one) => ({ login: one })),
    pick(of.userGroups).map((userGroupId) => ({ userGroupId })),
  )
  const content = fc.oneof(
    pick(of.edges).map((edgeId) => ({ edgeId })),
    pick(of.edgeGroups).map((edgeGroupId) => ({ edgeGroupId })),
    siteId.map((id) => ({ siteId: id })),
  )
  const role = pick(['owner', 'manager', 'viewer', 'member'])
  const to = fc.oneof(
    login.map((one) => ({ login: one })),
    pick(of.userGroups).map((userGroupId) => ({ userGroupId })),
  )
  return fc.oneof(
    { weight: 4, arbitrary: call(['addGroupMember', 'removeGroupMember'], { groupId: pick(of.userGroups), member }) },
    {
      weight: 4,
      arbitrary: call(['addToEdgeGroup', 'removeFromEdgeGroup'], { groupId: pick(of.edgeGroups), content }),
    },
    { weight: 2, arbitrary: call(['shareSite', 'unshareSite'], { siteId, organisationId }) },
    { weight: 4, arbitrary: call(['addOrganisationMember', 'setOrganisationRole'], { organisationId, login, role }) },
    { weight: 2, arbitrary: call(['removeOrganisationMember'], { organisationId, login }) },
    { weight: 1, arbitrary: call(['setOrganisationGates'], { organisationId, canEditSites: fc.boolean() }) },
    {
      weight: 1,
      arbitrary: call(['setTenantPolicies'], { organisationId, publicAccess: fc.boolean(), strictRoles: fc.boolean() }),
    },
    { weight: 1, arbitrary: call(['setUserDisabled'], { login, disabled: fc.constant(true) }) },
    { weight: 1, arbitrary: call(['setUserDisabled'], { login, disabled: fc.constant(false) }) },
    { weight: 1, arbitrary: call(['renameOrganisation'], { organisationId, name: pick(['A', 'B']) }) },
    {
      weight: 3,
      arbitrary: call(['grantRole'], {
        to,
        on: fc.oneof(
          pick(of.edgeGroups).map((edgeGroupId) => ({ edgeGroupId })),
          siteId.map((id) => ({ siteId: id })),
        ),
        role: pick(['group.detail', 'group.administration', 'resource.detail', 'resource.administration']),
      }),
    },
    { weight: 2, arbitrary: call(['revokeGrant'], { grantId: fc.integer({ min: 1, max: 60 }) }) },
  )
}

/** Every answer of the index is the one that the rows of the database give. */
function expectRowsToDecide({ ctx }: TestService, rows: Snapshot): void {
  const at = ctx.clock().getTime()
  const oracle = new Oracle(rows)
  const principals = [...rows.user, ...rows.userGroup].map(({ id }) => id)
  const resources = [...rows.organisation, ...rows.site, ...rows.edge, ...rows.edgeGroup].map(({ id }) => id)
  for (const principalId of principals) {
    for (const resourceId of resources) {
      const { mask, role } = ctx.store.index.access(principalId, resourceId, at)
      const truth = oracle.access(principalId, resourceId, at)
      expect({ mask, role }, `${principalId} on ${resourceId}`).toEqual({ mask: truth.mask, role: truth.role })
    }
    const listed = ctx.store.index.listEdges(principalId, { order: [], offset: 0, limit: 100 }, at).map(({ id }) => id)
    expect(listed.sort()).toEqual(
      oracle
        .edges(principalId, at)
        .map(({ id }) => id)
        .sort(),
    )
  }
  for (const { id, name } of rows.organisation) expect(owners(oracle, id, at), `owners of ${name}`).not.toEqual([])
}

/** No group contains itself, and none lies deeper than ten. */
function expectNoCircle(links: readonly { parent: number; child: number }[]): void {
  let level = new Set(links.map(({ parent }) => parent))
  for (let depth = 0; depth < 10; depth++) {
    level = new Set(links.filter(({ parent }) => level.has(parent)).map(({ child }) => child))
  }
  expect([...level]).toEqual([])
}

for (const engine of ['postgres', 'embedded'] as const) {
  describe(`many writers at once (${engine})`, () => {
    let service: TestService
    beforeAll(async () => {
      service = await startTestService({ engine })
    })
    afterAll(() => service?.[Symbol.asyncDispose]())

    it('leave nothing half written, no circle, no organisation without an owner; snapshot and log add up (P-09, G-34, K3; invariants 2, 4, 6)', {
      timeout: 120_000,
    }, async () => {
      const things = await scene(service)
      const start = await snapshotOf(service)
      const calls = fc.sample(
        fc.array(someCall(things), { minLength: callsPerSocket, maxLength: callsPerSocket, size: 'max' }),
        {
          numRuns: 2 * socketsPerPerson,
          seed: Number(process.env['TEST_SEED'] ?? 20_261_122),
        },
      )
      await using stack = new AsyncDisposableStack()
      const sockets: UiClient[] = []
      for (const login of ['admin', things.owner]) {
        for (let n = 0; n < socketsPerPerson; n++) sockets.push(stack.use(await UiClient.signedIn(service, login)))
      }
      const answers = await Promise.all(
        sockets.flatMap((socket, n) =>
          (calls[n] ?? []).map((call) =>
            socket.call(call.method, call.params).then(({ error }) => ({ ...call, error })),
          ),
        ),
      )
      for (const { error, ...call } of answers) {
        if (error) expect(refusals.has(error.code), `${JSON.stringify(call)}: ${error.message}`).toBe(true)
      }
      expect(answers.filter(({ error }) => error === undefined).length).toBeGreaterThan(40)
      const rows = await expectWhole(service, start)
      expectRowsToDecide(service, rows)
      const isGroup = (id: number) => rows.userGroup.some((group) => group.id === id)
      const nested = rows.membership.filter(({ memberId }) => isGroup(memberId))
      expectNoCircle(nested.map(({ groupId, memberId }) => ({ parent: groupId, child: memberId })))
      expectNoCircle(rows.containment.map(({ parentId, childId }) => ({ parent: parentId, child: childId })))
    })

    it('G-34 put groups into each other in a ring, all at once: one link is refused, and the rest stays', async () => {
      const start = await snapshotOf(service)
      await using stack = new AsyncDisposableStack()
      const sockets: UiClient[] = []
      for (let n = 0; n < 5; n++) sockets.push(stack.use(await UiClient.signedIn(service)))
      for (const kind of ['User', 'Edge'] as const) {
        const groups = await Promise.all(
          sockets.map((ui) => idOf(ui.request(`create${kind}Group`, { name: fresh('Ring ') }))),
        )
        const answers = await Promise.all(
          sockets.map((ui, n) => {
            const [groupId, inner] = [groups[n], groups[(n + 1) % groups.length]]
            if (kind === 'User') return ui.call('addGroupMember', { groupId, member: { userGroupId: inner } })
            return ui.call('addToEdgeGroup', { groupId, content: { edgeGroupId: inner } })
          }),
        )
        expect(answers.flatMap(({ error }) => error?.message ?? [])).toEqual([expect.stringMatching(/itself/)])
      }
      await expectWhole(service, start)
    })

    it('P-09 owners who all leave, demote and remove each other at once leave one behind (invariant 6)', async () => {
      const start = await snapshotOf(service)
      await using stack = new AsyncDisposableStack()
      const admin = stack.use(await UiClient.signedIn(service))
      const logins: string[] = []
      for (let n = 0; n < 4; n++) logins.push((await addUser(service.ctx, { shareable: true })).login)
      const [first = ''] = logins
      const organisationId = await idOf(admin.request('createOrganisation', { name: fresh('Company '), owner: first }))
      for (const login of logins.slice(1)) {
        await admin.request('addOrganisationMember', { organisationId, login, role: 'owner' })
      }
      const sockets = await Promise.all(logins.map(async (login) => stack.use(await UiClient.signedIn(service, login))))
      // Whoever is disabled loses his socket, and maybe an answer.
      const answers = await Promise.allSettled(
        sockets.flatMap((owner, n) => [
          owner.call('removeOrganisationMember', { organisationId, login: logins[(n + 1) % 4] }),
          owner.call('setOrganisationRole', { organisationId, login: logins[n], role: 'viewer' }),
          owner.call('removeOrganisationMember', { organisationId, login: logins[n] }),
          admin.call('setUserDisabled', { login: logins[n], disabled: true }),
        ]),
      )
      const messages = answers.flatMap((one) => (one.status === 'fulfilled' && one.value.error?.message) || [])
      expect(messages).toContainEqual(expect.stringMatching(/at least one owner/))
      const rows = await expectWhole(service, start)
      expect(owners(new Oracle(rows), organisationId, service.ctx.clock().getTime())).toHaveLength(1)
    })

    it('G-08 add and remove one member at once: the last word counts, each answer is clear, nothing is there twice', async () => {
      const start = await snapshotOf(service)
      const { login, id } = await addUser(service.ctx, { shareable: true })
      await using stack = new AsyncDisposableStack()
      const sockets: UiClient[] = []
      for (let n = 0; n < 6; n++) sockets.push(stack.use(await UiClient.signedIn(service)))
      const groupId = await idOf((sockets[0] as UiClient).request('createUserGroup', { name: 'Crowd' }))
      const params = { groupId, member: { login } }
      const answers = await Promise.all(
        sockets.flatMap((ui, n) =>
          Array.from({ length: 8 }, (_, turn) =>
            ui.call((n + turn) % 2 ? 'addGroupMember' : 'removeGroupMember', params),
          ),
        ),
      )
      for (const { error } of answers) if (error) expect(error.message).toMatch(/already/)
      const rows = await expectWhole(service, start)
      const links = rows.membership.filter((row) => row.groupId === groupId && row.memberId === id)
      expect(links.length).toBeLessThan(2)
    })
  })
}
