import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { allMethods } from '../../src/api/index.ts'
import { BackendClient, EdgeClient, ServiceClient, UiClient, type WireClient } from '../harness/clients.ts'
import { recordingLog } from '../harness/log.ts'
import { restCall } from '../harness/rest.ts'
import { addEdge, addUser, give, type SeededEdge } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

const FRAMES_OF_EACH_KIND = 2800
const BURST = 70

const notifications = ['edgeConfig', 'timestampedData', 'aggregatedData', 'resendData', 'systemLog', 'logMessage']
const methods = [
  ...allMethods.map(({ name }) => name),
  ...notifications,
  'authenticatedRpc',
  'constructor',
  '__proto__',
  '',
]
const payloads = [
  'getEdgeConfig',
  'subscribeChannels',
  'subscribeSystemLog',
  'queryHistoricTimeseriesData',
  'toString',
  'x',
]
const names = [
  '__proto__',
  'constructor',
  'edgeId',
  'edges',
  'payload',
  'channels',
  'login',
  'settings',
  'user',
  'a\0b',
]
const hostile = ['__proto__', 'edge0', '\0', '\ud800', '%s%n', "' or 1=1 --", '../../etc/passwd', 'x'.repeat(5000), '']

/** Any JSON, with the values that programs stumble over more often than chance has it. */
const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<unknown>(...hostile, null, true, 0, -1, 1e308, 2 ** 53, 0.5, [], {}),
    fc.string(),
    fc.integer(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...names, 'toString', 'valueOf', '_sum/State'), tie('value'), { maxKeys: 5 }),
  ),
})).value

const id = fc.oneof(
  fc.uuid(),
  fc.integer(),
  fc.double(),
  fc.constantFrom<unknown>(null, {}, [], '', 'x'.repeat(300), '__proto__'),
)
const params = fc.oneof(
  value,
  fc.record({ edgeId: value, payload: fc.record({ method: fc.constantFrom(...payloads), params: value, id }) }),
  fc.record(
    {
      edgeId: fc.constant('edge0'),
      edges: value,
      page: value,
      limit: value,
      searchParams: value,
      login: value,
      on: value,
    },
    { requiredKeys: [] },
  ),
  fc.dictionary(fc.constantFrom('1775300000000', 'NaN', '-1', '9e99', '__proto__'), value, { maxKeys: 3 }),
)
const envelope = fc.record(
  {
    jsonrpc: value,
    method: fc.oneof(fc.constantFrom<unknown>(...methods), value),
    params,
    id,
    result: value,
    error: value,
  },
  { requiredKeys: [] },
)
const request = fc.record({ jsonrpc: fc.constant('2.0'), method: fc.constantFrom(...methods), params, id })
const answer = fc.record({ id, error: fc.record({ code: value, message: value, data: value }) })
/** Written member by member, because `__proto__` has to be a member like any other. */
const text = fc.oneof(
  fc.oneof(request, request, envelope, answer, value).map((frame) => JSON.stringify(frame) ?? 'undefined'),
  fc.string(),
  fc.tuple(request, fc.nat(50)).map(([frame, cut]) => JSON.stringify(frame).slice(0, cut)),
  fc.constantFrom('[]', 'null', '{', '"', '[{"method":"getEdges","id":1}]', '{"id":1,"id":2,"method":"getEdges"}'),
)
const frame: fc.Arbitrary<string | Buffer> = fc.oneof(
  { weight: 30, arbitrary: text },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)) },
)

