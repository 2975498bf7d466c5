import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createServiceToken } from '../../src/accounts/service-tokens.ts'
import { disableUser } from '../../src/accounts/user-service.ts'
import { MetadataMirror } from '../../src/client/metadata-mirror.ts'
import { ServiceClient } from '../../src/client/service-client.ts'
import type { PushChannel } from '../../src/mirror/metadata-subscriber.ts'
import { createOrganisation } from '../../src/organisations/organisation-service.ts'
import { createSite } from '../../src/sites/site-service.ts'
import { BackendClient, EdgeClient, UiClient, type WireFrame } from '../harness/clients.ts'
import { testClock } from '../harness/clock.ts'
import { addEdge, addUser, fresh, give, type SeededEdge } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

const actor = { actorId: null }
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

/** A main organisation with an edge at its site, somebody who uses it, and the token of a service that owns it. */
async function tenant(name: string) {
  const { ctx } = service
  const owner = await addUser(ctx, { email: `${fresh('owner')}@example.org` })
  const organisation = await createOrganisation(ctx, actor, fresh(name), owner.id)
  const site = await createSite(ctx, actor, { organisationId: organisation.id, name: fresh('Site ') })
  const edge = await addEdge(ctx, { siteId: site.id, comment: `${name} edge` })
  const user = await addUser(ctx, { email: `${fresh('user')}@example.org` })
  await give(ctx, user, 'owner', edge)
  const to = fresh('backend')
  const { token } = await createServiceToken(ctx, actor, { name: to, scopes: ['read'] })
  const on = { organisationId: organisation.id }
  const { grantId } = await admin.request('grantRole', { to: { service: to }, on, role: 'org.owner' })
  return { owner, site, edge, user, token, backend: to, grantId: Number(grantId) }
}

async function open(token: string) {
  const client = new ServiceClient({ url: service.urls.backend, token, minPauseMs: 20 })
  const mirror = new MetadataMirror(client)
  await mirror.ready()
  return {
    client,
    mirror,
    ids: () => [...mirror.edges.keys()],
    logins: () => [...mirror.users.values()].map(({ id }) => id).sort(),
    async [Symbol.asyncDispose]() {
      mirror[Symbol.dispose]()
      await client[Symbol.asyncDispose]()
    },
  }
}

/** The far end of a socket that reads, or does not, when a test says so. */
class SlowReader implements PushChannel {
  readonly isOpen = true
  readonly texts: string[] = []
  #stopped: { asked: PromiseWithResolvers<void>; read: PromiseWithResolvers<void> } | undefined

  /** Reads no more; resolves when something waits for it. */
  stop(): Promise<void> {
    this.#stopped = { asked: Promise.withResolvers(), read: Promise.withResolvers() }
    return this.#stopped.asked.promise
  }

  goOn(): void {
    this.#stopped?.read.resolve()
    this.#stopped = undefined
  }

  drained(): Promise<void> | undefined {
    this.#stopped?.asked.resolve()
    return this.#stopped?.read.promise
  }

  push(text: string): void {
    this.texts.push(text)
  }

  close(): void {}

  sent(method: string): unknown[] {
    const frames = this.texts.map((text) => JSON.parse(text) as WireFrame)
    return frames.filter((frame) => frame.method === method).map(({ params }) => params)
  }
}

