import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RestrictionChange } from '../../src/import/model.ts'
import { type Json, UiClient, userPassword } from '../harness/clients.ts'
import { testClock } from '../harness/clock.ts'
import { importItems, userRecord } from '../harness/importing.ts'
import { address, csv, imported, tenant, vouchers } from '../harness/inviting.ts'
import { addUser, fresh, give } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

const clock = testClock()
let service: TestService
beforeAll(async () => {
  service = await startTestService({ clock: clock.now })
})
afterAll(async () => {
  await service?.[Symbol.asyncDispose]()
})

const invalid = { code: 1, message: 'This invitation is not valid (any more).' }

/** Tries to open an account as a stranger. */
async function opened(invitation: string) {
  await using ui = await UiClient.open(service)
  const { result, error } = await ui.call('openAccount', { invitation, password: userPassword })
  return error ?? result
}

describe('an owner who imports people with accounts elsewhere', () => {
  it('learns nothing about people who have accounts elsewhere, and gives them something once they agree (D-03)', async () => {
    const { organisationId, edge, boss } = await tenant(service)
    await using _boss = boss
    const outsider = await addUser(service.ctx, { login: address(), email: address() })
    const content = (login: string) => `email,firstname,role,edges\n${login},New Name,User,${edge.id}`
    const told = async (login: string, dryRun: boolean) => {
      const { counts, report } = await imported(boss, content(login), { organisationId, dryRun })
      return JSON.parse(JSON.stringify({ counts, report }).replaceAll(login, 'somebody')) as Json
    }
    const stranger = address()
    for (const dryRun of [true, false]) expect(await told(outsider.login, dryRun)).toEqual(await told(stranger, dryRun))
    expect(await told(outsider.login, false)).toEqual(await told(stranger, false))
    expect(service.ctx.store.index.grantsOf(outsider.id)).toEqual([])

    const other = await addUser(service.ctx, { login: address(), email: address() })
    const report = await imported(boss, content(other.login), { organisationId })
    const [voucher] = await vouchers(boss, report)
    expect(voucher).toMatchObject({ login: other.login, state: 'invited', email: other.login })
    expect(await opened(voucher?.token ?? '')).toMatchObject(invalid)
    await using ui = await UiClient.signedIn(service, other.login)
    await using someone = await UiClient.signedIn(service, outsider.login)
    const bound = await someone.call('acceptInvitation', { token: voucher?.token })
    expect(bound.error).toMatchObject({ code: 1005 })
    await ui.request('acceptInvitation', { token: voucher?.token })
    expect(await vouchers(boss, report)).toMatchObject([{ login: other.login, state: 'open' }])
  })

  it('gets the address of the file with every voucher, whoever has it already (D-03)', async () => {
    const { organisationId, boss } = await tenant(service)
    await using _boss = boss
    const outsider = await addUser(service.ctx, { login: address(), email: address() })
    const told = async (login: string, email: string) => {
      const content = `UserName,Email\n${login},${email.toUpperCase()}`
      const [voucher] = await vouchers(boss, await imported(boss, content, { organisationId }))
      const { token, invitationId, ...rest } = voucher ?? expect.unreachable()
      const text = JSON.stringify(rest).replaceAll(new RegExp(login, 'gi'), 'name')
      return JSON.parse(text.replaceAll(new RegExp(email, 'gi'), 'address')) as Json
    }
    const free = await told(fresh('name'), address())
    expect(free).toMatchObject({ login: 'name', email: 'address', state: 'invited' })
    expect(await told(fresh('name'), outsider.email ?? '')).toEqual(free)
    expect(await told(outsider.login.toUpperCase(), address())).toEqual(await told(address().toUpperCase(), address()))
  })

  it('sees invitations that look the same, whoever has an account already (D-03)', async () => {
    const { organisationId, boss } = await tenant(service)
    await using _boss = boss
    const outsider = await addUser(service.ctx, { login: address(), email: address() })
    const free = address()
    await vouchers(boss, await imported(boss, csv([outsider.login, free]), { organisationId }))
    const seen = async (query: string, of: object) => {
      const found = await boss.request('listInvitations', { ...of, query })
      return (found['invitations'] as Json[]).map(({ invitationId, ...rest }) => ({ ...rest, addressee: 'somebody' }))
    }
    for (const of of [{ sent: true }, { organisationId }, { sent: true, organisationId }])
      expect(await seen(outsider.login, of)).toEqual(await seen(free, of))
    expect(await seen(free, { sent: true })).toMatchObject([{ name: '', isVoucher: true }])
    expect(await seen(outsider.login, { organisationId })).toEqual([])
    await boss.request('inviteMember', { to: { organisationId, role: 'owner' }, email: free })
    expect(await seen(free, { organisationId })).toMatchObject([{ organisationId, role: 'owner' }])
  })

  it('gets a voucher for one person again, whoever has the account already (D-03)', async () => {
    const { organisationId, boss } = await tenant(service)
    await using _boss = boss
    const elsewhere = await tenant(service)
    await using _elsewhere = elsewhere.boss
    const outsider = await addUser(service.ctx, { login: address(), email: address() })
    const again = async (login: string) => {
      const [first] = await vouchers(boss, await imported(boss, csv([login]), { organisationId }))
      const { token, invitationId, ...rest } = await boss.request('inviteAccount', { login: login.toUpperCase() })
      const listed = await boss.request('listInvitations', { sent: true, query: login })
      expect([listed['total'], first?.token === token]).toEqual([1, false])
      expect((await elsewhere.boss.call('inviteAccount', { login })).error?.code).toBe(1005)
      return { token, told: JSON.parse(JSON.stringify(rest).replaceAll(login, 'somebody')) as Json }
    }
    const [known, free] = [await again(outsider.login), await again(address())]
    expect(known.told).toEqual(free.told)
    await using ui = await UiClient.signedIn(service, outsider.login)
    await ui.request('acceptInvitation', { token: known.token })
    const opened = await boss.call('inviteAccount', { login: outsider.login })
    expect(opened.error).toMatchObject({ code: 1, message: expect.stringContaining('of no use') })
  })

  it('reaches by his address somebody whose login is another, and gives him what the file says (D-02, D-03)', async () => {
    const { organisationId, edge, boss } = await tenant(service)
    await using _boss = boss
    const email = address()
    const holder = await addUser(service.ctx, { login: fresh('holder'), email })
    const content = `UserName,Email,FirstName,edges\n${fresh('otherlogin')},${email},New Name,${edge.id}`
    const report = await imported(boss, content, { organisationId })
    const [voucher] = await vouchers(boss, report)
    await using ui = await UiClient.signedIn(service, holder.login)
    await ui.request('acceptInvitation', { token: voucher?.token })
    expect(await vouchers(boss, report)).toMatchObject([{ state: 'open' }])
    await imported(boss, content, { organisationId })
    expect(await ui.request('getEdges', {})).toMatchObject({ edges: [{ id: edge.id, role: 'guest' }] })
    expect(service.ctx.store.index.user(holder.id)).toMatchObject({ login: holder.login, email, name: holder.name })
    const { counts } = await imported(boss, content, { organisationId })
    expect(counts).toMatchObject({ unchanged: 1, byKind: {} })
  })

  it('reaches the holder of a login though the address of the file is another person’s (D-03)', async () => {
    const { organisationId, edge, boss } = await tenant(service)
    await using _boss = boss
    const [named, addressed] = [
      await addUser(service.ctx, { login: fresh('named') }),
      await addUser(service.ctx, { email: address() }),
    ]
    const content = `UserName,Email,edges\n${named.login},${addressed.email},${edge.id}`
    const [voucher] = await vouchers(boss, await imported(boss, content, { organisationId }))
    await using ui = await UiClient.signedIn(service, named.login)
    await ui.request('acceptInvitation', { token: voucher?.token })
    await imported(boss, content, { organisationId })
    expect(await ui.request('getEdges', {})).toMatchObject({ edges: [{ id: edge.id, role: 'guest' }] })
    expect(service.ctx.store.index.grantsOf(addressed.id)).toEqual([])
    expect(service.ctx.store.index.user(named.id)?.email).toBe(named.email)
  })

  it('gives an account of somebody else what the file says of his own edges, and changes nothing else of it (D-03)', async () => {
    const { organisationId, edge, boss } = await tenant(service)
    await using _boss = boss
    const login = address()
    const other = await addUser(service.ctx, { login, email: login })
    const content = `email,firstname,language,edges\n${login},New Name,FR,${edge.id}`
    const [voucher] = await vouchers(boss, await imported(boss, content, { organisationId }))
    await using ui = await UiClient.signedIn(service, login)
    expect(await ui.request('getEdges', {})).toEqual({ edges: [] })
    await ui.request('acceptInvitation', { token: voucher?.token })
    expect(await ui.request('getEdges', {})).toEqual({ edges: [] })
    await imported(boss, content, { organisationId })
    expect(await ui.request('getEdges', {})).toMatchObject({ edges: [{ id: edge.id, role: 'guest' }] })
    expect(service.ctx.store.index.userByLogin(login)).toMatchObject({ name: other.name, language: other.language })
    await expect(boss.request('inviteAccount', { login })).rejects.toThrow('of no use')
  })

  it('restricts an account of somebody else where he could withdraw all it has, and nowhere else (G-01)', async () => {
    const { organisationId, edge, boss, owner } = await tenant(service)
    await using _boss = boss
    const login = address()
    const other = await addUser(service.ctx, { login, email: login })
    const [voucher] = await vouchers(boss, await imported(boss, csv([login], edge.id), { organisationId }))
    await using ui = await UiClient.signedIn(service, login)
    await ui.request('acceptInvitation', { token: voucher?.token })
    await imported(boss, csv([login], edge.id), { organisationId })
    const windows = () => service.ctx.store.index.restrictionsOf(other.id).get(edge.row.id)?.windows
    const restricting = async (change: RestrictionChange) => {
      const restrictions = { mode: 'set', byEdge: new Map([[edge.id, change]]) } as const
      const options = { askerId: owner.id, organisationId }
      return (await importItems(service.ctx, [userRecord(login, { restrictions })], options)).report.problems
    }
    expect(await restricting({ windows: [[1000, 2000]] })).toEqual([])
    expect(windows()).toEqual([[1000, 2000]])
    await give(service.ctx, other, 'owner', 'platform')
    const refused = [{ rule: 'G-01', value: edge.id, text: expect.stringContaining('you could not withdraw') }]
    expect(await restricting({ windows: [] })).toMatchObject(refused)
    expect(await restricting({ unrestricted: true })).toMatchObject(refused)
    expect(await restricting({ windows: [[1000, 2000]] })).toEqual([])
    expect(windows()).toEqual([[1000, 2000]])
  })
})
