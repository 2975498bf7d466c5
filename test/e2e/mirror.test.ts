import { sql } from 'kysely'
import { expect, it, vi } from 'vitest'
import type { EdgeRow, UserRow } from '../../src/access/model.ts'
import { disableUser } from '../../src/accounts/user-service.ts'
import { MetadataMirror } from '../../src/client/metadata-mirror.ts'
import { ServiceClient } from '../../src/client/service-client.ts'
import type { AppContext } from '../../src/context.ts'
import { backendToken } from '../harness/backend.ts'
import { EdgeClient } from '../harness/clients.ts'
import { testClock } from '../harness/clock.ts'
import { addEdge, addUser, addUserWith, give } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'
import { TcpProxy } from '../harness/tcp-proxy.ts'

/** A plugin that keeps a copy, as the README shows. */
async function startPlugin(url: string, token: string) {
  const client = new ServiceClient({ url, token, minPauseMs: 20, maxPauseMs: 200 })
  const mirror = new MetadataMirror(client)
  await mirror.ready()
  return {
    client,
    mirror,
    async [Symbol.asyncDispose]() {
      mirror[Symbol.dispose]()
      await client[Symbol.asyncDispose]()
    },
  }
}

const contentOf = ({ edges, users }: MetadataMirror) => ({
  edges: Object.fromEntries([...edges].sort(([a], [b]) => (a < b ? -1 : 1))),
  users: Object.fromEntries([...users].sort(([a], [b]) => (a < b ? -1 : 1))),
})

/** Changes so many rows in one write: comments of edges, settings of users. */
async function changeMany(ctx: AppContext, edges: EdgeRow[], users: UserRow[], count: number): Promise<void> {
  await ctx.write({ actorId: null }, async (w) => {
    for (let change = 0; change < count; change++) {
      const isEdge = change % 5 !== 0
      const at = Math.floor(Math.random() * (isEdge ? edges.length : users.length))
      if (isEdge) {
        const before = edges[at] as EdgeRow
        const after = { ...before, comment: `${w.index.revision + change}` }
        edges[at] = after
        w.updated('edge.changed', 'edge', before, after)
      } else {
        const before = users[at] as UserRow
        const after = { ...before, name: `Name ${w.index.revision + change}` }
        users[at] = after
        w.updated('user.changed', 'user', before, after)
      }
    }
    const ids = edges.map(({ id }) => id)
    const comments = edges.map(({ comment }) => comment)
    await sql`update edge set comment = new.comment from unnest(${ids}::int[], ${comments}::text[]) as new (id, comment)
      where edge.id = new.id`.execute(w.tx)
  })
}

async function startWorld(): Promise<{ service: TestService; edges: EdgeRow[]; users: UserRow[] }> {
  const service = await startTestService()
  const edges: EdgeRow[] = []
  const users: UserRow[] = []
  for (let number = 0; number < 40; number++) edges.push((await addEdge(service.ctx)).row)
  for (let number = 0; number < 10; number++) users.push(await addUser(service.ctx))
  return { service, edges, users }
}

it('a plugin that loses its connection in the middle of 10,000 changes ends with exactly the same mirror', {
  timeout: 120_000,
}, async () => {
  const { service, edges, users } = await startWorld()
  await using _service = service
  const { ctx } = service
  const { token } = await backendToken(service)
  await using proxy = await TcpProxy.to(service.urls.backend)
  await using plugin = await startPlugin(proxy.through(service.urls.backend), token)
  const gone = await addEdge(ctx)
  await vi.waitFor(() => expect(plugin.mirror.getEdge(gone.id)).toBeDefined())
  const owner = await addUserWith(ctx, 'owner', gone)
  expect(await plugin.mirror.loadUserRole(owner.login, gone.id)).toBe('owner')

  await using device = await EdgeClient.open(service, gone.apiKey)
  for (let part = 0; part < 100; part++) {
    await changeMany(ctx, edges, users, 100)
    device.report({ '_sum/State': part % 4 })
    if (part === 30) await proxy.cut()
    if (part === 40) await disableUser(ctx, { actorId: null }, owner.id)
    if (part === 60) await proxy.restore()
    // Again, in the middle of catching up.
    if (part === 61) plugin.client.reconnect()
  }
  expect(ctx.store.revision).toBeGreaterThan(10_000)
  device.report({ '_sum/State': 3, '_meta/Version': '2026.4.0' })
  await vi.waitFor(
    () => {
      expect(plugin.mirror.revision).toBe(ctx.store.revision)
      expect(plugin.mirror.isCurrent).toBe(true)
      expect(plugin.mirror.getEdge(gone.id)).toMatchObject({ online: true, sumState: 'FAULT', version: '2026.4.0' })
    },
    { timeout: 20_000 },
  )
  await using fresh = await startPlugin(service.urls.backend, token)
  expect(contentOf(plugin.mirror)).toEqual(contentOf(fresh.mirror))
  expect(contentOf(plugin.mirror).edges[edges[0]?.edgeId ?? '']).toMatchObject({ comment: edges[0]?.comment })
  await vi.waitFor(() => expect(plugin.mirror.getUserRole(owner.login, gone.id)).toBeNull())
})

