import { expect, it } from 'vitest'
import { BackendClient, EdgeClient, userPassword } from '../harness/clients.ts'
import { basic, restCall } from '../harness/rest.ts'
import { addEdge, addUser, give } from '../harness/seed.ts'
import { startTestService } from '../harness/service.ts'

const U1 = '5f0a7c1e-0000-4000-8000-000000000001'

/** Frames as OpenEMS's own clients send and expect them (protocol D and trace K), compared as text. */
it('a stock Backend-to-Backend client is served on both ports', async () => {
  await using service = await startTestService()
  const [edge0, edge1] = [
    await addEdge(service.ctx, { edgeId: 'edge0' }),
    await addEdge(service.ctx, { edgeId: 'edge1' }),
  ]
  const user = await addUser(service.ctx, { login: 'backend' })
  for (const edge of [edge0, edge1]) await give(service.ctx, user, 'admin', edge)
  await using device = await EdgeClient.open(service, edge0.apiKey)
  device.answerWith = ({ payload }) => ({ method: payload.method })
  device.report({ '_sum/EssSoc': 57 })
  await device.settled()
  const authorization = basic('backend', userPassword)

  await using client = await BackendClient.open(service, authorization)
  const ask = async (text: string): Promise<string> => {
    const from = client.texts.length
    client.send(text)
    return await client.until(() => client.texts.slice(from).find((one) => one.includes('"id"')), 'answer')
  }
  const request = (method: string, params: string) =>
    `{"jsonrpc":"2.0","method":"${method}","params":${params},"id":"${U1}"}`
  const success = (result: string) => `{"jsonrpc":"2.0","id":"${U1}","result":${result}}`
  const subscription = '{"count":1,"ids":["edge0","edge1"],"channels":["_sum/EssSoc"]}'
  const table =
    '{"jsonrpc":"2.0","method":"edgesCurrentData","params":{"edge0":{"_sum/EssSoc":57},"edge1":{"_sum/EssSoc":null}}}'
  expect(await ask(request('subscribeEdgesChannels', subscription))).toBe(success('{}'))
  const tables = () => client.texts.filter((text) => text === table)
  await client.until(() => (tables().length >= 2 ? true : undefined), 'two tables')
  expect(await ask(request('getEdgesStatus', '{"edgeIds":["edge0","edge1"]}'))).toBe(
    success('{"edge0":{"online":true},"edge1":{"online":false}}'),
  )
  expect(await ask(request('getEdgesChannelsValues', '{"ids":["edge0"],"channels":["_sum/EssSoc","_sum/X"]}'))).toBe(
    success('{"edge0":{"_sum/EssSoc":57,"_sum/X":null}}'),
  )
  const inner = (method: string) => `{"jsonrpc":"2.0","method":"${method}","params":{},"id":"${U1}"}`
  expect(await ask(request('edgeRpc', `{"edgeId":"edge0","payload":${inner('getEdgeConfigs')}}`))).toBe(
    success(`{"payload":{"jsonrpc":"2.0","id":"${U1}","result":{"method":"getEdgeConfigs"}}}`),
  )
  expect(await ask(request('edgeRpc', `{"edgeId":"edge1","payload":${inner('getEdgeConfigs')}}`))).toBe(
    `{"jsonrpc":"2.0","id":"${U1}","error":{"code":3000,"message":"Edge [edge1] is not connected","data":["edge1"]}}`,
  )
  expect(await ask(request('subscribeEdgesChannels', '{"count":2,"ids":[],"channels":[]}'))).toBe(success('{}'))

  // The examples of the REST readme: neither `id` nor `jsonrpc`, inside the payload neither.
  const post = async (body: string) => {
    const { status, text } = await restCall(service, { authorization, body })
    return [status, text.replaceAll(/"id":"[0-9a-f-]{36}"/g, '"id":"U"')]
  }
  expect(
    await post('{"method":"getEdgesChannelsValues","params":{"ids":["edge0"],"channels":["_sum/EssSoc"]}}'),
  ).toEqual([200, '{"jsonrpc":"2.0","id":"U","result":{"edge0":{"_sum/EssSoc":57}}}'])
  expect(
    await post('{"method":"edgeRpc","params":{"edgeId":"edge0","payload":{"method":"getEdgeConfigs","params":{}}}}'),
  ).toEqual([
    200,
    '{"jsonrpc":"2.0","id":"U","result":{"payload":{"jsonrpc":"2.0","id":"U","result":{"method":"getEdgeConfigs"}}}}',
  ])
  expect(
    await post('{"method":"edgeRpc","params":{"edgeId":"edge1","payload":{"method":"getEdgeConfigs","params":{}}}}'),
  ).toEqual([
    400,
    '{"jsonrpc":"2.0","id":"U","error":{"code":3000,"message":"Edge [edge1] is not connected","data":["edge1"]}}',
  ])
  expect((await post('{"method":"getEdgesStatus","params":{}}'))[0]).toBe(400)
})

/** As a stock OpenEMS Backend 2026.5 answers; what it does with an edge nobody knows differs on purpose. */
it('what is no address of a channel is refused as OpenEMS does it (protocol A.4)', async () => {
  await using service = await startTestService()
  const edge = await addEdge(service.ctx, { edgeId: 'edge0' })
  const user = await addUser(service.ctx, { login: 'backend' })
  await give(service.ctx, user, 'guest', edge)
  const authorization = basic('backend', userPassword)
  await using client = await BackendClient.open(service, authorization)
  const error = (address: string) =>
    `"error":{"code":1000,"message":"This [${address}] is not a valid channel address","data":["${address}"]}}`
  const ask = async (method: string, params: string): Promise<string> => {
    const from = client.texts.length
    client.send(`{"jsonrpc":"2.0","method":"${method}","params":${params},"id":"${U1}"}`)
    return await client.until(() => client.texts.slice(from).find((one) => one.includes('"id"')), 'answer')
  }
  for (const address of ['_sumEssSoc', '_sum/', '_sum//']) {
    const params = `"ids":["edge0"],"channels":["_sum/EssSoc","${address}"]}`
    expect(await ask('getEdgesChannelsValues', `{${params}`)).toBe(`{"jsonrpc":"2.0","id":"${U1}",${error(address)}`)
    expect(await ask('subscribeEdgesChannels', `{"count":1,${params}`)).toContain(error(address))
    const body = `{"method":"getEdgesChannelsValues","params":{${params}}`
    expect(await restCall(service, { authorization, body })).toMatchObject({
      status: 400,
      text: expect.stringContaining(error(address)),
    })
  }
  // Who may not see the edge is not told whether the address is one.
  expect(await ask('getEdgesChannelsValues', '{"ids":["nope"],"channels":["_sumEssSoc"]}')).toContain('"code":1005')
})
