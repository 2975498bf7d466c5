import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { describe, expect, it, vi } from 'vitest'
import { runCli, type ServiceProcess, spawnService } from '../harness/child.ts'
import { EdgeClient, type Json, ServiceClient, UiClient, userPassword } from '../harness/clients.ts'
import { eachEngine } from '../harness/database.ts'
import { openOperator } from '../harness/operator.ts'
import { freePorts } from '../harness/ports.ts'
import { addEdge, addUserWith } from '../harness/seed.ts'
import { startServiceOn, startTestService, temporaryFolder, unpackEmbedded } from '../harness/service.ts'

const config = (alias: string) => ({
  components: { ctrl0: { alias, factoryId: 'C', properties: {} } },
  factories: { C: { natureIds: [] } },
})

describe('a restart', () => {
  it('keeps people, edges, sessions and configurations, and no edge online', async () => {
    await using first = await startTestService()
    const edge = await addEdge(first.ctx, { comment: 'Bakery' })
    const user = await addUserWith(first.ctx, 'owner', edge)
    const ui = await UiClient.signedIn(first, user.login)
    const device = await EdgeClient.open(first, edge.apiKey)
    device.notify('edgeConfig', config('kept'))
    device.report({ '_sum/State': 1, '_meta/Version': '2026.5.0' })
    await device.settled()
    await first.service[Symbol.asyncDispose]()
    await first.ctx.configs.stop()
    await first.ctx.states.stop()

    await using second = await startServiceOn({ ...first.config, dataDir: `${first.config.dataDir}/next` })
    await using again = await UiClient.open(second)
    expect(await again.request('authenticateWithToken', { token: ui.token })).toHaveProperty('user.id', user.login)
    expect(await again.request('getEdge', { edgeId: edge.id })).toMatchObject({
      edge: { comment: 'Bakery', role: 'owner', isOnline: false, sumState: 'INFO', version: '2026.5.0' },
    })
    expect(await again.edgeRpc(edge.id, 'getEdgeConfig')).toEqual(config('kept'))
    await using back = await EdgeClient.open(second, edge.apiKey)
    back.notify('timestampedData', {})
    await back.settled()
    expect(await again.request('getEdge', { edgeId: edge.id })).toMatchObject({ edge: { isOnline: true } })
    await ui[Symbol.asyncDispose]()
    await device[Symbol.asyncDispose]()
  })
})

describe('npm start', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'hands %s on to the service, which ends with 0 and leaves nothing running',
    {
      timeout: 60_000,
    },
    async (signal) => {
      await using folder = await temporaryFolder()
      await unpackEmbedded(folder.path)
      await using child = await spawnService({ EMS_DATA_DIR: folder.path }, await freePorts(), [], 'npm')
      expect((await fetch(`${child.urls.http}/healthz`)).status).toBe(200)
      // It has ended once nobody holds its output any more: a service left behind would.
      expect(await child.end(signal)).toBe(0)
      await expect(fetch(`${child.urls.http}/healthz`)).rejects.toThrow()
    },
  )
})

