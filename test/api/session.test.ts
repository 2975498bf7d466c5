import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createInvitation } from '../../src/accounts/registration-service.ts'
import { setPassword } from '../../src/accounts/user-service.ts'
import { UiClient, userPassword } from '../harness/clients.ts'
import { addEdge, addUser, addUserWith, fresh, give } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

const failed = { code: 1003, message: 'Authentication failed', data: [] }
const person = {
  firstname: 'Ada',
  lastname: 'Byron',
  phone: '+44',
  address: { street: 'St James 12', zip: 'SW1', city: 'London', country: 'gb' },
}

let service: TestService
beforeAll(async () => {
  service = await startTestService()
})
afterAll(() => service?.[Symbol.asyncDispose]())

describe('authenticateWithPassword', () => {
  it('answers with token, user and no edges, the theme always set', async () => {
    const { ctx } = service
    const edge = await addEdge(ctx)
    const user = await addUserWith(ctx, 'owner', edge)
    await using ui = await UiClient.open(service)
    const { token, ...rest } = await ui.signIn(` ${user.login.toUpperCase()} `)
    expect(rest).toEqual({
      user: {
        id: user.login,
        name: user.name,
        language: 'EN',
        hasMultipleEdges: false,
        settings: { theme: 'light' },
        globalRole: 'owner',
      },
      edges: [],
    })
    expect(String(token).split('.')).toHaveLength(3)
    await give(ctx, user, 'guest', await addEdge(ctx))
    expect(await ui.signIn(user.login)).toMatchObject({ user: { hasMultipleEdges: true } })
  })

  it('ends in the log', async () => {
    const user = await addUser(service.ctx)
    await using ui = await UiClient.signedIn(service, user.login)
    await ui.request('logout')
    await using admin = await UiClient.signedIn(service)
    const { changes } = await admin.request('listChanges', { login: user.login })
    expect(changes).toMatchObject([{ action: 'session.ended', after: { userId: user.id, reason: 'logout' } }])
  })

  it('takes the e-mail address as well', async () => {
    const user = await addUser(service.ctx, { email: `${fresh('mail')}@Example.org` })
    await using ui = await UiClient.open(service)
    expect(await ui.signIn(String(user.email).toUpperCase())).toMatchObject({ user: { id: user.login } })
  })

  it('is 1003 for a wrong password, an unknown name, an empty one, and a disabled account alike', async () => {
    const user = await addUser(service.ctx)
    const disabled = await addUser(service.ctx)
    await using operator = await UiClient.signedIn(service)
    await operator.request('setUserDisabled', { login: disabled.login, disabled: true })
    await using ui = await UiClient.open(service)
    for (const params of [
      { username: user.login, password: 'wrong' },
      { username: 'nobody', password: userPassword },
      { username: '', password: userPassword },
      { password: userPassword },
      { username: disabled.login, password: userPassword },
      { username: user.login, password: 'x'.repeat(100) },
    ]) {
      expect((await ui.call('authenticateWithPassword', params)).error).toEqual(failed)
    }
    expect((await ui.call('getEdges')).error).toMatchObject({
      code: 1001,
      message: 'User is not authenticated. [user]',
      data: ['user'],
    })
  })

  it('refuses bad params with the member that is wrong', async () => {
    await using ui = await UiClient.open(service)
    for (const params of [{}, { username: 'a' }, { username: 1, password: 'b' }, { username: 'a', password: ['b'] }]) {
      expect((await ui.call('authenticateWithPassword', params)).error?.code).toBe(-32602)
    }
    expect((await ui.call('authenticateWithPassword', { username: 'a' })).error?.message).toMatch(
      /^Invalid params: password: /,
    )
  })

  it('replaces whoever was signed in on the socket, with what he listened to', async () => {
    const edge = await addEdge(service.ctx)
    const first = await addUserWith(service.ctx, 'owner', edge)
    const second = await addUser(service.ctx)
    await using ui = await UiClient.signedIn(service, first.login)
    await ui.watch(edge.id, ['_sum/EssSoc'])
    const before = ui.pushes.length
    await ui.signIn(second.login)
    expect(await ui.request('getEdges')).toEqual({ edges: [] })
    service.ctx.hub.currentData(
      service.ctx.hub.find(edge.row.id) ?? raise(),
      { [Date.now()]: { '_sum/EssSoc': 1 } },
      Date.now(),
    )
    await ui.settled()
    expect(ui.pushes).toHaveLength(before)
  })

  it('keeps the session there was when another sign-in fails', async () => {
    const edge = await addEdge(service.ctx)
    const user = await addUserWith(service.ctx, 'guest', edge)
    await using ui = await UiClient.signedIn(service, user.login)
    expect((await ui.call('authenticateWithPassword', { username: 'nobody', password: 'x' })).error).toEqual(failed)
    expect(await ui.request('getEdge', { edgeId: edge.id })).toHaveProperty('edge.id', edge.id)
  })

  it('does the pipelined requests of a socket after the sign-in they follow', async () => {
    const edge = await addEdge(service.ctx)
    const user = await addUserWith(service.ctx, 'guest', edge)
    await using ui = await UiClient.open(service)
    const outcomes = await Promise.all([
      ui.request('authenticateWithPassword', { username: user.login, password: userPassword }),
      ui.request('getEdges', { page: 0, limit: 20, searchParams: {} }),
      ui.request('getEdges', { page: 0, limit: 20, searchParams: { orderState: [{ field: 'id', sortOrder: 'ASC' }] } }),
      ui.request('logout'),
      ui.call('getEdges'),
    ])
    expect(outcomes[1]).toMatchObject({ edges: [{ id: edge.id, role: 'guest' }] })
    expect(outcomes[2]).toEqual(outcomes[1])
    expect(outcomes[4]).toMatchObject({ error: { code: 1001 } })
    expect(ui.frames).toHaveLength(5)
  })
})

