import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { UserAccess } from '../../src/import/model.ts'
import { UiClient } from '../harness/clients.ts'
import { importItems, userRecord } from '../harness/importing.ts'
import { address, csv, imported, tenant, vouchers } from '../harness/inviting.ts'
import { addEdge, addUser } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

let service: TestService
beforeAll(async () => {
  service = await startTestService()
})
afterAll(() => service?.[Symbol.asyncDispose]())

type Tenant = Awaited<ReturnType<typeof tenant>>
const index = () => service.ctx.store.index
const edgesOf = (login: string) =>
  index()
    .grantsOf(index().userByLogin(login)?.id ?? expect.unreachable())
    .map(({ resourceId, roleId }) => [index().edge(resourceId)?.edgeId, index().row('role', roleId)?.name])
const setTo = (...edges: { id: string }[]): UserAccess => ({ mode: 'set', edges: { keys: edges.map(({ id }) => id) } })

/** Two tenants, and somebody with an account who has agreed to get something from the second. */
async function twoTenants() {
  const [first, second] = [await tenant(service), await tenant(service)]
  const person = await addUser(service.ctx, { login: address(), email: address() })
  const [voucher] = await vouchers(
    second.boss,
    await imported(second.boss, csv([person.login]), { organisationId: second.organisationId }),
  )
  await using ui = await UiClient.signedIn(service, person.login)
  await ui.request('acceptInvitation', { token: voucher?.token })
  await first.boss[Symbol.asyncDispose]()
  await second.boss[Symbol.asyncDispose]()
  return { first, second, login: person.login }
}
const by = ({ owner, organisationId }: Tenant) => ({ askerId: owner.id, organisationId })

describe('an import into one organisation', () => {
  it('sets what it gives itself, and leaves what an import gives of the same name elsewhere (K12, D-10)', async () => {
    const { first, second, login } = await twoTenants()
    const third = await addEdge(service.ctx, { organisationId: second.organisationId })
    const { organisationId } = first
    await importItems(service.ctx, [userRecord(login, { access: setTo(first.edge) })], { organisationId })
    const sets = async (edge: { id: string }) => {
      const records = [userRecord(login, { access: setTo(edge) })]
      const tried = await importItems(service.ctx, records, { ...by(second), dryRun: true })
      const done = await importItems(service.ctx, records, by(second))
      expect([tried.counts, tried.report]).toEqual([done.counts, done.report])
      return done
    }
    expect((await sets(second.edge)).counts).toMatchObject({ gains: 1, losses: 0, byKind: { grant: { removed: 0 } } })
    expect(edgesOf(login)).toEqual([
      [first.edge.id, 'resource.detail'],
      [second.edge.id, 'resource.detail'],
    ])
    expect((await sets(third)).counts).toMatchObject({ gains: 1, losses: 1, byKind: { grant: { removed: 1 } } })
    expect(edgesOf(login).map(([id]) => id)).toEqual([first.edge.id, third.id])
  })

  it('by the operator sets nothing of another organisation either (K12, D-10, D-12)', async () => {
    const { first, second, login } = await twoTenants()
    for (const { edge, organisationId } of [first, second])
      await importItems(service.ctx, [userRecord(login, { access: setTo(edge) })], { organisationId })
    expect(edgesOf(login).map(([id]) => id)).toEqual([first.edge.id, second.edge.id])
    const { organisationId } = second
    await importItems(service.ctx, [userRecord(login, { access: setTo() })], { organisationId })
    expect(edgesOf(login).map(([id]) => id)).toEqual([first.edge.id])
    await importItems(service.ctx, [userRecord(login, { access: setTo(second.edge) })])
    expect(edgesOf(login).map(([id]) => id)).toEqual([second.edge.id])
  })

  it('neither changes nor names roles that another gave by a claim (K12, D-03)', async () => {
    const { first, second, login } = await twoTenants()
    const controls = userRecord(login, { claims: { control: 'WRITE' }, access: setTo(first.edge) })
    await importItems(service.ctx, [controls], { organisationId: first.organisationId })
    const merged = userRecord(login, { access: { ...setTo(second.edge), mode: 'merge' } })
    const { report } = await importItems(service.ctx, [merged], by(second))
    expect(report.problems).toEqual([])
    expect(edgesOf(login)).toEqual([
      [first.edge.id, 'resource.control'],
      [second.edge.id, 'resource.detail'],
    ])
  })

  it('says that it does not change the account of whoever imports, where it would (D-27)', async () => {
    const { owner, organisationId, edge, boss } = await tenant(service)
    await boss[Symbol.asyncDispose]()
    const options = { askerId: owner.id, organisationId }
    const { email: _, ...record } = userRecord(owner.login)
    const same = await importItems(service.ctx, [{ ...record, name: owner.name }], options)
    expect([same.counts.unchanged, same.report.remarks]).toEqual([1, []])
    for (const rest of [{ name: 'Another' }, { access: setTo(edge) }]) {
      const { counts, report } = await importItems(service.ctx, [{ ...record, ...rest }], options)
      expect(counts).toMatchObject({ unchanged: 1, byKind: {} })
      expect(report.remarks).toMatchObject([{ place: record.place, text: expect.stringContaining('own account') }])
    }
    expect(index().user(owner.id)).toEqual(owner)
  })
})
