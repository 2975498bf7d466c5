import type { KyselyPlugin } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { UserRow } from '../../src/access/model.ts'
import type { Tx } from '../../src/db/database.ts'
import { handOver } from '../../src/sites/hand-over-service.ts'
import { EdgeClient, refusal, UiClient } from '../harness/clients.ts'
import { addEdge, addUser, fresh } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

let service: TestService
let admin: UiClient
beforeAll(async () => {
  service = await startTestService()
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
async function person(shareable = true): Promise<Person> {
  const user = await addUser(service.ctx, { shareable })
  return { user, ui: await UiClient.signedIn(service, user.login) }
}
const give = (to: Person, on: object, role: string, terms: object = {}) =>
  admin.request('grantRole', { to: { login: to.user.login }, on, role, ...terms })
const role = async ({ ui }: Person, edgeId: string) =>
  ((await ui.call('getEdge', { edgeId })).result?.['edge'] as { role: string } | undefined)?.role
const data = async ({ user }: Person, edgeId: string) =>
  (
    await admin.request('authorizeData', {
      userId: user.login,
      edgeId,
      channels: ['meter0/ActivePower'],
      from: '2000-01-01T00:00:00.000Z',
      to: '2100-01-01T00:00:00.000Z',
    })
  )['allowed']
const until = (at: unknown) => [['2000-01-01T00:00:00.000Z', at]]
const since = (at: unknown) => [[at, '2100-01-01T00:00:00.000Z']]

/** A house: somebody who owns the edge, a friend of his, a buyer. */
async function house() {
  const [seller, friend, buyer] = [await person(), await person(), await person()]
  const edge = await addEdge(service.ctx)
  await give(seller, { edgeId: edge.id }, 'resource.administration')
  await seller.ui.request('grantRole', {
    to: { login: friend.user.login },
    on: { edgeId: edge.id },
    role: 'resource.control',
  })
  return { seller, friend, buyer, edge }
}
async function company() {
  const boss = await person()
  const { id } = await admin.request('createOrganisation', { name: fresh('Company '), owner: boss.user.login })
  return { boss, id: Number(id) }
}

describe('handOver', () => {
  it('C-17 D-25 ends what others had, leaves the seller his time and gives the buyer the rest, in one step', async () => {
    const { seller, friend, buyer, edge } = await house()
    const { id: group } = await seller.ui.request('createEdgeGroup', { name: 'Mine' })
    await seller.ui.request('addToEdgeGroup', { groupId: group, content: { edgeId: edge.id } })
    const { revision } = service.ctx.store.index
    const done = await seller.ui.request('handOver', { edgeId: edge.id, to: { login: buyer.user.login } })
    expect(done).toMatchObject({
      ended: {
        grants: [
          { to: { name: seller.user.login }, role: 'resource.administration' },
          { to: { name: friend.user.login }, role: 'resource.control' },
        ],
        places: [{ id: group, name: 'Mine' }],
        setupPasswords: [edge.id],
      },
      kept: [{ to: { name: seller.user.login }, role: 'resource.detail', dataWindows: [[null, done['at']]] }],
      secrets: [],
    })
    expect(await role(buyer, edge.id)).toBe('owner')
    expect(await role(seller, edge.id)).toBe('guest')
    expect(await role(friend, edge.id)).toBeUndefined()
    expect(await data(buyer, edge.id)).toEqual(since(done['at']))
    expect(await data(seller, edge.id)).toEqual(until(done['at']))
    expect((await refusal(seller.ui, 'getEdgesChannelsValues', { ids: [edge.id], channels: ['a/b'] })).code).toBe(1005)
    const { changes } = await admin.request('listChanges', { login: seller.user.login, limit: 20 })
    const rows = (changes as { action: string; revision: number; entity: string }[]).filter(
      (change) => change.revision > revision,
    )
    expect(new Set(rows.map(({ action }) => action))).toEqual(new Set(['edge.handedOver']))
    expect(rows.filter(({ entity }) => entity === 'grant')).toHaveLength(4)
    // A later hand-over leaves the first seller what he kept.
    const next = await person()
    const again = await buyer.ui.request('handOver', { edgeId: edge.id, to: { login: next.user.login } })
    expect(await data(seller, edge.id)).toEqual(until(done['at']))
    expect(await data(buyer, edge.id)).toEqual([[done['at'], again['at']]])
  })

  it('keeps nothing and shows all when that is said; an earlier owner may be named', async () => {
    const one = await house()
    const params = { edgeId: one.edge.id, to: { login: one.buyer.user.login } }
    await one.seller.ui.request('handOver', { ...params, keepHistory: false, showPast: true })
    expect(await role(one.seller, one.edge.id)).toBeUndefined()
    expect(await data(one.buyer, one.edge.id)).toEqual([['2000-01-01T00:00:00.000Z', '2100-01-01T00:00:00.000Z']])
    const two = await house()
    const { at } = await admin.request('handOver', {
      edgeId: two.edge.id,
      to: { login: two.buyer.user.login },
      from: [two.friend.user.login],
    })
    expect(await data(two.friend, two.edge.id)).toEqual(until(at))
  })

  it('OC-10 ends the setup password, renews it or keeps it, and rotates keys on request', async () => {
    const { seller, buyer, edge } = await house()
    const to = { login: buyer.user.login }
    expect((await refusal(seller.ui, 'handOver', { edgeId: edge.id, to, newApiKeys: {} })).code).toBe(1005)
    expect(await role(seller, edge.id)).toBe('owner')
    await using device = await EdgeClient.open(service, edge.apiKey)
    const options = { setupPassword: 'renew', newApiKeys: { overlapHours: 0 } }
    const { secrets } = await admin.request('handOver', { edgeId: edge.id, to, ...options })
    const [secret] = secrets as { apiKey: string; setupPassword: string }[]
    expect((await device.closed).code).toBe(1008)
    await using back = await EdgeClient.open(service, String(secret?.apiKey))
    expect((await refusal(seller.ui, 'addEdgeToUser', { setupPassword: edge.setupPassword })).code).toBe(1003)
    const next = await person()
    await next.ui.request('addEdgeToUser', { setupPassword: secret?.setupPassword })
    expect(await role(next, edge.id)).toBe('installer')
    expect(back.closing).toBeUndefined()
  })

  it('stops the pushes of an open socket', async () => {
    const { seller, friend, buyer, edge } = await house()
    await using device = await EdgeClient.open(service, edge.apiKey)
    await friend.ui.watch(edge.id, ['soc'])
    device.report({ soc: 1 })
    await friend.ui.data()
    await seller.ui.request('handOver', { edgeId: edge.id, to: { login: buyer.user.login } })
    const before = friend.ui.frames.length
    for (const soc of [2, 3]) {
      device.report({ soc })
      await device.settled()
    }
    await friend.ui.settled()
    expect(friend.ui.frames).toHaveLength(before + 1)
    expect(friend.ui.pushes.at(-1)).toEqual({ soc: null })
  })

  it('G-01 G-14 G-17 takes the rights of an owner, a receiver who can be known, and refuses all else alike', async () => {
    const { seller, friend, buyer, edge } = await house()
    const to = { login: buyer.user.login }
    const { revision } = service.ctx.store.index
    const missing = await refusal(friend.ui, 'handOver', { edgeId: 'no-such-edge', to })
    expect(missing.code).toBe(1005)
    for (const client of [friend.ui, buyer.ui]) {
      expect(await refusal(client, 'handOver', { edgeId: edge.id, to })).toMatchObject({ code: 1005 })
    }
    expect(await refusal(friend.ui, 'handOver', { edgeId: edge.id, to })).toEqual({
      ...missing,
      message: missing.message.replace('no-such-edge', edge.id),
      data: [edge.id, friend.user.login],
    })
    const secret = await person(false)
    const nobody = await refusal(seller.ui, 'handOver', { edgeId: edge.id, to: { login: 'nobody-at-all' } })
    expect(await refusal(seller.ui, 'handOver', { edgeId: edge.id, to: { login: secret.user.login } })).toEqual(nobody)
    expect(
      await refusal(seller.ui, 'handOver', { edgeId: edge.id, to: { organisationId: 2_000_000_000 } }),
    ).toMatchObject({
      code: 1005,
    })
    const short = await house()
    await give(short.friend, { edgeId: short.edge.id }, 'resource.administration', {
      validTo: '2099-01-01T00:00:00.000Z',
    })
    expect((await refusal(short.friend.ui, 'handOver', { edgeId: short.edge.id, to })).message).toMatch(/pass on/)
    for (const wrong of [{}, { edgeId: edge.id, siteId: 1 }])
      expect((await refusal(seller.ui, 'handOver', { ...wrong, to })).message).toMatch(/either/)
    expect((await refusal(seller.ui, 'handOver', { edgeId: edge.id, to: {} })).code).toBe(-32602)
    expect(await role(seller, edge.id)).toBe('owner')
    expect(service.ctx.store.index.revision).toBeGreaterThan(revision)
  })

  it('an old restriction does not shut the new owner out of what is his now', async () => {
    const { seller, buyer, edge } = await house()
    const periods = [{ from: '2010-01-01T00:00:00.000Z', to: '2011-01-01T00:00:00.000Z' }]
    await admin.request('setRestriction', { login: buyer.user.login, edgeId: edge.id, periods })
    const { at } = await seller.ui.request('handOver', { edgeId: edge.id, to: { login: buyer.user.login } })
    expect(await data(buyer, edge.id)).toEqual(since(at))
    expect(await role(buyer, edge.id)).toBe('owner')
  })

  it('hands a site with its edges to a person, who gets them all; earlier owners keep these edges only', async () => {
    const { boss, id } = await company()
    const [seller, buyer] = [await person(), await person()]
    const { id: siteId } = await boss.ui.request('createSite', { organisationId: id, name: 'House' })
    const edges = [
      await addEdge(service.ctx, { siteId: Number(siteId) }),
      await addEdge(service.ctx, { siteId: Number(siteId) }),
    ]
    await boss.ui.request('grantRole', {
      to: { login: seller.user.login },
      on: { siteId },
      role: 'resource.administration',
    })
    const { at } = await seller.ui.request('handOver', { siteId, to: { login: buyer.user.login } })
    const later = await addEdge(service.ctx, { siteId: Number(siteId) })
    for (const edge of edges) {
      expect(await role(buyer, edge.id)).toBe('owner')
      expect(await data(seller, edge.id)).toEqual(until(at))
      expect(await role(boss, edge.id)).toBe('installer')
    }
    expect(await role(buyer, later.id)).toBe('owner')
    expect(await role(seller, later.id)).toBeUndefined()
  })

  it('P-18 hands to an organisation that lets the actor create sites, with all that is recorded', async () => {
    const [one, two] = [await company(), await company()]
    const { id: siteId } = await one.boss.ui.request('createSite', { organisationId: one.id, name: 'House' })
    const edge = await addEdge(service.ctx, { siteId: Number(siteId) })
    const customer = await person()
    await one.boss.ui.request('grantRole', {
      to: { login: customer.user.login },
      on: { edgeId: edge.id },
      role: 'resource.control',
    })
    const to = { organisationId: two.id }
    expect((await refusal(one.boss.ui, 'handOver', { siteId, to, showPast: true })).code).toBe(1005)
    expect((await refusal(admin, 'handOver', { siteId, to })).message).toMatch(/showPast/)
    await admin.request('handOver', { siteId, to, showPast: true })
    expect(await role(one.boss, edge.id)).toBeUndefined()
    expect(await role(two.boss, edge.id)).toBe('installer')
    expect(await role(customer, edge.id)).toBeUndefined()
    await admin.request('handOver', { edgeId: edge.id, to: { login: customer.user.login }, leaveOrganisation: true })
    expect(await role(two.boss, edge.id)).toBeUndefined()
    expect(await role(customer, edge.id)).toBe('owner')
  })
})

describe('a site that goes to another tenant', () => {
  it('P-18 ends what people of the old tenant had: grants, groups, shares, setup passwords', async () => {
    const [one, two] = [await company(), await company()]
    const { id: siteId } = await one.boss.ui.request('createSite', { organisationId: one.id, name: 'House' })
    const edge = await addEdge(service.ctx, { siteId: Number(siteId) })
    const customer = await person()
    await one.boss.ui.request('grantRole', {
      to: { login: customer.user.login },
      on: { edgeId: edge.id },
      role: 'resource.administration',
    })
    const { id: group } = await customer.ui.request('createEdgeGroup', { name: 'Mine' })
    await customer.ui.request('addToEdgeGroup', { groupId: group, content: { edgeId: edge.id } })
    await admin.request('handOver', { siteId, to: { organisationId: two.id }, showPast: true, keepHistory: false })
    expect(await role(customer, edge.id)).toBeUndefined()
    expect(await customer.ui.request('getEdges')).toEqual({ edges: [] })
    expect(await role(two.boss, edge.id)).toBe('installer')
    expect((await refusal(customer.ui, 'addEdgeToUser', { setupPassword: edge.setupPassword })).code).toBe(1003)
  })
})

describe('the statements of a hand-over', () => {
  /** Hands a site with so many edges over, each with an earlier owner who keeps what was recorded; counts the statements. */
  async function statements(edges: number): Promise<{ count: number; kept: number }> {
    const [seller, buyer, one] = [await person(), await person(), await company()]
    const { id } = await one.boss.ui.request('createSite', { organisationId: one.id, name: 'House' })
    const siteId = Number(id)
    for (let n = 0; n < edges; n++) await addEdge(service.ctx, { siteId })
    await give(seller, { siteId }, 'resource.administration')
    let count = 0
    const counter: KyselyPlugin = {
      transformQuery: ({ node }) => {
        count++
        return node
      },
      transformResult: async ({ result }) => result,
    }
    const { ctx } = service
    const write: typeof ctx.write = (actor, body) =>
      ctx.write(actor, (w) => body({ ...w, tx: w.tx.withPlugin(counter) as Tx }))
    const { kept } = await handOver(
      { ...ctx, write },
      { actorId: null },
      {
        on: { siteId },
        to: { login: buyer.user.login },
        from: [],
        keepHistory: true,
        showPast: false,
        leaveOrganisation: false,
        setupPassword: 'end',
        newApiKeys: undefined,
      },
    )
    const [first] = kept
    expect(first).toMatchObject({ principalId: seller.user.id, components: null, validFrom: null, source: 'handOver' })
    for (const row of kept) expect(ctx.store.index.row('grant', row.id)).toEqual(row)
    return { count, kept: kept.length }
  }

  it('are as many for eight edges as for two (C-17)', async () => {
    const [two, eight] = [await statements(2), await statements(8)]
    expect([two.kept, eight.kept]).toEqual([2, 8])
    expect(eight.count).toBe(two.count)
  })
})
