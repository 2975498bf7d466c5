import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { allMethods } from '../../src/api/index.ts'
import { describeApi } from '../../src/rpc/describe.ts'
import { startTestService, type TestService } from '../harness/service.ts'

let service: TestService
beforeAll(async () => {
  service = await startTestService()
})
afterAll(() => service?.[Symbol.asyncDispose]())

describe('/openrpc.json', () => {
  it('is the document of the methods this very service has', async () => {
    const response = await fetch(`${service.urls.http}/openrpc.json`)
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json'])
    expect(await response.json()).toEqual(JSON.parse(JSON.stringify(describeApi(allMethods))))
  })
})
