import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { backendToken } from '../harness/backend.ts'
import {
  type ConsumerProject,
  installClientPackage,
  nodesOfThisMachine,
  type Program,
} from '../harness/client-package.ts'
import { EdgeClient, userPassword } from '../harness/clients.ts'
import { cloneDatabase } from '../harness/database.ts'
import { freePorts } from '../harness/ports.ts'
import { addEdge, addUserWith, give } from '../harness/seed.ts'
import { startServiceOn, type TestService, temporaryFolder } from '../harness/service.ts'

/** A program with a mirror, in as few assumptions as can be: without the types of Node. */
const consumer = `
import { type Edge, MetadataMirror, type ParamsOf, ServiceClient, ServiceError } from '@ems-metadata/client'

declare const process: { env: Record<string, string>; stdout: { write(text: string): void }; exit(code: number): never }
const say = (said: object) => process.stdout.write(JSON.stringify(said) + '\\n')

const client = new ServiceClient({ url: process.env['URL'] ?? '', token: process.env['TOKEN'] ?? '', minPauseMs: 20 })
const mirror = new MetadataMirror(client)
await mirror.ready()
const [login, edgeId] = [process.env['LOGIN'] ?? '', process.env['EDGE'] ?? '']
const edge: Edge | undefined = mirror.getEdge(edgeId)
const role: 'guest' | 'owner' | 'installer' | 'admin' | null = await mirror.loadUserRole(login, edgeId)
say({ comment: edge?.comment, user: mirror.getUser(login)?.id, role })

mirror.onEdge((now, before) => {
  if (now?.online !== before?.online) say({ edge: now?.id, online: now?.online })
})
let connections = 0
client.onConnected(() => say({ connections: ++connections }))

const params: ParamsOf<'getEdges'> = { limit: 1 }
const { edges } = await client.call('getEdges', params)
say({ listed: edges.map(({ id }) => id) })
// @ts-expect-error There is no such method.
await client.call('getEdgess', {}).catch((error: unknown) => say({ code: error instanceof ServiceError && error.code }))
// @ts-expect-error It takes an id.
await client.call('getEdge', {}).catch((error: unknown) => say({ code: error instanceof ServiceError && error.code }))
const stop = client.on('authzChanged', ({ users }) => {
  if (!users?.includes(login)) return
  stop()
  void client.close().then(() => say({ closed: !client.isConnected }))
})
`

/** What a backend does with the plugin of the README. */
const driver = `
import { authenticateWithPassword, close, events, getAllOfflineEdges, getEdge, getPageDevice, getUser, getUserRole } from './plugin.js'

const { LOGIN: login = '', EDGE: edgeId = '', PASSWORD: password = '' } = process.env
const say = (said: object) => console.log(JSON.stringify(said))
for (const name of ['ON_SET_ONLINE', 'ON_SET_SUM_STATE', 'ON_SET_VERSION']) events.on(name, (event: object) => say([name, event]))
say({
  edge: getEdge(edgeId)?.id,
  user: getUser(login)?.id,
  offline: getAllOfflineEdges().map(({ id }) => id),
  role: await getUserRole(login, edgeId),
  signedIn: (await authenticateWithPassword(login, password, '192.0.2.1')).user.id,
  page: (await getPageDevice(login, 0, 20)).edges.map(({ id }) => id),
})
process.stdin.once('data', () => void close().then(() => process.stdin.destroy()))
`

/** A service that can be restarted where it is. */
interface Restartable extends AsyncDisposable {
  current: TestService
  restart(): Promise<void>
}

