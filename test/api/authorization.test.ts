import { Agent } from 'node:http'
import { connect } from 'node:net'
import { text as readText } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BackendClient, ServiceClient, UiClient, userPassword } from '../harness/clients.ts'
import { basic, restCall, restRpc } from '../harness/rest.ts'
import { addEdge, addUserWith, fresh, type SeededEdge } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

let service: TestService
let operator: ServiceClient
let edge: SeededEdge
beforeAll(async () => {
  service = await startTestService({ config: { maxFrameBytes: 100_000, allowedOrigins: ['https://ours.example'] } })
  operator = await ServiceClient.local(service)
  edge = await addEdge(service.ctx)
})
afterAll(async () => {
  await operator?.[Symbol.asyncDispose]()
  await service?.[Symbol.asyncDispose]()
})

const status = { method: 'getEdgesStatus', params: { edgeIds: [] } }
const makeToken = async (name = fresh('service')) =>
  String((await operator.request('createServiceToken', { name, role: 'guest' }))['token'])
const restStatus = async (authorization: string | undefined) =>
  (await restCall(service, { authorization, body: status })).status

/** How the upgrade is answered, byte by byte. */
async function upgrade(authorization?: string, headers = ''): Promise<string> {
  const { port } = new URL(service.urls.backend)
  const socket = connect(Number(port), '127.0.0.1')
  const answer = readText(socket)
  const header = authorization === undefined ? '' : `Authorization: ${authorization}\r\n`
  socket.write(
    `GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${header}${headers}\r\n`,
  )
  return await answer
}

describe('without credentials that are right', () => {
  it.each([
    undefined,
    'Bearer',
    'Bearer wrong',
    'Basic !!!',
    'Basic eA==',
    'Digest username="x"',
    basic('nobody', 'wrong'),
    basic('', ''),
    basic('__proto__', 'x'),
  ])('%j is answered 401 before the upgrade and before the body, with what would do', async (authorization) => {
    const answer = await upgrade(authorization)
    expect(answer).toMatch(/^HTTP\/1\.1 401 Unauthorized\r\n/)
    expect(answer).toContain('WWW-Authenticate: Basic realm="ems-metadata", charset="UTF-8"\r\n')
    expect(answer).toContain('WWW-Authenticate: Bearer realm="ems-metadata"\r\n')
    const rest = await restCall(service, { authorization, body: 'not even JSON' })
    expect(rest).toMatchObject({
      status: 401,
      text: 'authentication needed: header Authorization, Bearer with a service token, or Basic\n',
    })
    expect(rest.headers['www-authenticate']).toBe(
      'Basic realm="ems-metadata", charset="UTF-8", Bearer realm="ems-metadata"',
    )
  })

  it('a page in a browser is refused even with credentials, unless its origin is allowed', async () => {
    const authorization = `Bearer ${await makeToken()}`
    expect(await upgrade(authorization, 'Origin: https://evil.example\r\n')).toMatch(/^HTTP\/1\.1 403 /)
    const from = (origin: string) => restCall(service, { authorization, body: status, headers: { origin } })
    expect((await from('https://evil.example')).status).toBe(403)
    expect((await from('https://ours.example')).status).toBe(200)
  })
})

