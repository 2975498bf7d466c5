import { expect, it } from 'vitest'
import { EdgeClient, ServiceClient, UiClient, userPassword } from '../harness/clients.ts'
import { recordingLog } from '../harness/log.ts'
import { addEdge, addUser } from '../harness/seed.ts'
import { startTestService } from '../harness/service.ts'

it('no secret that goes over a wire is in the log, the audit or the metrics', async () => {
  const { log, lines } = recordingLog()
  await using service = await startTestService({ log, config: { registration: 'open' } })
  const edge = await addEdge(service.ctx)
  const user = await addUser(service.ctx)
  await using ui = await UiClient.signedIn(service, user.login)
  await using operator = await ServiceClient.local(service)
  await using device = await EdgeClient.open(service, edge.apiKey)
  device.answerWith = () => ({ password: 'from-the-edge' })
  const { token } = await operator.request('createServiceToken', {
    name: 'backend',
    role: 'admin',
    scopes: ['read', 'write', 'manage'],
  })
  const { token: invitation } = await operator.request('createInvitation', {})
  const { apiKey } = await operator.request('createEdge', { edgeId: 'made' })
  await using backend = await ServiceClient.open(service, String(token))
  const secrets = {
    wrong: 'a-wrong-password-1',
    registered: 'a-registered-password-2',
    set: 'a-set-password-3',
    changed: 'a-changed-password-4',
    command: 'a-command-password-5',
    forged: 'a-forged-token-6',
    key: 'a-wrong-key-00000007',
  }
  await ui.call('authenticateWithPassword', { username: user.login, password: secrets.wrong })
  await ui.call('authenticateWithToken', { token: secrets.forged })
  await ui.call('authenticateWithToken', { token: { token: secrets.forged } })
  const person = { firstname: 'A', lastname: 'B', phone: '', address: { street: '', zip: '', city: '', country: '' } }
  await ui.call('registerUser', {
    user: { ...person, email: 'a@example.org', password: secrets.registered, invitation },
    oem: '',
  })
  await ui.call('registerUser', { user: { ...person, email: 1, password: secrets.registered } })
  await ui.call('changeOwnPassword', { oldPassword: userPassword, newPassword: secrets.changed })
  await ui.call('addEdgeToUser', { setupPassword: edge.setupPassword })
  const command = { method: 'executeSystemCommand', params: { command: 'ls', password: secrets.command }, id: 'x' }
  await ui.call('edgeRpc', {
    edgeId: edge.id,
    payload: { method: 'componentJsonApi', params: { componentId: '_host', payload: command }, id: 'y' },
  })
  await device.call('checkSetupPassword', { setupPassword: edge.setupPassword })
  await backend.call('setPassword', { login: user.login, password: secrets.set })
  await expect(EdgeClient.open(service, secrets.key)).rejects.toThrow()
  await expect(ServiceClient.open(service, `${token}x`)).rejects.toThrow()

  const audit = JSON.stringify(await service.ctx.db.selectFrom('change').selectAll().execute())
  const metrics = await (await fetch(`${service.urls.http}/metrics`)).text()
  const places = { log: JSON.stringify(lines), audit, metrics }
  const all = {
    ...secrets,
    token,
    invitation,
    apiKey,
    userPassword,
    session: ui.token,
    edgeKey: edge.apiKey,
    setupPassword: edge.setupPassword,
  }
  for (const [place, text] of Object.entries(places)) {
    for (const [name, secret] of Object.entries(all))
      expect([place, name, text.includes(String(secret))]).toEqual([place, name, false])
  }
  expect(places.log).toContain('authenticateWithPassword')
  expect(places.audit).toContain('edge.executeSystemCommand')
})