describe('authenticateWithToken', () => {
  it('takes the session up on another socket and hands the same token back', async () => {
    const user = await addUser(service.ctx)
    await using first = await UiClient.signedIn(service, user.login)
    await using second = await UiClient.open(service)
    const result = await second.request('authenticateWithToken', { token: first.token })
    expect(result).toMatchObject({
      token: first.token,
      user: { id: user.login, settings: { theme: 'light' } },
      edges: [],
    })
    expect(await second.request('getUserInformation')).toHaveProperty('user.email', '')
  })

  it('is 1003 for anything that is not an open session', async () => {
    const user = await addUser(service.ctx)
    await using ended = await UiClient.signedIn(service, user.login)
    await ended.request('logout')
    await using ui = await UiClient.open(service)
    const [head = '', body = '', signature = ''] = ended.token.split('.')
    const forged = Buffer.from('{"alg":"none","typ":"session+jwt"}').toString('base64url')
    const tokens = ['', 'x', 'a.b.c', '8731286e-ca08-4cf7-bf5c-ab5d44fa5731', ended.token]
    for (const token of [...tokens, `${head}.${body}.${signature.slice(0, -4)}AAAA`, `${forged}.${body}.`]) {
      expect((await ui.call('authenticateWithToken', { token })).error).toEqual(failed)
    }
    expect((await ui.call('authenticateWithToken', {})).error?.code).toBe(-32602)
  })
})

describe('logout', () => {
  it('always succeeds, ends the session, and leaves a socket to sign in on again', async () => {
    const edge = await addEdge(service.ctx)
    const user = await addUserWith(service.ctx, 'owner', edge)
    await using ui = await UiClient.open(service)
    expect(await ui.request('logout')).toEqual({})
    await ui.signIn(user.login)
    await ui.watch(edge.id, ['_sum/EssSoc'], 7)
    const { token } = ui
    expect(await ui.request('logout')).toEqual({})
    expect(await ui.request('logout')).toEqual({})
    expect((await ui.call('authenticateWithToken', { token })).error).toEqual(failed)
    for (const method of ['getEdges', 'getUserInformation', 'subscribeEdges']) {
      expect((await ui.call(method, { edges: [edge.id] })).error).toMatchObject({ code: 1001 })
    }
    const live = service.ctx.hub.find(edge.row.id)
    expect([live?.watchers, live?.logWatchers]).toEqual([undefined, undefined])
    await ui.signIn(user.login)
    // A page that was loaded again counts from 0 again.
    await ui.watch(edge.id, ['_sum/EssSoc'], 0)
    expect(await ui.data()).toEqual({ '_sum/EssSoc': null })
  })
})

