import { expect, it, vi } from 'vitest'
import { EdgeClient, UiClient, userPassword } from '../harness/clients.ts'
import { cloneDatabase } from '../harness/database.ts'
import { recordingLog } from '../harness/log.ts'
import { addEdge, addUserWith } from '../harness/seed.ts'
import { startServiceOn, temporaryFolder } from '../harness/service.ts'
import { TcpProxy } from '../harness/tcp-proxy.ts'

const unavailable = {
  code: 1006,
  message: 'This service is currently not available. Please try again later',
  data: [],
}

it('without its database the service says so, goes on with live data, and heals by itself', {
  timeout: 60_000,
}, async () => {
  await using database = await cloneDatabase()
  await using proxy = await TcpProxy.to(database.url)
  await using folder = await temporaryFolder()
  const { log, lines } = recordingLog()
  const staleAfterMs = 3000
  await using service = await startServiceOn(
    { databaseUrl: proxy.through(database.url), dataDir: folder.path, staleAfterMs },
    { log },
  )
  const edge = await addEdge(service.ctx)
  const late = await addEdge(service.ctx)
  const user = await addUserWith(service.ctx, 'owner', edge)
  await using ui = await UiClient.signedIn(service, user.login)
  await using device = await EdgeClient.open(service, edge.apiKey)
  device.answerWith = () => ({ answered: true })
  device.notify('edgeConfig', { components: {}, factories: {}, version: 1 })
  device.report({ soc: 1 })
  await ui.watch(edge.id, ['soc'])
  await ui.data(({ soc }) => soc === 1)
  await service.ctx.configs.flush()

  await proxy.cut()
  await using stranger = await UiClient.open(service)
  expect(
    (await stranger.call('authenticateWithPassword', { username: user.login, password: userPassword })).error,
  ).toEqual(unavailable)
  expect((await stranger.call('authenticateWithPassword', { username: 'nobody', password: 'x' })).error).toEqual(
    unavailable,
  )
  expect((await stranger.call('authenticateWithToken', { token: ui.token })).error).toEqual(unavailable)
  expect((await ui.call('updateUserSettings', { settings: { theme: 'dark' } })).error).toEqual(unavailable)
  expect((await ui.call('getUserInformation')).error).toEqual(unavailable)
  // What needs no database goes on, for edges that come only now too.
  device.report({ soc: 2 })
  expect(await ui.data(({ soc }) => soc === 2)).toEqual({ soc: 2 })
  expect(await ui.request('getEdge', { edgeId: edge.id })).toMatchObject({ edge: { isOnline: true } })
  expect(await ui.edgeRpc(edge.id, 'routes')).toEqual({ answered: true })
  await using second = await EdgeClient.open(service, late.apiKey)
  second.report({ '_sum/State': 3 })
  device.notify('edgeConfig', { components: {}, factories: {}, version: 2 })
  await second.settled()
  expect(service.ctx.hub.states.get(late.row.id)).toMatchObject({ online: true, sumState: 'FAULT' })
  const readiness = await fetch(`${service.urls.http}/readyz`)
  expect([readiness.status, await readiness.json()]).toEqual([
    503,
    expect.objectContaining({ ready: false, database: 'does not answer' }),
  ])
  expect((await fetch(`${service.urls.http}/healthz`)).status).toBe(200)

  // A right may have been withdrawn elsewhere: after a while decisions are refused, while pushes of the living go on.
  await vi.waitFor(async () => expect((await ui.call('getEdge', { edgeId: edge.id })).error).toEqual(unavailable), {
    timeout: staleAfterMs + 3000,
    interval: 100,
  })
  device.report({ soc: 3 })
  expect(await ui.data(({ soc }) => soc === 3)).toEqual({ soc: 3 })
  expect(ui.closing).toBeUndefined()

  await proxy.restore()
  await vi.waitFor(
    async () => expect(await ui.request('getEdge', { edgeId: edge.id })).toHaveProperty('edge.id', edge.id),
    {
      timeout: 20_000,
      interval: 100,
    },
  )
  expect(await stranger.request('authenticateWithToken', { token: ui.token })).toHaveProperty('user.id', user.login)
  expect(await stranger.signIn(user.login)).toHaveProperty('user.id', user.login)
  expect(await ui.request('updateUserSettings', { settings: { theme: 'dark' } })).toEqual({})
  await vi.waitFor(
    async () => {
      const state = await service.ctx.db
        .selectFrom('edgeState')
        .selectAll()
        .where('edgeId', '=', late.row.id)
        .executeTakeFirst()
      expect(state).toMatchObject({ online: true, sumState: 3 })
      const config = await service.ctx.db
        .selectFrom('edgeConfig')
        .select('config')
        .where('edgeId', '=', edge.row.id)
        .executeTakeFirst()
      expect(config?.config).toMatchObject({ version: 2 })
    },
    { timeout: 20_000, interval: 100 },
  )
  await vi.waitFor(async () => expect((await fetch(`${service.urls.http}/readyz`)).status).toBe(200))
  expect(lines.filter(({ level }) => Number(level) >= 50)).toEqual([])
})
