import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { UserRow } from '../../src/access/model.ts'
import { type Json, refusal, UiClient, userPassword } from '../harness/clients.ts'
import { testClock } from '../harness/clock.ts'
import { addEdge, addUser, fresh, type SeededEdge } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

const clock = testClock()
let service: TestService
let admin: UiClient
beforeAll(async () => {
  service = await startTestService({ clock: clock.now, config: { registration: 'invitation' } })
  admin = await UiClient.signedIn(service)
})
afterAll(async () => {
  await admin?.[Symbol.asyncDispose]()
  await service?.[Symbol.asyncDispose]()
})

interface Person {
  user: UserRow
  ui: UiClient
}
async function person(account: object = {}): Promise<Person> {
  const user = await addUser(service.ctx, account)
  return { user, ui: await UiClient.signedIn(service, user.login) }
}
const role = async ({ ui }: { ui: UiClient }, edgeId: string) =>
  ((await ui.call('getEdge', { edgeId })).result?.['edge'] as { role: string } | undefined)?.role
const open = async (ui: UiClient, params: object = {}) =>
  (await ui.request('listInvitations', params))['invitations'] as Json[]
const offer = async (by: Person, edge: SeededEdge, to: object, more: object = {}) =>
  (await by.ui.request('handOver', { edgeId: edge.id, to, ...more })) as {
    state: string
    offer: { invitationId: number; token?: string }
  }

/** Somebody who owns an edge. */
async function owner(): Promise<Person & { edge: SeededEdge }> {
  const [seller, edge] = [await person(), await addEdge(service.ctx)]
  await admin.request('grantRole', {
    to: { login: seller.user.login },
    on: { edgeId: edge.id },
    role: 'resource.administration',
  })
  return { ...seller, edge }
}