const stubborn = '{"toString":1,"valueOf":1}'
const deep = `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`
const nasty = [
  `{"id":"1","error":{"code":1,"message":"","data":[${stubborn}]}}`,
  `{"method":"logMessage","params":{"level":${stubborn},"msg":${stubborn}}}`,
  `{"method":"timestampedData","params":{"1775300000000":{"_sum/State":${stubborn},"_meta/Version":${stubborn}}}}`,
  `{"method":"timestampedData","params":{"1775300000000":{"_sum/State":"","_meta/Version":"1.0.0\\u0000"}}}`,
  `{"method":"edgeConfig","params":{"components":{"a":null,"__proto__":{"alias":"\\u0000\\ud800"}},"factories":${deep}}}`,
  `{"method":"edgeConfig","params":{"components":{"a":null,"b":1,"__proto__":{"alias":"\\u0000\\ud800"}}}}`,
  `{"method":"edgeConfig","params":{"components":[1,2]}}`,
  `{"method":"systemLog","params":${deep}}`,
  `{"method":"updateUserSettings","id":1,"params":{"settings":${deep}}}`,
  `{"method":"edgeRpc","id":2,"params":{"edgeId":"edge0","payload":${deep}}}`,
  `{"method":"checkSetupPassword","id":3,"params":{"setupPassword":"a\\u0000b"}}`,
]

let service: TestService
let edge: SeededEdge
let bearer: string
const { log, lines } = recordingLog()
beforeAll(async () => {
  service = await startTestService({ log, config: { edgeFramesPerSecond: 1_000_000, stateFlushMs: 50 } })
  edge = await addEdge(service.ctx, { edgeId: 'edge0' })
  const fuzzer = await addUser(service.ctx, { login: 'fuzzer' })
  await give(service.ctx, fuzzer, 'owner', edge)
  await using operator = await ServiceClient.local(service)
  const fuzz = { name: 'fuzz', role: 'admin', scopes: ['read', 'authenticate', 'write', 'manage'] }
  bearer = `Bearer ${(await operator.request('createServiceToken', fuzz))['token']}`
})
afterAll(() => service?.[Symbol.asyncDispose]())

const kinds: [kind: string, open: () => Promise<WireClient>][] = [
  ['a UI that has not signed in', () => UiClient.open(service)],
  ['a UI', () => UiClient.signedIn(service, 'fuzzer')],
  ['an edge', () => EdgeClient.open(service, edge.apiKey)],
  ['a service', () => ServiceClient.local(service)],
  ['another backend', () => BackendClient.open(service, bearer)],
]

describe.each(kinds)('%s that sends nonsense', (_kind, open) => {
  it('harms nobody and is told nothing about the inside', { timeout: 120_000 }, async () => {
    await using observer = await UiClient.signedIn(service)
    const frames = fc.sample(frame, { numRuns: FRAMES_OF_EACH_KIND, seed: 20261122 })
    let client = await open()
    for (let start = 0; start < frames.length; start += BURST) {
      for (const one of frames.slice(start, start + BURST)) client.send(one)
      const { edge: found } = await observer.request('getEdge', { edgeId: edge.id })
      expect(found).toHaveProperty('id', edge.id)
      await Promise.race([client.settled(), client.closed])
      expectDiscreet(client)
      if (client.closing || start % (BURST * 4) === 0) {
        await client[Symbol.asyncDispose]()
        client = await open()
      }
    }
    await client[Symbol.asyncDispose]()
  })

  it('gets over what stops a careless program', async () => {
    await using client = await open()
    await using observer = await UiClient.signedIn(service)
    for (const one of nasty) client.send(one)
    await Promise.race([client.settled(), client.closed])
    expectDiscreet(client)
    expect(await observer.request('getEdges')).toHaveProperty('edges.0.id', edge.id)
  })

  it('is cut off for a frame of ten megabytes', async () => {
    await using client = await open()
    client.send(`{"method":"getEdges","id":"1","params":{"x":"${'x'.repeat(10_000_000)}"}}`)
    expect([1006, 1009]).toContain((await client.closed).code)
  })

  it('is cut off for text that is not UTF-8', async () => {
    await using client = await open()
    client.socket.send(Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x7d]), { binary: false })
    expect([1006, 1007]).toContain((await client.closed).code)
  })
})

