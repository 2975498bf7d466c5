import { expect, it } from 'vitest'
import { EdgeClient, ServiceClient, UiClient, userPassword } from '../harness/clients.ts'
import { EdgeApp } from '../harness/edge-app.ts'
import { recordingLog } from '../harness/log.ts'
import { addEdge, addUser } from '../harness/seed.ts'
import { startTestService } from '../harness/service.ts'

it('no secret that goes over a wire is in the log, the audit or the metrics', async () => {
  const { log, lines } = recordingLog()
  const apps = { edgeKeySeals: ['a-seal-of-keys-8'.repeat(3)], edgeManagerSecrets: ['a-secret-of-apps-9'.repeat(3)] }
  await using service = await startTestService({ log, config: { registration: 'open', ...apps } })
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
    seal: String(apps.edgeKeySeals[0]),
    appSecret: String(apps.edgeManagerSecrets[0]),
    wrongAppSecret: 'a-wrong-secret-of-apps-10',
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
  await using app = await EdgeApp.serving(service, { id: `edges0:${secrets.appSecret}` })
  await app.told((keys) => edge.apiKey in keys && String(apiKey) in keys)
  await expect(EdgeApp.open(service, { id: `edges0:${secrets.wrongAppSecret}` })).rejects.toThrow()
  const bearer = { headers: { authorization: `Bearer ${secrets.wrongAppSecret}` } }
  await expect(EdgeApp.open(service, bearer)).rejects.toThrow()
  app.send({ jsonrpc: '2.0', method: secrets.appSecret, params: {} })
  await app.call(`${edge.apiKey}`)
  await using behind = await EdgeClient.open(app.forEdges, String(apiKey))
  behind.report({ soc: 1 })
  await behind.settled()
  await operator.request('rotateEdgeKey', { edgeId: 'made', overlapHours: 0 })
  await app.told((keys) => !(String(apiKey) in keys))
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
