import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { UserRow } from '../../src/access/model.ts'
import { insertGrantRow } from '../../src/access/resource-queries.ts'
import { EdgeClient, type Json, refusal, UiClient } from '../harness/clients.ts'
import { testClock } from '../harness/clock.ts'
import { addEdge, addUser, addUserWith, fresh, give, type SeededEdge } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

const MINUTE_MS = 60_000
const time = testClock()
let service: TestService
beforeAll(async () => {
  service = await startTestService({ clock: time.now })
})
afterAll(() => service?.[Symbol.asyncDispose]())

const signIn = (user: UserRow) => UiClient.signedIn(service, user.login)

async function actAs(ui: UiClient, user: UserRow): Promise<Json> {
  const result = await ui.request('impersonate', { login: user.login })
  ui.token = String(result['token'])
  return result
}

/** A socket for a token, as the UI opens one after every break. */
async function reconnected(token: string): Promise<{ ui: UiClient; result: Json }> {
  const ui = await UiClient.open(service)
  return { ui, result: await ui.request('authenticateWithToken', { token }) }
}

/** A group of an installer, a member with an edge of his own, and his consent. */
async function helped({ consents = true, role = 'owner' as const } = {}) {
  const installer = await addUser(service.ctx)
  const edge = await addEdge(service.ctx)
  const member = await addUserWith(service.ctx, role, edge)
  const [helper, ui] = [await signIn(installer), await signIn(member)]
  const { id } = await helper.request('createUserGroup', { name: fresh('Customers ') })
  const groupId = Number(id)
  await helper.request('addGroupMember', { groupId, member: { login: member.login } })
  await ui.request('acceptInvitation', { groupId })
  if (consents) await ui.request('setImpersonationConsent', { groupId, consents: true })
  return { installer, helper, member, ui, groupId, edge }
}

const roleOn = (ui: UiClient, edge: SeededEdge) =>
  ui.request('getEdge', { edgeId: edge.id }).then(({ edge }) => (edge as Json)['role'])

