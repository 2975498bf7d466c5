import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ServiceClient, UiClient, userPassword } from '../harness/clients.ts'
import { addEdge, addUser, addUserWith, fresh, give } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

const address = { street: 'St James 12', zip: 'SW1', city: 'London', country: 'gb' }

let service: TestService
beforeAll(async () => {
  service = await startTestService()
})
afterAll(() => service?.[Symbol.asyncDispose]())

async function signedIn(): Promise<UiClient> {
  return await UiClient.signedIn(service, (await addUser(service.ctx)).login)
}

describe('the profile', () => {
  it('has every member from the start, and keeps what is set; the UI sends no company', async () => {
    const account = await addUser(service.ctx)
    await using ui = await UiClient.signedIn(service, account.login)
    // The profile page shows these fields in place of the name, so an account without them shows its name.
    const empty = {
      firstname: '',
      lastname: account.name,
      email: '',
      phone: '',
      address: { street: '', zip: '', city: '', country: '' },
      company: { name: '' },
    }
    expect(await ui.request('getUserInformation')).toEqual({ user: empty })
    const email = `${fresh('ada')}@example.org`
    const full = { firstname: 'Ada', lastname: 'Byron', email, phone: '+44', address, company: { name: 'Engines' } }
    expect(await ui.request('setUserInformation', { user: full })).toEqual({})
    const { company: _company, ...asTheUiSends } = { ...full, phone: '+49' }
    await ui.request('setUserInformation', { user: asTheUiSends })
    expect(await ui.request('getUserInformation')).toEqual({ user: { ...full, phone: '+49' } })
    await using again = await UiClient.open(service)
    expect(await again.signIn(email)).toMatchObject({ user: { name: 'Ada Byron' } })
  })

  it('D-03 refuses what is none, and an address that is another’s', async () => {
    await using ui = await signedIn()
    const other = await addUser(service.ctx, { email: `${fresh('taken')}@example.org` })
    const user = { firstname: 'A', lastname: 'B', email: '', phone: '', address }
    expect((await ui.call('setUserInformation', { user: { ...user, email: other.email } })).error).toMatchObject({
      code: 1,
      message: 'This e-mail address is taken',
    })
    const refused: (number | undefined)[] = []
    for (let tries = 0; tries < 12; tries++)
      refused.push((await ui.call('setUserInformation', { user: { ...user, email: other.email } })).error?.code)
    expect([refused[0], refused.at(-1)]).toEqual([1, 4005])
    expect(await ui.request('setUserInformation', { user })).toEqual({})
    expect((await ui.call('setUserInformation', { user: { ...user, email: 'x' } })).error).toMatchObject({ code: 1 })
    expect((await ui.call('setUserInformation', { user: { ...user, phone: 'a\nb' } })).error).toMatchObject({ code: 1 })
    for (const params of [
      {},
      { user: {} },
      { user: { ...user, firstname: 1 } },
      { user: { ...user, lastname: 'x'.repeat(301) } },
    ]) {
      expect((await ui.call('setUserInformation', params)).error?.code).toBe(-32602)
    }
  })

  it('is for people who have signed in', async () => {
    await using stranger = await UiClient.open(service)
    for (const method of [
      'getUserInformation',
      'setUserInformation',
      'updateUserLanguage',
      'updateUserSettings',
      'changeOwnPassword',
      'getUserAlertingConfigs',
      'setUserAlertingConfigs',
    ]) {
      expect((await stranger.call(method, {})).error).toMatchObject({ code: 1001, data: ['user'] })
    }
    await using operator = await ServiceClient.local(service)
    expect((await operator.call('getUserInformation')).error).toMatchObject({ code: 1001, data: ['user'] })
  })
})

describe('updateUserLanguage', () => {
  it('keeps what the UI can show; what it cannot becomes German', async () => {
    const user = await addUser(service.ctx)
    await using ui = await UiClient.signedIn(service, user.login)
    for (const [sent, shown] of [
      ['fr', 'FR'],
      ['cs', 'CS'],
      ['CZ', 'CS'],
      ['ja', 'JA'],
      ['xx', 'DE'],
      ['EN', 'EN'],
    ] as const) {
      expect(await ui.request('updateUserLanguage', { language: sent })).toEqual({})
      expect(await ui.signIn(user.login)).toHaveProperty('user.language', shown)
    }
    expect((await ui.call('updateUserLanguage', {})).error?.code).toBe(-32602)
  })
})

describe('updateUserSettings', () => {
  it('merges, because the UI sends now one and now all, and keeps the theme set', async () => {
    const user = await addUser(service.ctx)
    await using ui = await UiClient.signedIn(service, user.login)
    await ui.request('updateUserSettings', { settings: { theme: 'dark' } })
    await ui.request('updateUserSettings', { settings: { useNewUI: true, nested: { a: 1 } } })
    await ui.request('updateUserSettings', { settings: { nested: { b: 2 } } })
    expect(await ui.signIn(user.login)).toHaveProperty('user.settings', {
      theme: 'dark',
      useNewUI: true,
      nested: { b: 2 },
    })
  })

  it('refuses what is too large, names of prototypes, and what is no object', async () => {
    await using ui = await signedIn()
    expect((await ui.call('updateUserSettings', { settings: { a: 'x'.repeat(20_000) } })).error).toMatchObject({
      code: 1,
    })
    ui.send('{"method":"updateUserSettings","id":"p","params":{"settings":{"__proto__":{"admin":true}}}}')
    const { result, error } = await ui.answer('p')
    if (error) expect(error).toMatchObject({ code: 1, message: 'A setting cannot be called __proto__' })
    else expect(result).toEqual({})
    expect(({} as { admin?: boolean }).admin).toBeUndefined()
    for (const settings of [[], 'x', null, undefined]) {
      expect((await ui.call('updateUserSettings', { settings })).error?.code).toBe(-32602)
    }
  })

  it('keeps any text the database could choke on', async () => {
    const user = await addUser(service.ctx)
    await using ui = await UiClient.signedIn(service, user.login)
    expect(await ui.request('updateUserSettings', { settings: { a: 'x\0y', b: '\ud800', c: '😀' } })).toEqual({})
    expect(await ui.signIn(user.login)).toHaveProperty('user.settings', {
      theme: 'light',
      a: 'x\ufffdy',
      b: '\ufffd',
      c: '😀',
    })
  })
})

