import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../harness/child.ts'
import { UiClient, userPassword } from '../harness/clients.ts'
import { testClock } from '../harness/clock.ts'
import { address, csv, type Invited, imported, tenant, vouchers } from '../harness/inviting.ts'
import { addEdge, addUser, give } from '../harness/seed.ts'
import { startTestService, type TestService, temporaryFolder } from '../harness/service.ts'

const clock = testClock()
let service: TestService
let admin: UiClient
beforeAll(async () => {
  service = await startTestService({ clock: clock.now })
  admin = await UiClient.signedIn(service)
})
afterAll(async () => {
  await admin?.[Symbol.asyncDispose]()
  await service?.[Symbol.asyncDispose]()
})

const DAY_MS = 86_400_000
const invalid = { code: 1, message: 'This invitation is not valid (any more).' }
async function voucherOf(login: string): Promise<Invited> {
  return (await admin.request('inviteAccount', { login })) as unknown as Invited
}

/** Tries to open an account as a stranger. */
async function opened(invitation: string, password = userPassword) {
  // An address may not try for ever: a minute gives it another two.
  clock.advance(60_000)
  await using ui = await UiClient.open(service)
  const { result, error } = await ui.call('openAccount', { invitation, password })
  return error ?? result
}

/** What the form of the unmodified UI sends. */
const form = (email: string, change: object = {}) => ({
  user: {
    firstname: 'Ada',
    lastname: 'Byron',
    phone: '0123',
    email,
    password: userPassword,
    confirmPassword: userPassword,
    address: { street: 'Long Lane 1', zip: '12345', city: 'London', country: 'de' },
    role: 'owner',
    ...change,
  },
  oem: 'OpenEMS',
})

describe('people that an import brings', () => {
  it('get vouchers, which open their accounts once, and see what the file gave them', async () => {
    const edge = await addEdge(service.ctx)
    const [ann, bob] = [address(), address()].sort()
    const report = await imported(admin, csv([ann ?? '', bob ?? ''], edge.id))
    const invited = await vouchers(admin, report)
    expect(invited).toMatchObject([
      { login: ann, email: ann, state: 'invited' },
      { login: bob, email: bob, state: 'invited' },
    ])
    const token = invited[0]?.token ?? ''
    expect(await opened(token, 'short')).toMatchObject({ code: 1, message: expect.stringContaining('too short') })
    expect(await opened(token)).toEqual({ login: ann })
    await using ui = await UiClient.signedIn(service, ann)
    expect(await ui.request('getEdges', {})).toMatchObject({ edges: [{ id: edge.id, role: 'guest' }] })
    expect(await opened(token)).toMatchObject(invalid)
    expect(await vouchers(admin, report)).toMatchObject([
      { login: ann, state: 'open' },
      { login: bob, state: 'invited' },
    ])
    expect(await opened(invited[1]?.token ?? '')).toMatchObject(invalid)
  })

  it('open them with the form of the unmodified UI, though registration is closed (OC-11)', async () => {
    const login = address()
    await imported(admin, csv([login]))
    const { token } = await voucherOf(login)
    await using ui = await UiClient.open(service)
    const closed = (await ui.call('registerUser', form(login))).error
    expect(closed?.message).toMatch(/closed/)
    const asStranger = await ui.call('registerUser', form(address(), { phone: token, role: 'admin' }))
    expect(asStranger.error).toMatchObject(invalid)
    expect(await ui.request('registerUser', form(login, { phone: ` ${token} `, role: 'admin' }))).toEqual({})
    expect(await ui.signIn(login)).toMatchObject({ user: { name: 'Ada Byron', globalRole: 'guest' } })
    const { user } = await ui.request('getUserInformation')
    expect(user).toMatchObject({ phone: '', email: login, address: { city: 'London' } })
    expect((await ui.call('registerUser', form(login, { phone: token }))).error).toMatchObject(invalid)
  })

  it('find every voucher invalid that is wrong, old, taken back, or of an account that has a password', async () => {
    const login = address()
    await imported(admin, csv([login]))
    const first = await voucherOf(login)
    const second = await voucherOf(login)
    const other = await admin.request('createInvitation', {})
    for (const wrong of ['x', 'x'.repeat(300), first.token, String(other['token'])])
      expect(await opened(wrong)).toMatchObject(invalid)
    clock.advance(15 * DAY_MS)
    expect(await opened(second.token)).toMatchObject(invalid)
    const third = await voucherOf(login)
    expect(Date.parse(third.expiresAt)).toBe(clock.now().getTime() + 14 * DAY_MS)
    await admin.request('withdrawInvitation', { invitationId: third.invitationId })
    expect(await opened(third.token)).toMatchObject(invalid)
    const fourth = await voucherOf(login)
    await using someone = await UiClient.signedIn(service, (await addUser(service.ctx)).login)
    await expect(someone.request('acceptInvitation', { token: fourth.token })).rejects.toMatchObject({ code: 1005 })
    await admin.request('setUserDisabled', { login, disabled: true })
    expect(await opened(fourth.token)).toMatchObject(invalid)
    await expect(admin.request('inviteAccount', { login })).rejects.toThrow('of no use')
    await admin.request('setUserDisabled', { login, disabled: false })
    await admin.request('setPassword', { login, password: 'set by somebody else' })
    expect(await opened(fourth.token)).toMatchObject(invalid)
    await expect(admin.request('inviteAccount', { login })).rejects.toThrow('of no use')
  })

  it('leave in the log who invited and who came, and no secret', async () => {
    const login = address()
    await imported(admin, csv([login]))
    const { token, invitationId } = await voucherOf(login)
    await opened(token)
    const { id } = service.ctx.store.index.userByLogin(login) ?? expect.unreachable()
    const rows = await service.ctx.db
      .selectFrom('change')
      .select(['action', 'actorId', 'after'])
      .where('entity', '=', 'invitation')
      .where('entityId', '=', String(invitationId))
      .orderBy('revision')
      .execute()
    const adminId = service.ctx.store.index.userByLogin('admin')?.id
    expect(rows).toEqual([
      { action: 'invitation.created', actorId: adminId, after: { userId: id } },
      { action: 'invitation.accepted', actorId: id, after: { userId: id } },
    ])
    const stored = await service.ctx.db.selectFrom('invitation').selectAll().where('id', '=', invitationId).execute()
    expect(JSON.stringify(stored)).not.toContain(token)
  })

  it('are invited page by page', async () => {
    const logins = Array.from({ length: 7 }, address).sort()
    const { importId } = await imported(admin, csv(logins))
    const found: string[] = []
    for (let after: unknown = ''; after !== undefined; ) {
      const { invited, next } = await admin.request('inviteImported', { importId, after, limit: 3 })
      found.push(...(invited as Invited[]).map(({ login }) => login))
      after = next
    }
    expect(found).toEqual(logins)
  })
})