it('a mirror answers for roles at once, never from more than a second ago, and not at all when it cannot know', {
  timeout: 60_000,
}, async () => {
  const clock = testClock()
  await using service = await startTestService({ clock: clock.now })
  const { ctx } = service
  const edge = await addEdge(ctx)
  const other = await addEdge(ctx)
  const user = await addUserWith(ctx, 'owner', edge)
  const { token } = await backendToken(service)
  await using proxy = await TcpProxy.to(service.urls.backend)
  await using plugin = await startPlugin(proxy.through(service.urls.backend), token)
  const { mirror } = plugin
  await vi.waitFor(() => expect(mirror.isCurrent).toBe(true))
  expect(mirror.getUserRole(user.login, edge.id)).toBeUndefined()
  expect(await mirror.loadUserRole(user.login, edge.id)).toBe('owner')
  expect(await mirror.loadUserRole(user.login, other.id)).toBeNull()
  expect([mirror.getUserRole(user.login, edge.id), mirror.getUserRole(user.login, other.id)]).toEqual(['owner', null])

  // A write.
  const validTo = new Date(clock.now().getTime() + 60_000)
  await give(ctx, user, 'installer', other, { validTo })
  let since = performance.now()
  await vi.waitFor(() => expect(mirror.getUserRole(user.login, other.id)).toBe('installer'), { interval: 5 })
  expect(performance.now() - since).toBeLessThan(1000)
  // The end of a grant, which nobody writes.
  clock.advance(60_000)
  since = performance.now()
  await vi.waitFor(() => expect(mirror.getUserRole(user.login, other.id)).toBeNull(), { interval: 5 })
  expect(performance.now() - since).toBeLessThan(1000)

  // A network that passes nothing on and says nothing.
  proxy.freeze()
  since = performance.now()
  const ask = () => mirror.getUserRole(user.login, edge.id)
  await vi.waitFor(() => expect(ask).toThrow(expect.objectContaining({ code: 1006 })), { timeout: 5000, interval: 5 })
  expect(performance.now() - since).toBeLessThan(1100)
  expect(mirror.getEdge(edge.id)).toMatchObject({ id: edge.id })
  plugin.client.reconnect()
  await vi.waitFor(() => expect(ask()).toBe('owner'), { timeout: 5000 })
})

it('a plugin that reads nothing for a while costs the service no memory and is served what it missed', {
  timeout: 120_000,
}, async () => {
  const { service, edges, users } = await startWorld()
  await using _service = service
  const { ctx } = service
  const { token } = await backendToken(service)
  await using plugin = await startPlugin(service.urls.backend, token)
  await using quick = await startPlugin(service.urls.backend, token)
  plugin.client.socket?.pause()
  for (let part = 0; part < 24; part++) await changeMany(ctx, edges, users, 1000)
  await vi.waitFor(() => expect(quick.mirror.revision).toBe(ctx.store.revision), { timeout: 20_000 })
  const waiting = [...service.service.parts.sockets.all()].map((one) => one.channel.backlogBytes)
  expect(Math.max(...waiting)).toBeLessThan(1024 * 1024)
  expect(plugin.mirror.revision).toBeLessThan(ctx.store.revision)
  plugin.client.socket?.resume()
  await vi.waitFor(() => expect(plugin.mirror.revision).toBe(ctx.store.revision), { timeout: 20_000 })
  expect(contentOf(plugin.mirror)).toEqual(contentOf(quick.mirror))
})
