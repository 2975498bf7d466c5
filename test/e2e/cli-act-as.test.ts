import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli, startCli } from '../harness/child.ts'
import { UiClient } from '../harness/clients.ts'
import { addEdge, addUserWith } from '../harness/seed.ts'
import { adminPassword, startTestService, type TestService } from '../harness/service.ts'

const PROCESS_MS = 60_000

let service: TestService
beforeAll(async () => {
  service = await startTestService()
})
afterAll(() => service?.[Symbol.asyncDispose]())

const words = (login: string) => ['act-as', login, '--as', 'admin', '--url', service.urls.ui]
const password = { EMS_LOGIN_PASSWORD: adminPassword }

/** A page of the UI with the token that was pasted into it. */
async function browser(token: string) {
  const ui = await UiClient.open(service)
  return { ui, answer: await ui.call('authenticateWithToken', { token }) }
}

describe('act-as', { timeout: PROCESS_MS * 2 }, () => {
  it('lets a browser act as another until it is stopped, and signs it out then (E-06)', async () => {
    const edge = await addEdge(service.ctx)
    const user = await addUserWith(service.ctx, 'owner', edge)
    await using command = startCli(words(user.login), password)
    const [, token = ''] = await command.said(/token=([^;]+);/)
    const { ui, answer } = await browser(token)
    await using _ui = ui
    expect(answer.result).toMatchObject({ user: { id: user.login, impersonatedBy: { id: 'admin' } } })
    expect(await ui.request('getEdges')).toMatchObject({ edges: [{ id: edge.id, role: 'owner' }] })
    expect(await command.end('SIGINT')).toMatchObject({ code: 0, stdout: expect.stringMatching(/signed out\.\n$/) })
    const again = await browser(token)
    await using _again = again.ui
    expect(again.answer.error).toMatchObject({ code: 1003 })
  })

  it('ends well after the browser signed out, which ends it altogether (E-06)', async () => {
    const user = await addUserWith(service.ctx, 'owner', await addEdge(service.ctx))
    await using command = startCli(words(user.login), password)
    const [, token = ''] = await command.said(/token=([^;]+);/)
    const { ui } = await browser(token)
    await using _ui = ui
    await ui.request('logout')
    expect(await command.end('SIGINT')).toMatchObject({ code: 0 })
    const again = await browser(token)
    await using _again = again.ui
    expect(again.answer.error).toMatchObject({ code: 1003 })
  })

  it('says that there is nobody of that name, and leaves no session behind', async () => {
    const { code, stdout, stderr } = await runCli(words('nobody-of-that-name'), password)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^ems-metadata: There is no such thing/)
  })
})