describe('a process', () => {
  it('that is killed right after it acknowledged writes has lost none of them', { timeout: 90_000 }, async () => {
    await using folder = await temporaryFolder()
    await unpackEmbedded(folder.path)
    const env = { EMS_DATA_DIR: folder.path, ADMIN_PASSWORD: 'admin' }
    const ports = await freePorts()
    const written: { login: string; edgeId: string; apiKey: string }[] = []
    let token = ''
    for (let round = 0; round < 2; round++) {
      await using child = await spawnService(env, ports)
      const service = as(child, folder.path)
      await using operator = await openOperator(service)
      for (let count = 0; count < 5; count++) {
        const name = `r${round}n${count}`
        await operator.call('createUser', { login: name, password: userPassword })
        const { apiKey } = await operator.call('createEdge', { edgeId: `edge-${name}`, comment: name })
        await operator.call('grantAccess', { login: name, role: 'owner', on: { edgeId: `edge-${name}` } })
        written.push({ login: name, edgeId: `edge-${name}`, apiKey: String(apiKey) })
      }
      await using ui = await UiClient.signedIn(service, written.at(-1)?.login)
      await ui.request('updateUserSettings', { settings: { theme: 'dark', round } })
      token = ui.token
      expect(await child.end('SIGKILL')).toBeNull()
    }
    await using child = await spawnService(env, ports)
    const service = as(child, folder.path)
    await using ui = await UiClient.open(service)
    expect(await ui.request('authenticateWithToken', { token })).toMatchObject({
      user: { id: 'r1n4', settings: { theme: 'dark', round: 1 } },
    })
    for (const { login, edgeId, apiKey } of written) {
      await using one = await UiClient.signedIn(service, login)
      expect(await one.request('getEdges')).toMatchObject({ edges: [{ id: edgeId, role: 'owner', comment: login }] })
      await using device = await EdgeClient.open(service, apiKey)
      device.report({ '_sum/State': 2 })
      await device.settled()
      expect(await one.request('getEdge', { edgeId })).toMatchObject({ edge: { isOnline: true, sumState: 'WARNING' } })
    }
  })

  it('that is told to stop exits 0 in time, edges told 1001, UI sockets destroyed', { timeout: 60_000 }, async () => {
    await using folder = await temporaryFolder()
    await unpackEmbedded(folder.path)
    await using child = await spawnService({ EMS_DATA_DIR: folder.path, ADMIN_PASSWORD: 'admin' }, await freePorts())
    const service = as(child, folder.path)
    await using operator = await ServiceClient.local(service)
    const { apiKey } = await operator.request('createEdge', { edgeId: 'edge0' })
    await using device = await EdgeClient.open(service, String(apiKey))
    await using ui = await UiClient.signedIn(service)
    const startedAt = performance.now()
    const exit = child.end('SIGTERM')
    expect(await device.closed).toMatchObject({ code: 1001 })
    expect(await operator.closed).toMatchObject({ code: 1001 })
    expect(await ui.closed).toMatchObject({ code: 1006 })
    expect(await exit).toBe(0)
    expect(performance.now() - startedAt).toBeLessThan(10_000)
    expect(child.output().stderr).toBe('')
  })

  it('is healthy for its container without any HTTP port, and not once it is stopped', {
    timeout: 60_000,
  }, async () => {
    await using folder = await temporaryFolder()
    await unpackEmbedded(folder.path)
    const env = { EMS_DATA_DIR: folder.path, ADMIN_PASSWORD: 'admin' }
    await using child = await spawnService({ ...env, EMS_HTTP_PORT: '0' }, await freePorts())
    const dockerfile = await readFile(new URL('../../Dockerfile', import.meta.url), 'utf8')
    const [command, ...args] = JSON.parse(/^HEALTHCHECK[^[]*(.*)$/m.exec(dockerfile)?.[1] ?? '') as string[]
    const health = async () => {
      const asked = spawn(String(command), args, { env: { ...process.env, ...env }, stdio: 'ignore' })
      return (await once(asked, 'exit'))[0]
    }
    expect(await health()).toBe(0)
    expect(await child.end('SIGTERM')).toBe(0)
    expect(await health()).toBe(1)
  })

  it('O-05 of the demo logs in, lists and shows live values', { timeout: 60_000 }, async () => {
    await using folder = await temporaryFolder()
    await unpackEmbedded(folder.path)
    await using child = await spawnService({ EMS_DATA_DIR: folder.path }, await freePorts(), ['--demo'])
    const service = as(child, folder.path)
    const roles: Record<string, Json[]> = {}
    for (const login of ['admin', 'installer', 'owner', 'guest']) {
      await using ui = await UiClient.signedIn(service, login, login)
      roles[login] = (await ui.request('getEdges'))['edges'] as Json[]
    }
    expect(Object.fromEntries(Object.entries(roles).map(([login, edges]) => [login, edges.length]))).toEqual({
      admin: 10,
      installer: 10,
      owner: 5,
      guest: 2,
    })
    for (const [login, edges] of Object.entries(roles)) for (const edge of edges) expect(edge['role']).toBe(login)
    expect(roles['admin']?.map(({ id }) => id)).toEqual(Array.from({ length: 10 }, (_, index) => `edge${index}`))
    await using ui = await UiClient.signedIn(service, 'owner', 'owner')
    await ui.watch('edge0', ['_sum/EssSoc', '_sum/GridActivePower'])
    expect(await ui.data((values) => values['_sum/EssSoc'] !== null)).toEqual({
      '_sum/EssSoc': expect.any(Number),
      '_sum/GridActivePower': expect.any(Number),
    })
    await vi.waitFor(
      async () => {
        const edges = (await ui.request('getEdges'))['edges'] as Json[]
        expect(edges.map(({ isOnline }) => isOnline)).toEqual([true, true, true, true, false])
        expect(edges.map(({ sumState }) => sumState)).toEqual(['OK', 'OK', 'INFO', 'FAULT', undefined])
      },
      { timeout: 10_000, interval: 200 },
    )
  })

  it('that opens an embedded database in use is refused with a sentence', { timeout: 60_000 }, async () => {
    await using folder = await temporaryFolder()
    await unpackEmbedded(folder.path)
    const env = { EMS_DATA_DIR: folder.path, ADMIN_PASSWORD: 'admin' }
    await using _child = await spawnService(env, await freePorts())
    const second = await runCli(['migrate'], env)
    expect(second).toMatchObject({ code: 1, stdout: '' })
    expect(second.stderr).toMatch(
      /^ems-metadata: The database in \S+ is in use by process \d+ on \S+; stop it or use its methods\n$/,
    )
  })
})

eachEngine('three kinds of client at once', ({ name }) => {
  it('an edge reports, a person watches and asks, a service reads and changes', { timeout: 30_000 }, async () => {
    await using service = await startTestService({ engine: name })
    await using operator = await openOperator(service)
    const { apiKey, setupPassword } = await operator.call('createEdge', {
      edgeId: 'edge0',
      comment: 'Bakery',
      producttype: 'Home',
    })
    await operator.call('createUser', { login: 'ada', name: 'Ada', password: userPassword })
    const { token } = await operator.call('createServiceToken', { name: 'backend', role: 'guest' })
    await using backend = await ServiceClient.open(service, String(token))
    await using device = await EdgeClient.open(service, String(apiKey))
    device.answerWith = ({ user, payload }) => ({ asked: payload.method, as: user['role'] })
    device.notify('edgeConfig', config('ctrl'))
    device.report({ 'ess0/Soc': 1, '_sum/State': 0 })
    expect(await device.call('checkSetupPassword', { setupPassword })).toMatchObject({ result: {} })

    await using ui = await UiClient.signedIn(service, 'ada')
    expect(await ui.request('getEdges')).toEqual({ edges: [] })
    expect(await ui.request('addEdgeToUser', { setupPassword })).toMatchObject({ edge: { id: 'edge0', online: true } })
    await ui.watch('edge0', ['ess0/Soc'])
    const seen = ui.data((values) => values['ess0/Soc'] === 42)
    device.report({ 'ess0/Soc': 42 })
    expect(await seen).toEqual({ 'ess0/Soc': 42 })
    expect(await ui.edgeRpc('edge0', 'routes')).toEqual({ asked: 'routes', as: 'installer' })
    const channels = ['ess0/Soc', 'x/Y']
    expect(await backend.request('getEdgesChannelsValues', { ids: ['edge0'], channels })).toEqual({
      edge0: { 'ess0/Soc': 42, 'x/Y': null },
    })
    expect(await backend.request('getEdgesStatus', { edgeIds: ['edge0'] })).toEqual({ edge0: { online: true } })
    expect((await backend.call('createEdge', { edgeId: 'edge1' })).error).toMatchObject({ code: 1002 })

    await operator.call('revokeAccess', { login: 'ada', on: { edgeId: 'edge0' } })
    expect((await ui.call('getEdge', { edgeId: 'edge0' })).error).toMatchObject({ code: 1005 })
    await operator.call('setUserDisabled', { login: 'ada', disabled: true })
    expect((await ui.closed).code).toBe(1006)
    expect(await backend.request('getEdge', { edgeId: 'edge0' })).toMatchObject({
      edge: { role: 'guest', isOnline: true },
    })
    expect(device.closing).toBeUndefined()
  })
})

/** A process looks to the clients like a service of this one. */
function as(child: ServiceProcess, dataDir: string) {
  return { urls: child.urls, controlSocket: `${dataDir}/control.sock` }
}