describe('changeOwnPassword', () => {
  it('takes the old one', async () => {
    const user = await addUser(service.ctx)
    await using ui = await UiClient.signedIn(service, user.login)
    const change = (oldPassword: string, newPassword: string) =>
      ui.call('changeOwnPassword', { oldPassword, newPassword })
    expect((await change('wrong', 'another password')).error).toMatchObject({
      code: 1,
      message: 'The old password is wrong',
    })
    expect((await change(userPassword, 'short')).error).toMatchObject({ code: 1 })
    expect((await change(userPassword, 'x'.repeat(73))).error?.message).toMatch(/72 bytes/)
    expect((await change(userPassword, 'another password')).result).toEqual({})
    expect((await ui.call('changeOwnPassword', { oldPassword: 'x', newPassword: 'y', extra: 1 })).error?.code).toBe(
      -32602,
    )
    await using next = await UiClient.open(service)
    await expect(next.signIn(user.login)).rejects.toMatchObject({ code: 1003 })
    await next.signIn(user.login, 'another password')
  })
})

describe('alerting', () => {
  const none = { offlineEdgeDelay: 0, faultEdgeDelay: 0, warningEdgeDelay: 0 }

  it('is one’s own, and for an admin of the edge everybody’s (OC-18)', async () => {
    const edge = await addEdge(service.ctx)
    const admin = await addUserWith(service.ctx, 'admin', edge)
    const owner = await addUserWith(service.ctx, 'owner', edge)
    await using ofAdmin = await UiClient.signedIn(service, admin.login)
    await using ofOwner = await UiClient.signedIn(service, owner.login)
    expect(await ofOwner.request('getUserAlertingConfigs', { edgeId: edge.id })).toEqual({
      currentUserSettings: { userLogin: owner.login, ...none },
      otherUsersSettings: [],
    })
    const mine = { userLogin: owner.login, offlineEdgeDelay: 15, faultEdgeDelay: 60, warningEdgeDelay: 0 }
    expect(await ofOwner.request('setUserAlertingConfigs', { edgeId: edge.id, userSettings: [mine] })).toEqual({})
    expect(await ofOwner.request('getUserAlertingConfigs', { edgeId: edge.id })).toHaveProperty(
      'currentUserSettings',
      mine,
    )
    expect(await ofAdmin.request('getUserAlertingConfigs', { edgeId: edge.id })).toEqual({
      currentUserSettings: { userLogin: admin.login, ...none },
      otherUsersSettings: [mine],
    })
    const changed = { ...mine, offlineEdgeDelay: '1440', faultEdgeDelay: 0 }
    await ofAdmin.request('setUserAlertingConfigs', {
      edgeId: edge.id,
      userSettings: [changed, { userLogin: admin.login }],
    })
    expect(await ofOwner.request('getUserAlertingConfigs', { edgeId: edge.id })).toMatchObject({
      currentUserSettings: { offlineEdgeDelay: 1440, faultEdgeDelay: 0 },
      otherUsersSettings: [],
    })
  })

  it('of others is refused, all or nothing, with one text for missing and foreign accounts', async () => {
    const edge = await addEdge(service.ctx)
    const owner = await addUserWith(service.ctx, 'owner', edge)
    const other = await addUserWith(service.ctx, 'owner', edge)
    await using ui = await UiClient.signedIn(service, owner.login)
    const own = { userLogin: owner.login, offlineEdgeDelay: 15 }
    for (const userLogin of [other.login, 'nobody']) {
      const { error } = await ui.call('setUserAlertingConfigs', { edgeId: edge.id, userSettings: [own, { userLogin }] })
      expect(error).toMatchObject({ code: 1, message: `You may not change the alerting of [${userLogin}]` })
    }
    expect(await ui.request('getUserAlertingConfigs', { edgeId: edge.id })).toHaveProperty(
      'currentUserSettings.offlineEdgeDelay',
      0,
    )
  })

  it('is of edges one may see, with delays that are some', async () => {
    const edge = await addEdge(service.ctx)
    const expired = await addUser(service.ctx)
    await give(service.ctx, expired, 'owner', edge, { validTo: new Date(Date.now() - 1000) })
    await using ui = await UiClient.signedIn(service, expired.login)
    expect((await ui.call('getUserAlertingConfigs', { edgeId: edge.id })).error).toMatchObject({ code: 1005 })
    expect((await ui.call('setUserAlertingConfigs', { edgeId: edge.id, userSettings: [] })).error).toMatchObject({
      code: 1005,
    })
    await using admin = await UiClient.signedIn(service)
    for (const offlineEdgeDelay of [-1, 0.5, 1e9, 'x']) {
      expect(
        (
          await admin.call('setUserAlertingConfigs', {
            edgeId: edge.id,
            userSettings: [{ userLogin: 'admin', offlineEdgeDelay }],
          })
        ).error?.code,
      ).toBe(-32602)
    }
    expect((await admin.call('getUserAlertingConfigs', {})).error?.code).toBe(-32602)
  })
})