async function restartable(): Promise<Restartable> {
  await using stack = new AsyncDisposableStack()
  const database = stack.use(await cloneDatabase())
  const folder = stack.use(await temporaryFolder())
  const { http: backendPort } = await freePorts()
  const open = () => startServiceOn({ databaseUrl: database.url, dataDir: folder.path, backendPort })
  let current = await open()
  stack.defer(() => current[Symbol.asyncDispose]())
  const resources = stack.move()
  return {
    get current() {
      return current
    },
    async restart() {
      await current[Symbol.asyncDispose]()
      current = await open()
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

/** Lines until one says this. */
async function until(program: Program, expected: object): Promise<void> {
  for (;;) {
    const said = await program.next()
    if (JSON.stringify(said) === JSON.stringify(expected)) return
  }
}

describe('the package of the client library', { timeout: 120_000 }, () => {
  let project: ConsumerProject
  beforeAll(async () => {
    project = await installClientPackage()
  }, 120_000)
  afterAll(() => project?.[Symbol.asyncDispose]())

  it('holds JavaScript, declarations and what npm wants, and nothing of the service', async () => {
    expect(project.packed.filter((file) => !/^[a-z-]+(\.d\.ts|\.js)$/.test(file))).toEqual([
      'LICENSE',
      'README.md',
      'package.json',
    ])
    const manifest = JSON.parse(
      await readFile(join(project.folder, 'node_modules/@ems-metadata/client/package.json'), 'utf8'),
    )
    const root = JSON.parse(await readFile('package.json', 'utf8'))
    expect(manifest).toMatchObject({ name: '@ems-metadata/client', version: root.version, license: root.license })
    expect(Object.keys(manifest.dependencies)).toEqual(['ws'])
    for (const file of project.packed) {
      const text = await readFile(join(project.folder, 'node_modules/@ems-metadata/client', file), 'utf8')
      const imported = [...text.matchAll(/(?:from|import\() ?'([^']+)'/g)].map(([, name]) => name ?? '')
      if (/\.(js|ts)$/.test(file))
        expect([file, imported.filter((name) => !/^\.\/|^node:|^ws$/.test(name))]).toEqual([file, []])
    }
  })

  it('is of use to a strict project without further types, in plain JavaScript, through changes and a restart', async () => {
    await project.compile({ 'consumer.ts': consumer })
    await using service = await restartable()
    const edge = await addEdge(service.current.ctx, { comment: 'Bakery' })
    const { token } = await backendToken(service.current)
    for (const node of nodesOfThisMachine()) {
      const { ctx } = service.current
      const user = await addUserWith(ctx, 'owner', edge)
      const env = { URL: service.current.urls.backend, TOKEN: token, LOGIN: user.login, EDGE: edge.id }
      await using program = project.run('consumer.js', env, node)
      expect(await program.next()).toEqual({ comment: 'Bakery', user: user.login, role: 'owner' })
      await until(program, { connections: 1 })
      expect(await program.next()).toEqual({ listed: [edge.id] })
      expect([await program.next(), await program.next()]).toEqual([{ code: 4001 }, { code: -32602 }])
      const device = await EdgeClient.open(service.current, edge.apiKey)
      device.report({ '_sum/State': 0 })
      await until(program, { edge: edge.id, online: true })
      await service.restart()
      await until(program, { connections: 2 })
      await until(program, { edge: edge.id, online: false })
      await device[Symbol.asyncDispose]()
      await give(service.current.ctx, user, 'guest', edge)
      await until(program, { closed: true })
      expect(await program.ended).toBe(0)
    }
  })

  it('runs the plugin of the README, as it stands there, through a change and a restart', async () => {
    const [, plugin = ''] =
      /## Backend plugins\n[\s\S]*?```ts\n([\s\S]*?)```/.exec(await readFile('README.md', 'utf8')) ?? []
    expect(plugin.split('\n').length).toBeLessThan(50)
    await project.compile({ 'plugin.ts': plugin, 'driver.ts': driver }, ['node'])
    await using service = await restartable()
    const { ctx } = service.current
    const edge = await addEdge(ctx)
    const user = await addUserWith(ctx, 'owner', edge)
    const { token } = await backendToken(service.current)
    const env = { EMS_URL: service.current.urls.backend, EMS_TOKEN: token, LOGIN: user.login, EDGE: edge.id }
    await using program = project.run('driver.js', { ...env, PASSWORD: userPassword })
    expect(await program.next()).toEqual({
      edge: edge.id,
      user: user.login,
      offline: [edge.id],
      role: 'owner',
      signedIn: user.login,
      page: [edge.id],
    })
    const device = await EdgeClient.open(service.current, edge.apiKey)
    device.report({ '_sum/State': 2, '_meta/Version': '2026.4.0' })
    await until(program, ['ON_SET_ONLINE', { edgeId: edge.id, isOnline: true }])
    await until(program, ['ON_SET_SUM_STATE', { edgeId: edge.id, sumState: 'WARNING' }])
    await until(program, ['ON_SET_VERSION', { edgeId: edge.id, version: '2026.4.0' }])
    await service.restart()
    await until(program, ['ON_SET_ONLINE', { edgeId: edge.id, isOnline: false }])
    await device[Symbol.asyncDispose]()
    program.say('close')
    expect(await program.ended).toBe(0)
  })
})