describe('who invites', () => {
  it('is who looks after all accounts, and the owner whose import made this one: nobody else (E-02, EC-08)', async () => {
    const { organisationId, edge, boss } = await tenant(service)
    await using _boss = boss
    const other = await tenant(service)
    await using _other = other.boss
    const login = address()
    const report = await imported(boss, csv([login], edge.id), { organisationId })
    const refusal = async (client: UiClient, method: string, params: object) =>
      (await client.call(method, params)).error
    const stranger = await refusal(other.boss, 'inviteAccount', { login })
    expect(stranger?.code).toBe(1005)
    expect(stranger).toEqual(await refusal(other.boss, 'inviteAccount', { login: 'nobody-of-this-name' }))
    expect(stranger).toEqual(await refusal(other.boss, 'inviteAccount', { login: 'admin' }))
    expect(await refusal(other.boss, 'inviteImported', { importId: report['importId'] })).toMatchObject({ code: 1005 })
    expect(await boss.request('inviteAccount', { login })).toMatchObject({ login })
    expect(await opened((await vouchers(boss, report))[0]?.token ?? '')).toEqual({ login })
  })

  it('cannot let himself in to more than he could give, nor keep a key for later (EC-10, G-01)', async () => {
    const { organisationId, edge, boss, owner } = await tenant(service)
    await using _boss = boss
    const [rich, kept] = [address(), address()]
    const report = await imported(boss, csv([rich, kept], edge.id), { organisationId })
    const before = await vouchers(boss, report)
    const foreign = await addEdge(service.ctx)
    await give(service.ctx, service.ctx.store.index.userByLogin(rich) ?? expect.unreachable(), 'owner', foreign)
    const tokenOf = (login: string) => before.find((one) => one.login === login)?.token ?? ''
    expect(await opened(tokenOf(rich))).toMatchObject(invalid)
    await expect(boss.request('inviteAccount', { login: rich })).rejects.toMatchObject({ code: 1005 })
    expect(await vouchers(boss, report)).toContainEqual({ login: rich, state: 'refused' })
    expect(await voucherOf(rich)).toMatchObject({ login: rich })
    const { token } = (await boss.request('inviteAccount', { login: kept })) as unknown as Invited
    const next = await addUser(service.ctx)
    await admin.request('addOrganisationMember', { organisationId, login: next.login, role: 'owner' })
    await admin.request('removeOrganisationMember', { organisationId, login: owner.login })
    expect(await opened(token)).toMatchObject(invalid)
  })
})

describe('ems-metadata import --invitations', { timeout: 60_000 }, () => {
  it('writes vouchers into a file of one’s own, and again for those who did not come', async () => {
    await using folder = await temporaryFolder()
    const at = ['--data-dir', service.config.dataDir]
    const [people, file, again] = ['people.csv', 'vouchers.csv', 'again.csv'].map((name) => join(folder.path, name))
    if (!people || !file || !again) throw expect.unreachable()
    const logins = [address(), '=1+1@example.com'].sort()
    await writeFile(people, csv(logins))
    const tried = await runCli(['import', people, '--dry-run', '--invitations', file, ...at])
    expect(tried.code).toBe(0)
    const done = await runCli(['import', people, '--invitations', file, ...at])
    expect([done.code, done.stderr]).toEqual([0, ''])
    expect(done.stdout).toContain(`2 vouchers are in ${file}`)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    const lines = (await readFile(file, 'utf8')).trim().split('\n')
    expect(lines[0]).toBe('login,email,voucher,validUntil')
    expect(lines[1]?.startsWith(`"'=1+1@example.com","'=1+1@example.com",`)).toBe(true)
    const token = lines[2]?.split(',')[2] ?? ''
    expect(done.stdout).not.toContain(token)
    expect(await opened(token)).toEqual({ login: logins[1] })
    const overwritten = await runCli(['import', people, '--invitations', file, ...at])
    expect([overwritten.code, overwritten.stderr]).toEqual([2, expect.stringContaining('already')])
    const importId = /\(([0-9a-f-]{36})\)/.exec(done.stdout)?.[1] ?? ''
    const once = await runCli(['invite-imported', importId, again, ...at])
    expect(once.stdout).toContain('1 vouchers')
    expect(once.stdout).toContain('1 need none any more')
    const single = await runCli(['invite-account', logins[0] ?? '', ...at])
    expect(single.stdout).toMatch(/Voucher for .*shown this once/)
  })
})