describe('a hand-over by invitation', () => {
  it('changes nothing until whoever is invited accepts; then it is the hand-over (C-17, D-25, K5, P-22)', async () => {
    const { edge, ...seller } = await owner()
    const buyer = await person()
    const made = await offer(seller, edge, { invitee: buyer.user.login })
    expect(made).toMatchObject({ state: 'offered', ended: { grants: [], setupPasswords: [] }, kept: [], secrets: [] })
    expect([await role(seller, edge.id), await role(buyer, edge.id)]).toEqual(['owner', undefined])
    const [mine] = await open(buyer.ui)
    expect(mine).toMatchObject({ handOver: { edgeId: edge.id }, name: edge.id, invitedBy: seller.user.login })
    const { invitationId } = made.offer
    const stranger = await person()
    expect((await refusal(stranger.ui, 'acceptInvitation', { invitationId })).code).toBe(1005)
    await buyer.ui.request('rejectInvitation', { invitationId })
    expect(await open(seller.ui, { edgeId: edge.id })).toMatchObject([
      { addressee: buyer.user.login, isRejected: true, isVoucher: false },
    ])
    clock.advance(1000)
    await buyer.ui.request('acceptInvitation', { invitationId })
    expect([await role(seller, edge.id), await role(buyer, edge.id)]).toEqual(['guest', 'owner'])
    expect((await refusal(seller.ui, 'getEdgesChannelsValues', { ids: [edge.id], channels: ['a/b'] })).code).toBe(1005)
    const { entries } = (await buyer.ui.request('accessHistory', { edgeId: edge.id })) as unknown as {
      entries: { action: string; kind: string }[]
    }
    expect(entries).toMatchObject([{ kind: 'began', action: 'edge.handedOver' }])
    expect((await refusal(buyer.ui, 'acceptInvitation', { invitationId })).code).toBe(1005)
  })

  it('has one answer whether there is such an account or not, and is not to be found by others (G-14, G-17, G-18)', async () => {
    const { edge, ...seller } = await owner()
    const hidden = await person({ email: `${fresh('hidden')}@example.org` })
    const names = [hidden.user.login, String(hidden.user.email), 'nobody-there', 'nobody@example.org']
    const answers = []
    for (const invitee of names) answers.push((await offer(seller, edge, { invitee })) as unknown as Json)
    const shapes = answers.map(({ at: _at, offer: made, ...rest }) => [rest, Object.keys(made as object)])
    expect(new Set(shapes.map((shape) => JSON.stringify(shape))).size).toBe(1)
    const listed = await open(seller.ui, { edgeId: edge.id, sort: 'id' })
    expect(listed.map(({ addressee }) => addressee)).toEqual(names)
    const alike = listed.map(({ addressee: _a, invitationId: _i, expiresAt: _e, ...rest }) => JSON.stringify(rest))
    expect(new Set(alike).size).toBe(1)
    const stranger = await person()
    const unseen = await refusal(stranger.ui, 'listInvitations', { edgeId: edge.id })
    expect(unseen.message.replace(edge.id, 'none')).toBe(
      (await refusal(stranger.ui, 'listInvitations', { edgeId: 'none' })).message,
    )
    expect((await refusal(stranger.ui, 'handOver', { edgeId: edge.id, to: { invitee: 'x' } })).code).toBe(1005)
    const { invitationId } = listed[0] ?? {}
    expect(await refusal(stranger.ui, 'withdrawInvitation', { invitationId })).toEqual(
      await refusal(stranger.ui, 'withdrawInvitation', { invitationId: 2_000_000_000 }),
    )
  })

  it('is a voucher for who has no account: he registers with it and owns the edge (K5, P-22, O-06)', async () => {
    const { edge, ...seller } = await owner()
    const email = `${fresh('buyer')}@example.org`
    const { offer: made } = await offer(seller, edge, { voucher: { email } })
    await using ui = await UiClient.open(service)
    const address = { street: '', zip: '', city: '', country: '' }
    const user = { firstname: 'Bea', lastname: 'Buyer', password: userPassword, address, invitation: made.token }
    const other = await refusal(ui, 'registerUser', { user: { ...user, email: 'other@example.org' } })
    expect(other.message).toMatch(/not valid/)
    await ui.request('registerUser', { user: { ...user, email } })
    await ui.signIn(email)
    expect([await role(seller, edge.id), await role({ ui }, edge.id)]).toEqual(['guest', 'owner'])
    const second = await owner()
    const { offer: next } = await offer(second, second.edge, { voucher: {} }, { showPast: true, keepHistory: false })
    await ui.request('acceptInvitation', { token: next.token })
    expect([await role(second, second.edge.id), await role({ ui }, second.edge.id)]).toEqual([undefined, 'owner'])
  })

  it('takes the rights to hand over when it is offered and when it is accepted, and shows no secrets (G-01)', async () => {
    const { edge, ...seller } = await owner()
    const buyer = await person()
    const to = { invitee: buyer.user.login }
    for (const secrets of [{ newApiKeys: {} }, { setupPassword: 'renew' }])
      expect((await refusal(seller.ui, 'handOver', { edgeId: edge.id, to, ...secrets })).message).toMatch(/secrets/)
    const { offer: made } = await offer(seller, edge, to)
    await admin.request('revokeAccess', { login: seller.user.login, on: { edgeId: edge.id } })
    const { invitationId } = made
    expect((await refusal(buyer.ui, 'acceptInvitation', { invitationId })).message).toMatch(/not valid/)
    expect(await role(buyer, edge.id)).toBeUndefined()
    expect((await refusal(seller.ui, 'handOver', { edgeId: edge.id, to })).code).toBe(1005)
  })

  it('ends when it is withdrawn, when it expires and when another was faster', async () => {
    const { edge, ...seller } = await owner()
    const [first, second, third] = [await person(), await person(), await person({ shareable: true })]
    const { offer: one } = await offer(seller, edge, { invitee: first.user.login })
    await seller.ui.request('withdrawInvitation', { invitationId: one.invitationId })
    expect(await open(first.ui)).toEqual([])
    await offer(seller, edge, { invitee: first.user.login })
    const { offer: two } = await offer(seller, edge, { invitee: second.user.login })
    await second.ui.request('acceptInvitation', { invitationId: two.invitationId })
    expect(await open(first.ui)).toEqual([])
    await offer({ user: second.user, ui: second.ui }, edge, { invitee: first.user.login })
    await second.ui.request('handOver', { edgeId: edge.id, to: { login: third.user.login } })
    expect(await open(first.ui)).toEqual([])
    const { invitationId } = (await offer(third, edge, { invitee: first.user.login }, { validDays: 1 })).offer
    clock.advance(2 * 86_400_000)
    expect((await refusal(first.ui, 'acceptInvitation', { invitationId })).code).toBe(1005)
  })

  it('is for a site as well, with the edges on it; it does not leave its organisation (P-18)', async () => {
    const boss = await person({ shareable: true })
    const { id } = await admin.request('createOrganisation', { name: fresh('Company '), owner: boss.user.login })
    const { id: siteId } = await boss.ui.request('createSite', { organisationId: id, name: 'House' })
    const edge = await addEdge(service.ctx, { siteId: Number(siteId) })
    const tenant = await person()
    const to = { invitee: tenant.user.login }
    const leaving = await refusal(admin, 'handOver', { siteId, to, leaveOrganisation: true })
    expect(leaving.message).toMatch(/belongs to an organisation/)
    const made = await admin.request('handOver', { siteId, to })
    expect(await open(tenant.ui)).toMatchObject([{ handOver: { siteId }, name: 'House' }])
    await tenant.ui.request('acceptInvitation', { invitationId: (made['offer'] as Json)['invitationId'] })
    expect(await role(tenant, edge.id)).toBe('owner')
    expect(await role(boss, edge.id)).toBe('installer')
  })
})