describe('a program that posts nonsense', () => {
  it('is answered each time, with JSON, and told nothing about the inside', { timeout: 120_000 }, async () => {
    const bodies = [...fc.sample(text, { numRuns: 1400, seed: 20261123 }), ...nasty]
    for (let start = 0; start < bodies.length; start += 20) {
      const burst = bodies.slice(start, start + 20)
      const answers = await Promise.all(burst.map((body) => restCall(service, { authorization: bearer, body })))
      for (const { status, text } of answers) {
        expect([200, 400]).toContain(status)
        expect(JSON.parse(text)).toMatchObject({ jsonrpc: '2.0' })
        if (status === 400) expectDiscreetText(text)
      }
    }
  })

  it('gets nowhere with made-up credentials, on either port', async () => {
    const values = fc.oneof(
      fc.base64String(),
      fc.string().map((text) => Buffer.from(text).toString('base64')),
      fc
        .tuple(fc.constantFrom('admin', 'fuzz', 'fuzzer', '', '__proto__'), fc.string())
        .map(([name, secret]) => Buffer.from(`${name}:${secret}`).toString('base64')),
      fc.constantFrom('', '====', 'eA', '%00', 'OjpDOg=='),
    )
    const schemes = fc.constantFrom('Basic', 'Bearer', 'basic', 'bEARER', 'Digest', '')
    const headers = fc.sample(fc.tuple(schemes, values), { numRuns: 60, seed: 20261124 })
    for (const [scheme, value] of headers) {
      const authorization = `${scheme} ${value}`
      expect([401, 429]).toContain((await restCall(service, { authorization, body: {} })).status)
      await expect(BackendClient.open(service, authorization)).rejects.toThrow(/refused with (401|429)/)
    }
    expect((await restCall(service, { authorization: bearer, body: '{}' })).status).toBe(400)
  })
})

describe('afterwards', () => {
  it('the service still does everything, and nothing waits to be written', async () => {
    await using device = await EdgeClient.open(service, edge.apiKey)
    await using ui = await UiClient.signedIn(service)
    await ui.watch(edge.id, ['_sum/EssSoc'])
    device.notify('edgeConfig', {
      components: { ess0: { alias: 'Storage', factoryId: 'x', properties: {} } },
      factories: {},
    })
    device.report({ '_sum/EssSoc': 57, '_sum/State': 1, '_meta/Version': '2026.5.0' })
    expect(await ui.data((values) => values['_sum/EssSoc'] === 57)).toEqual({ '_sum/EssSoc': 57 })
    await service.ctx.states.flush()
    await service.ctx.configs.flush()
    expect(service.ctx.states.backlog).toBe(0)
    const stored = await service.ctx.db.selectFrom('edgeConfig').select('config').executeTakeFirstOrThrow()
    expect(stored.config).toHaveProperty('components.ess0.alias', 'Storage')
  })

  it('the metrics have counted it, under few names', async () => {
    const text = await (await fetch(`${service.urls.http}/metrics`)).text()
    for (const component of ['ui', 'edge', 'service', 'backend']) {
      expect(text).toMatch(new RegExp(`ems_invalid_frames_total\\{component="${component}",reason="not JSON"\\} [1-9]`))
    }
    expect(text).toMatch(/websocket_requests_count\{component="ui",method="other"\} [1-9]/)
    expect(text.split('\n').filter((line) => line.startsWith('ems_call_errors_total')).length).toBeLessThan(40)
  })

  it('the log has no failure that nobody expected', () => {
    expect(lines.filter(({ level }) => Number(level) >= 50)).toEqual([])
    expect(lines.filter(({ msg }) => /not written|failed/.test(String(msg)))).toEqual([])
  })
})

/** No stack, path, SQL or name of a library in any answer. */
function expectDiscreet(client: WireClient): void {
  for (const sent of client.texts.filter((text) => text.includes('"error"'))) expectDiscreetText(sent)
}

function expectDiscreetText(sent: string): void {
  expect(sent).not.toMatch(/ {4}at |\.ts:|node_modules|insert into|select "|syntax error|violates|kysely|zod/)
  if (sent.includes('-32603'))
    expect(JSON.parse(sent).error).toEqual({ code: -32603, message: 'Internal error', data: [] })
}