describe('registerUser', () => {
  const registration = (change: object = {}) => ({
    user: {
      ...person,
      email: `${fresh('new')}@example.org`,
      password: userPassword,
      confirmPassword: userPassword,
      role: 'admin',
      ...change,
    },
    oem: 'OpenEMS',
  })

  it('is closed unless it was opened', async () => {
    await using ui = await UiClient.open(service)
    const { error } = await ui.call('registerUser', registration())
    expect(error).toEqual({ code: 1, message: expect.stringMatching(/closed/), data: [error?.message] })
  })

  it('gives the role of the configuration, never the one the client wants', async () => {
    await using open = await startTestService({ config: { registration: 'open', registrationRole: 'guest' } })
    await using ui = await UiClient.open(open)
    const params = registration()
    expect(await ui.request('registerUser', params)).toEqual({})
    expect(await ui.signIn(params.user.email)).toMatchObject({
      user: { globalRole: 'guest', name: 'Ada Byron', hasMultipleEdges: false },
    })
    expect(await ui.request('getEdges')).toEqual({ edges: [] })
    const { user } = await ui.request('getUserInformation')
    expect(user).toEqual({ ...person, email: params.user.email, company: { name: '' } })
    const again = await ui.call('registerUser', { ...params, user: { ...params.user, password: 'another password' } })
    expect(again.error).toMatchObject({ code: 1, message: 'This login is taken' })
    expect((await ui.call('registerUser', registration({ password: 'short' }))).error).toMatchObject({ code: 1 })
    expect((await ui.call('registerUser', registration({ password: 'x'.repeat(73) }))).error?.message).toMatch(
      /72 bytes/,
    )
    expect((await ui.call('registerUser', { user: {} })).error?.code).toBe(-32602)
  })

  it('takes an invitation once', async () => {
    await using invited = await startTestService({ config: { registration: 'invitation' } })
    const { token } = await createInvitation(invited.ctx, { actorId: null }, { globalRole: 'installer' })
    await using ui = await UiClient.open(invited)
    expect((await ui.call('registerUser', registration())).error?.message).toMatch(/invitation/)
    expect((await ui.call('registerUser', registration({ invitation: 'x' }))).error?.message).toMatch(/not valid/)
    const params = registration({ invitation: token })
    expect(await ui.request('registerUser', params)).toEqual({})
    expect(await ui.signIn(params.user.email)).toMatchObject({ user: { globalRole: 'installer' } })
    expect((await ui.call('registerUser', registration({ invitation: token }))).error?.message).toMatch(/not valid/)
  })
})

describe('the right to a session', () => {
  it('is refused after ten wrong guesses even with the right password, while open sessions go on', async () => {
    const user = await addUser(service.ctx)
    await using holder = await UiClient.signedIn(service, user.login)
    await using ui = await UiClient.open(service)
    for (let attempt = 0; attempt < 14; attempt++) {
      const { error } = await ui.call('authenticateWithPassword', {
        username: user.login,
        password: `guess ${attempt}`,
      })
      expect(error).toEqual(failed)
    }
    // Towards the client nothing tells the throttle from a wrong password.
    expect((await ui.call('authenticateWithPassword', { username: user.login, password: userPassword })).error).toEqual(
      failed,
    )
    await using again = await UiClient.open(service)
    expect(await again.request('authenticateWithToken', { token: holder.token })).toHaveProperty('user.id', user.login)
  })

  it('answers 1006, not 1003, when the queue of password checks is full', async () => {
    await using small = await startTestService({ config: { passwordQueue: 1, bcryptCost: 8 } })
    const clients = await Promise.all(Array.from({ length: 10 }, () => UiClient.open(small)))
    const answers = await Promise.all(
      clients.map((client) => client.call('authenticateWithPassword', { username: 'admin', password: 'admin' })),
    )
    const codes = answers.map(({ error }) => error?.code)
    expect(codes).toContain(1006)
    expect(codes).toContain(undefined)
    expect(codes).not.toContain(1003)
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()))
  })

  it('ends when an operator sets the password', async () => {
    const user = await addUser(service.ctx)
    await using ui = await UiClient.signedIn(service, user.login)
    await setPassword(service.ctx, { actorId: null }, user.id, 'another password')
    expect(await ui.closed).toMatchObject({ code: 1006 })
    await using next = await UiClient.open(service)
    expect((await next.call('authenticateWithToken', { token: ui.token })).error).toEqual(failed)
    expect(await next.signIn(user.login, 'another password')).toHaveProperty('user.id', user.login)
  })
})

function raise(): never {
  throw new Error('missing')
}