describe('the mirror of a service of one organisation', () => {
  it('has its edges and, by name only, the people it decides about, and follows both (G-14, G-17, G-32)', async () => {
    const [mine, other] = [await tenant('Mine'), await tenant('Other')]
    await addUser(service.ctx, { shareable: true })
    await using plugin = await open(mine.token)
    const { mirror } = plugin
    expect(mirror.isLimited).toBe(true)
    expect(plugin.ids()).toEqual([mine.edge.id])
    expect(plugin.logins()).toEqual([mine.owner.login, mine.user.login].sort())
    expect(mirror.getUser(mine.user.login)).toEqual({
      userId: String(mine.user.id),
      id: mine.user.login,
      name: mine.user.name,
      email: '',
      language: 'EN',
      globalRole: 'guest',
      settings: {},
      disabled: false,
    })

    const second = await addEdge(service.ctx, { siteId: mine.site.id })
    await vi.waitFor(() => expect(plugin.ids().sort()).toEqual([mine.edge.id, second.id].sort()))
    await using device = await EdgeClient.open(service, second.apiKey)
    device.report({ '_sum/State': 2, '_meta/Version': '2026.4.0' })
    await vi.waitFor(() => expect(mirror.getEdge(second.id)).toMatchObject({ online: true, sumState: 'WARNING' }))

    // Rights of the service come and go.
    const { grantId } = await admin.request('grantRole', {
      to: { service: other.backend },
      on: { edgeId: mine.edge.id },
      role: 'resource.detail',
    })
    await using foreign = await open(other.token)
    await vi.waitFor(() => expect(foreign.ids().sort()).toEqual([mine.edge.id, other.edge.id].sort()))
    await admin.request('revokeGrant', { grantId })
    await vi.waitFor(() => expect(foreign.ids()).toEqual([other.edge.id]))

    await disableUser(service.ctx, actor, mine.user.id)
    await vi.waitFor(() => expect(plugin.logins()).toEqual([mine.owner.login]))
    await admin.request('revokeGrant', { grantId: mine.grantId })
    await vi.waitFor(() => expect([plugin.ids(), plugin.logins()]).toEqual([[], []]))
  })

  it('answers for roles of these people on these edges, and drops exactly what has changed', async () => {
    const [mine, other] = [await tenant('Mine'), await tenant('Other')]
    await give(service.ctx, mine.user, 'owner', other.edge)
    await using plugin = await open(mine.token)
    const { mirror } = plugin
    const role = (login: string, edge: SeededEdge) => mirror.loadUserRole(login, edge.id)
    expect(await role(mine.user.login, mine.edge)).toBe('owner')
    expect(await role(mine.user.login, other.edge)).toBeNull()
    expect(await role(other.user.login, other.edge)).toBeNull()
    expect(await role('nobody', mine.edge)).toBeNull()

    const validTo = new Date(clock.now().getTime() + 60_000)
    await give(service.ctx, mine.user, 'installer', mine.edge, { validTo })
    await vi.waitFor(() => expect(mirror.getUserRole(mine.user.login, mine.edge.id)).toBe('installer'))
    clock.advance(60_000)
    await vi.waitFor(() => expect(mirror.getUserRole(mine.user.login, mine.edge.id)).toBe('owner'))
    plugin.client.reconnect()
    await admin.request('revokeAccess', { login: mine.user.login, on: { edgeId: mine.edge.id } })
    await vi.waitFor(() => expect(mirror.isCurrent && mirror.getUserRole(mine.user.login, mine.edge.id)).toBeNull())
  })

  it('hears nothing of what happens elsewhere, not even by numbers (G-14)', async () => {
    const [mine, other] = [await tenant('Mine'), await tenant('Other')]
    await using socket = await BackendClient.open(service, `Bearer ${mine.token}`)
    const answer = await socket.request('subscribeMetadata', { fromRevision: 1, hash: 'x', statePosition: 3 })
    expect(answer).toMatchObject({ revision: 0, startOver: true, limited: true, edges: 1, users: 2 })
    const head = () => socket.next(({ method }) => method === 'metadataHead')
    await head()
    const pair = [mine.user.login, mine.edge.id]
    const before = await socket.request('getUserRoles', { pairs: [pair] })
    expect(before).toEqual({ epoch: 0, roles: [{ role: 'owner', validForMs: 600_000 }] })
    const heard = socket.frames.length

    const hidden = await addEdge(service.ctx, { siteId: other.site.id })
    await using device = await EdgeClient.open(service, hidden.apiKey)
    device.report({ '_sum/State': 3 })
    await device.settled()
    await give(service.ctx, mine.user, 'owner', hidden, { validTo: new Date(clock.now().getTime() + 1000) })
    await createOrganisation(service.ctx, actor, fresh('Third'), other.owner.id)
    clock.advance(1000)
    await addUser(service.ctx)
    await head()
    await head()
    expect(await socket.request('getUserRoles', { pairs: [pair] })).toEqual(before)
    const later = socket.frames.slice(heard).filter(({ method }) => method !== undefined)
    expect(new Set(later.map((frame) => JSON.stringify([frame.method, frame.params])))).toEqual(
      new Set([JSON.stringify(['metadataHead', { revision: 1, hash: '', statePosition: 0 }])]),
    )
    expect(JSON.stringify(socket.frames)).not.toMatch(
      new RegExp(`${other.edge.id}"|${hidden.id}"|${other.user.login}"`),
    )
  })

  it('keeps from a slow reader what was withdrawn while he did not read (G-14)', async () => {
    const { ctx } = service
    const [mine, kept] = [await tenant('Mine'), await tenant('Kept')]
    const askerId = ctx.store.index.row('grant', kept.grantId)?.principalId ?? expect.unreachable()
    const on = { edgeId: mine.edge.id }
    const grantTo = async () =>
      (await admin.request('grantRole', { to: { service: kept.backend }, on, role: 'resource.administration' })).grantId
    let grantId = await grantTo()
    const reader = new SlowReader()
    using subscriber = ctx.mirrors.subscribeLimited(reader, askerId)
    expect(await subscriber.begin()).toEqual({ edges: 2, users: 3 })

    let asked = reader.stop()
    subscriber.start()
    await asked
    await admin.request('revokeGrant', { grantId })
    reader.goOn()
    const page = await vi.waitFor(() => reader.sent('metadataSnapshot')[0] ?? expect.unreachable())
    expect(page).toMatchObject({ first: true, last: true, edges: [{ id: kept.edge.id }] })
    expect(reader.texts.join()).not.toMatch(new RegExp(`${mine.edge.id}"|${mine.user.login}"`))

    grantId = await grantTo()
    await vi.waitFor(() => expect(reader.texts.join()).toContain(mine.edge.id))
    await vi.waitFor(() => expect(reader.sent('edgeStatesChanged')).toHaveLength(1))
    asked = reader.stop()
    await using device = await EdgeClient.open(service, mine.edge.apiKey)
    device.report({ '_sum/State': 2 })
    await asked
    await admin.request('revokeGrant', { grantId })
    reader.goOn()
    await vi.waitFor(() =>
      expect(reader.sent('metadataChanged').at(-1)).toMatchObject({ removedEdges: [mine.edge.id] }),
    )
    expect(reader.sent('edgeStatesChanged')).toHaveLength(1)
  })

  it('is empty for who may see nothing, and for people without scope or rights no way to ask for roles', async () => {
    const { token } = await createServiceToken(service.ctx, actor, { name: fresh('nobody'), scopes: ['read'] })
    const { token: writer } = await createServiceToken(service.ctx, actor, { name: fresh('writer'), scopes: ['write'] })
    await using stranger = await BackendClient.open(service, `Bearer ${token}`)
    expect((await stranger.call('getUserRoles', { pairs: [['admin', 'edge1']] })).error?.code).toBe(1005)
    expect(await stranger.request('subscribeMetadata')).toMatchObject({ limited: true, edges: 0, users: 0 })
    const { params } = await stranger.next(({ method }) => method === 'metadataSnapshot')
    expect(params).toEqual({ revision: 1, hash: '', first: true, last: true, edges: [], states: [], users: [] })
    expect(await stranger.request('getUserRoles', { pairs: [['admin', 'edge1']] })).toMatchObject({
      roles: [{ role: null }],
    })
    expect(await stranger.request('unsubscribeMetadata')).toEqual({})
    await using wrong = await BackendClient.open(service, `Bearer ${writer}`)
    expect((await wrong.call('subscribeMetadata')).error?.code).toBe(1002)
  })

  it('is the whole one as soon as the service looks after everything', async () => {
    const mine = await tenant('Mine')
    await using plugin = await open(mine.token)
    const { grantId } = await admin.request('grantRole', {
      to: { service: mine.backend },
      on: { platform: true },
      role: 'openems.admin',
    })
    await vi.waitFor(() => expect(plugin.ids().length).toBeGreaterThan(1))
    plugin.client.reconnect()
    await vi.waitFor(() =>
      expect([plugin.mirror.isLimited, plugin.mirror.getUser('admin')?.id]).toEqual([false, 'admin']),
    )
    await admin.request('revokeGrant', { grantId })
    await vi.waitFor(() => expect([plugin.mirror.isLimited, plugin.ids()]).toEqual([true, [mine.edge.id]]), {
      timeout: 5000,
    })
  })
})