describe('HTTP Basic', () => {
  it('takes the name of a service with its token, and no other name with it', async () => {
    const name = fresh('service')
    const token = await makeToken(name)
    await using client = await BackendClient.open(service, basic(name, token))
    expect(await client.request(status.method, status.params)).toEqual({})
    expect(await restStatus(basic(name, token))).toBe(200)
    expect(await restStatus(basic(name, await makeToken()))).toBe(401)
    expect(await restStatus(basic('admin', token))).toBe(401)
    await expect(ServiceClient.open(service, 'x')).rejects.toThrow('401')
  })

  it('takes login and password of a person, who sees what he may see', async () => {
    const other = await addEdge(service.ctx)
    const user = await addUserWith(service.ctx, 'guest', edge)
    const header = basic(` ${user.login.toUpperCase()} `, `${userPassword}\n`)
    await using client = await BackendClient.open(service, header)
    for (const call of [
      (edgeId: string) => client.call('getEdgesStatus', { edgeIds: [edgeId] }),
      (edgeId: string) => restRpc(service, header, 'getEdgesStatus', { edgeIds: [edgeId] }),
    ]) {
      expect((await call(edge.id)).result).toEqual({ [edge.id]: { online: false } })
      expect((await call(other.id)).error).toMatchObject({ code: 1005 })
    }
  })

  it('computes a right password once for many requests, until it is changed; that closes the sockets', async () => {
    const user = await addUserWith(service.ctx, 'guest', edge)
    const header = basic(user.login, userPassword)
    const before = service.ctx.passwords.compareCount
    await Promise.all([1, 2, 3].map(() => restStatus(header)))
    expect(await restStatus(header)).toBe(200)
    await using client = await BackendClient.open(service, header)
    expect(service.ctx.passwords.compareCount - before).toBe(1)
    await operator.request('setPassword', { login: user.login, password: 'another password' })
    expect((await client.closed).code).toBe(1006)
    expect(await restStatus(header)).toBe(401)
    const changed = basic(user.login, 'another password')
    await using again = await BackendClient.open(service, changed)
    await operator.request('setUserDisabled', { login: user.login, disabled: true })
    expect((await again.closed).code).toBe(1006)
    expect(await restStatus(changed)).toBe(401)
  })

  it('costs the same for a wrong secret whatever the name is', async () => {
    const name = fresh('service')
    const token = await makeToken(name)
    const user = await addUserWith(service.ctx, 'guest', edge)
    for (const who of [name, user.login, 'nobody']) {
      const before = service.ctx.passwords.compareCount
      expect(await restStatus(basic(who, `wrong ${who}`))).toBe(401)
      expect([who, service.ctx.passwords.compareCount - before]).toEqual([who, 1])
    }
    const before = service.ctx.passwords.compareCount
    expect([await restStatus(basic(name, token)), await restStatus('Bearer wrong')]).toEqual([200, 401])
    expect(service.ctx.passwords.compareCount).toBe(before)
  })

  it('is throttled like log-in, and a token beside it is not', async () => {
    const user = await addUserWith(service.ctx, 'guest', edge)
    const token = await makeToken()
    expect(await restStatus(`Bearer ${token}`)).toBe(200)
    const tried: number[] = []
    for (let attempt = 0; attempt < 14; attempt++) tried.push(await restStatus(basic(user.login, `wrong ${attempt}`)))
    expect(tried.slice(0, 9)).toEqual(Array(9).fill(401))
    expect(tried.at(-1)).toBe(429)
    expect(await restStatus(basic(user.login, userPassword))).toBe(429)
    expect(await upgrade(basic(user.login, userPassword))).toMatch(/^HTTP\/1\.1 429 /)
    await using ui = await UiClient.open(service)
    await expect(ui.signIn(user.login)).rejects.toMatchObject({ code: 1003 })
    expect(await restStatus(`Bearer ${token}`)).toBe(200)
  })
})

describe('REST', () => {
  it('answers 404, 405, 413 and 415 for what it does not take', async () => {
    const authorization = `Bearer ${await makeToken()}`
    const ask = (more: object) => restCall(service, { authorization, body: status, ...more })
    for (const path of ['/', '/jsonrpc/x', '/rest', '/healthz']) expect((await ask({ path })).status).toBe(404)
    for (const method of ['GET', 'PUT', 'OPTIONS']) {
      const answer = await ask({ method, body: '' })
      expect([answer.status, answer.headers.allow]).toEqual([405, 'POST'])
    }
    expect((await ask({ headers: { 'content-type': 'text/plain' } })).status).toBe(415)
    expect((await ask({ headers: { 'content-type': 'application/json; charset=utf-8' } })).status).toBe(200)
    expect((await ask({ path: '/jsonrpc?x=1' })).status).toBe(200)
    expect((await ask({ body: 'x'.repeat(100_001) })).status).toBe(413)
    const chunked = { 'transfer-encoding': 'chunked' }
    await expect(ask({ body: ' '.repeat(200_000), headers: chunked })).rejects.toThrow()
    expect((await ask({ headers: chunked })).status).toBe(200)
  })

  it('answers 200 with the result, 400 with the error, as OpenEMS does, with the true code and the id', async () => {
    const authorization = `Bearer ${await makeToken()}`
    const ask = async (body: object | string) => {
      const { status, headers, text } = await restCall(service, { authorization, body })
      expect(headers['content-type']).toBe('application/json')
      return { status, ...(JSON.parse(text) as object) }
    }
    const id = crypto.randomUUID()
    expect(await ask({ jsonrpc: '2.0', id, ...status })).toEqual({ status: 200, jsonrpc: '2.0', id, result: {} })
    expect(await ask(status)).toMatchObject({ status: 200, id: expect.stringMatching(/^[0-9a-f-]{36}$/), result: {} })
    expect(await ask({ ...status, id, method: 'x' })).toMatchObject({
      status: 400,
      id,
      error: { code: 4001, data: ['x'] },
    })
    expect(await ask({ ...status, id, params: { edgeIds: ['none'] } })).toMatchObject({
      status: 400,
      id,
      error: { code: 1005 },
    })
    for (const wrong of [
      '',
      '{',
      '[]',
      'null',
      '1',
      '{"id":"1"}',
      '{"id":"1","result":{}}',
      '{"method":"x","params":[]}',
    ])
      expect(await ask(wrong)).toMatchObject({ status: 400, error: { code: 4002, data: [expect.any(String)] } })
  })

  it('keeps the connection', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    try {
      const authorization = `Bearer ${await makeToken()}`
      const reused: boolean[] = []
      for (let turn = 0; turn < 3; turn++)
        reused.push((await restCall(service, { authorization, body: status, agent })).reused)
      expect(reused).toEqual([false, true, true])
    } finally {
      agent.destroy()
    }
  })
})