describe('acting as another', () => {
  it('tells the UI as whom and by whom, and leads back to the session it began in (E-06)', async () => {
    const { installer, helper, member, edge } = await helped()
    const { token } = helper
    expect((await refusal(helper, 'getEdge', { edgeId: edge.id })).code).toBe(1005)
    const result = await actAs(helper, member)
    expect(result).toMatchObject({
      user: { id: member.login, impersonatedBy: { id: installer.login, name: installer.name } },
    })
    const until = (result as { user: { impersonatedBy: { until: string } } }).user.impersonatedBy.until
    expect(Date.parse(until) - time.now().getTime()).toBe(30 * MINUTE_MS)
    expect(await roleOn(helper, edge)).toBe('owner')
    const back = await helper.request('endImpersonation')
    expect(back['user']).toMatchObject({ id: installer.login })
    expect(back['user']).not.toHaveProperty('impersonatedBy')
    expect((await refusal(helper, 'getEdge', { edgeId: edge.id })).code).toBe(1005)
    expect((await refusal(helper, 'endImpersonation')).message).toMatch(/do not act/)
    for (const [old, login] of [
      [token, installer.login],
      [String(back['token']), installer.login],
      [helper.token, installer.login],
    ] as const) {
      const { ui, result } = await reconnected(old)
      await using _ = ui
      expect(result['user']).toMatchObject({ id: login })
    }
  })

  it('begins at the list of members, which tells how many edges each has and how many are online (E-05, E-07)', async () => {
    const { helper, member, ui, groupId, edge } = await helped()
    const { edge: second } = await helped()
    await give(service.ctx, member, 'guest', second)
    await using device = await EdgeClient.open(service, second.apiKey)
    device.report({ '_sum/State': 0 })
    await device.settled()
    const row = async () => ((await helper.request('listGroupMembers', { groupId }))['members'] as Json[])[0]
    expect(await row()).toMatchObject({ login: member.login, consents: true, edges: { total: 2, online: 1 } })
    await actAs(helper, member)
    const { edges } = await helper.request('getEdges')
    expect((edges as { id: string }[]).map(({ id }) => id).sort()).toEqual([edge.id, second.id].sort())
    await helper.request('endImpersonation')
    await ui.request('setImpersonationConsent', { groupId, consents: false })
    expect(await row()).toMatchObject({ consents: false, edges: { total: 0, online: 0 } })
  })

  it('takes the consent of the member, which ends what it allowed at once (K4, K6)', async () => {
    const { helper, member, ui, groupId, edge, installer } = await helped({ consents: false })
    const denied = await refusal(helper, 'impersonate', { login: member.login })
    expect(denied).toEqual(await refusal(helper, 'impersonate', { login: 'nobody at all' }))
    expect(denied.code).toBe(1005)
    await ui.request('setImpersonationConsent', { groupId, consents: true })
    await actAs(helper, member)
    await ui.request('setImpersonationConsent', { groupId, consents: false })
    await helper.closed
    const { ui: again, result } = await reconnected(helper.token)
    await using _ = again
    expect(result['user']).toMatchObject({ id: installer.login })
    expect((await refusal(again, 'getEdge', { edgeId: edge.id })).code).toBe(1005)
    expect((await refusal(ui, 'setImpersonationConsent', { groupId: 2_000_000_000, consents: true })).code).toBe(1005)
  })

  it('ends with the membership, on an open socket (EC-09)', async () => {
    const { helper, member, ui, groupId, edge } = await helped()
    await actAs(helper, member)
    await ui.request('removeGroupMember', { groupId, member: { login: member.login } })
    helper.send({ jsonrpc: '2.0', id: 1, method: 'getEdge', params: { edgeId: edge.id } })
    await helper.closed
    expect(helper.frames.some(({ id }) => id === 1)).toBe(false)
  })

  it('ends by itself after its minutes, calls and pushes alike, and survives a reconnect until then (K4)', async () => {
    const { helper, member, installer, edge } = await helped()
    await actAs(helper, member)
    const { ui: other, result } = await reconnected(helper.token)
    expect(result['user']).toMatchObject({ id: member.login, impersonatedBy: { id: installer.login } })
    await using device = await EdgeClient.open(service, edge.apiKey)
    await other.watch(edge.id, ['_sum/EssSoc'])
    device.report({ '_sum/EssSoc': 1 })
    await other.data((values) => values['_sum/EssSoc'] === 1)
    time.advance(30 * MINUTE_MS)
    device.report({ '_sum/EssSoc': 2 })
    await device.settled()
    await Promise.all([helper.closed, other.closed])
    expect(other.pushes.some((values) => values['_sum/EssSoc'] === 2)).toBe(false)
    const { ui, result: back } = await reconnected(helper.token)
    await using _ = ui
    expect(back['user']).toMatchObject({ id: installer.login })
  })

  it('shows nobody through another what is cut from himself: components, periods (E-06, K4)', async () => {
    const edge = await addEdge(service.ctx)
    const owner = await addUserWith(service.ctx, 'owner', edge)
    for (const limits of [
      { components: ['meter*'] },
      { dataWindows: [[time.now().getTime() - MINUTE_MS, null]] },
    ] as const) {
      const helper = await addUser(service.ctx)
      await give(service.ctx, helper, 'admin', 'platform', limits)
      await using ui = await signIn(helper)
      const denied = await refusal(ui, 'impersonate', { login: owner.login })
      expect(denied).toEqual(await refusal(ui, 'impersonate', { login: 'nobody at all' }))
      expect(denied.code).toBe(1005)
      const whole = await give(service.ctx, helper, 'admin', 'platform')
      await actAs(ui, owner)
      expect(await roleOn(ui, edge)).toBe('owner')
      await using admin = await UiClient.signedIn(service)
      await admin.request('revokeGrant', { grantId: whole })
      ui.send({ jsonrpc: '2.0', id: 1, method: 'getEdge', params: { edgeId: edge.id } })
      await ui.closed
      expect(ui.frames.some(({ id }) => id === 1)).toBe(false)
    }
  })

  it('is never stacked (EC-09, K4)', async () => {
    const { helper, member } = await helped()
    await actAs(helper, member)
    expect((await refusal(helper, 'impersonate', { login: 'admin' })).message).toMatch(/act as somebody else/)
    await using admin = await UiClient.signedIn(service)
    const user = await addUser(service.ctx)
    await actAs(admin, user)
    expect((await refusal(admin, 'impersonate', { login: member.login })).message).toMatch(/act as somebody else/)
  })

  it('reaches no administrator of the platform, nor what the helper could make last (G-01, EC-10)', async () => {
    const { helper, member, edge } = await helped()
    const other = await addUser(service.ctx, { shareable: true })
    await service.ctx.write({ actorId: null }, async (w) => {
      const role = [...w.index.rows('role')].find(({ name }) => name === 'resource.administration')
      const row = await insertGrantRow(w.tx, {
        principalId: member.id,
        resourceId: edge.row.id,
        roleId: role?.id ?? 0,
        components: null,
        validFrom: null,
        validTo: null,
        dataWindows: null,
        source: 'manual',
        grantedBy: null,
      })
      w.inserted('grant.created', 'grant', row)
    })
    const grant = { to: { login: other.login }, on: { edgeId: edge.id }, role: 'resource.detail' }
    await actAs(helper, member)
    expect((await refusal(helper, 'grantRole', grant)).code).toBe(1005)
    expect((await refusal(helper, 'listGrants', { on: { edgeId: edge.id } })).code).toBe(1005)
    await helper.request('endImpersonation')
    await give(service.ctx, member, 'guest', 'platform')
    expect((await refusal(helper, 'impersonate', { login: member.login })).code).toBe(1005)
  })

  it('is for the platform without consent, over everybody who is not above the actor (EC-09)', async () => {
    const edge = await addEdge(service.ctx)
    const user = await addUserWith(service.ctx, 'installer', edge)
    await using admin = await UiClient.signedIn(service)
    await actAs(admin, user)
    expect(await roleOn(admin, edge)).toBe('installer')
    expect((await refusal(admin, 'listChanges')).code).toBe(1005)
    await admin.request('endImpersonation')
    await admin.request('listChanges')
    await using ui = await signIn(user)
    expect((await refusal(ui, 'impersonate', { login: 'admin' })).code).toBe(1005)
  })

  it('changes nothing that is the person’s own, and is not shown his data (G-32, EC-08)', async () => {
    const { helper, member, groupId } = await helped()
    await actAs(helper, member)
    const address = { street: '', zip: '', city: '', country: '' }
    const own: [string, object][] = [
      ['changeOwnPassword', { oldPassword: 'correct horse battery', newPassword: 'mine from now on' }],
      ['setUserInformation', { user: { firstname: '', lastname: '', email: 'me@example.org', phone: '', address } }],
      ['getUserInformation', {}],
      ['updateUserSettings', { settings: { a: 1 } }],
      ['updateUserLanguage', { language: 'de' }],
      ['setShareable', { shareable: true }],
      ['setImpersonationConsent', { groupId, consents: true }],
      ['acceptInvitation', { groupId }],
      ['rejectInvitation', { groupId }],
    ]
    for (const [method, params] of own)
      expect((await refusal(helper, method, params)).message).toMatch(/act as somebody else/)
    expect(service.ctx.store.index.user(member.id)).toEqual(member)
  })

  it('signs every write with both (K4, G-35)', async () => {
    const { helper, member, installer } = await helped()
    await actAs(helper, member)
    const { id } = await helper.request('createEdgeGroup', { name: 'Mine' })
    expect(service.ctx.store.index.row('edgeGroup', Number(id))).toMatchObject({ ownerId: member.id })
    await helper.request('endImpersonation')
    await using admin = await UiClient.signedIn(service)
    const { changes } = await admin.request('listChanges', { login: installer.login, limit: 4 })
    expect((changes as Json[]).map(({ action, actor, subject }) => [action, actor, subject])).toEqual([
      ['session.ended', installer.login, member.login],
      ['grant.created', installer.login, member.login],
      ['edgeGroup.created', installer.login, member.login],
      ['impersonation.started', installer.login, member.login],
    ])
  })

  it('ends when the helper logs out, changes his password elsewhere or is disabled', async () => {
    for (const end of ['logout', 'password', 'disable'] as const) {
      const { helper, member, installer } = await helped()
      await using second = await signIn(installer)
      await actAs(helper, member)
      await using admin = await UiClient.signedIn(service)
      if (end === 'logout') await helper.request('logout')
      else if (end === 'password')
        await second.request('changeOwnPassword', {
          oldPassword: 'correct horse battery',
          newPassword: 'another one 2',
        })
      else await admin.request('setUserDisabled', { login: installer.login, disabled: true })
      await vi.waitFor(async () => {
        await using ui = await UiClient.open(service)
        expect((await ui.call('authenticateWithToken', { token: helper.token })).error?.code).toBe(1003)
      })
      if (end !== 'logout') await helper.closed
    }
  })
})
