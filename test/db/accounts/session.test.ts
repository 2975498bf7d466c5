import { beforeEach, expect, it, vi } from 'vitest'
import { deleteExpired } from '../../../src/accounts/account-cleanup.ts'
import { endSession, signInWithPassword, signInWithToken } from '../../../src/accounts/session-service.ts'
import { deleteUser } from '../../../src/accounts/user-deletion.ts'
import { changeOwnPassword, disableUser, enableUser, setPassword } from '../../../src/accounts/user-service.ts'
import { eachEngine } from '../../harness/database.ts'
import {
  type AccountsNode,
  addAccount,
  home,
  newLogin,
  password,
  service,
  sharedNode,
  startNode,
} from './accounts-node.ts'

const DAY_MS = 86_400_000
const ended = { ok: false, reason: 'sessionEnded' }

eachEngine('sessions', (engine) => {
  const shared = sharedNode(engine)
  let node: AccountsNode
  let login: string
  let userId: number
  beforeEach(async () => {
    node = shared.node
    const user = await addAccount(node, newLogin())
    login = user.login
    userId = user.id
  })

  async function signIn(on = node) {
    const result = await signInWithPassword(on, { login, password, clientAddress: home })
    if (!result.ok) throw new Error(result.reason)
    return result
  }

  it('are taken up again with the token, also after a restart', async () => {
    const first = await signIn()
    expect(await signInWithToken(node, first.token, home)).toEqual(first)
    await using restarted = await startNode(shared.database, { time: node.time })
    expect(restarted.sessions.isEnded(first.sessionId)).toBe(true)
    expect(await signInWithToken(restarted, first.token, home)).toEqual(first)
    expect(restarted.sessions.isEnded(first.sessionId)).toBe(false)
  })

  it('are refused with anything that is not a token of theirs', async () => {
    const { token } = await signIn()
    const [header, payload, signature] = token.split('.')
    const forged = [
      '',
      'x',
      `${header}.${payload}.`,
      `${header}.${payload}.${signature?.split('').reverse().join('')}`,
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`,
      'a'.repeat(100_000),
    ]
    for (const text of forged) {
      expect(await signInWithToken(node, text, home)).toEqual({ ok: false, reason: 'invalidToken' })
    }
  })

  it('end by log-out, on every node, and stay ended', async () => {
    await using other = await startNode(shared.database, { time: node.time })
    const { sessionId, token } = await signIn()
    const kept = await signIn()
    for (const session of [token, kept.token]) await signInWithToken(other, session, home)
    const heard: string[] = []
    other.sessions.onEnded((id, reason) => heard.push(`${id} ${reason}`))
    await endSession(node, { sessionId, reason: 'logout', actorId: userId })
    await endSession(node, { sessionId, reason: 'logout', actorId: userId })
    expect(node.sessions.isEnded(sessionId)).toBe(true)
    await vi.waitFor(() => expect(heard).toEqual([`${sessionId} logout`]))
    expect(other.sessions.isEnded(sessionId)).toBe(true)
    expect(other.sessions.isEnded(kept.sessionId)).toBe(false)
    await using restarted = await startNode(shared.database, { time: node.time })
    for (const on of [node, other, restarted]) expect(await signInWithToken(on, token, home)).toEqual(ended)
    const logged = await node.db
      .selectFrom('change')
      .select(['actorId', 'entity', 'noted', 'after'])
      .where('entityId', '=', sessionId)
      .where('action', '=', 'session.ended')
      .execute()
    expect(logged).toEqual([{ actorId: userId, entity: 'session', noted: true, after: { userId, reason: 'logout' } }])
  })

  it('all end when the password is set, and all others when it is changed', async () => {
    const [one, two] = [await signIn(), await signIn()]
    const change = { userId, sessionId: one.sessionId, clientAddress: home, newPassword: 'another password' }
    await changeOwnPassword(node, { ...change, oldPassword: password })
    expect(await signInWithToken(node, two.token, home)).toEqual(ended)
    expect(await signInWithToken(node, one.token, home)).toMatchObject({ ok: true })
    expect([one, two].map(({ sessionId }) => node.sessions.isEnded(sessionId))).toEqual([false, true])
    await setPassword(node, service, userId, 'a third password')
    expect(node.sessions.isEnded(one.sessionId)).toBe(true)
    for (const old of [password, 'another password']) {
      const result = await signInWithPassword(node, { login, password: old, clientAddress: home })
      expect(result).toEqual({ ok: false, reason: 'wrongCredentials' })
    }
  })

  it('end when the account is disabled, and do not come back', async () => {
    const { sessionId, token } = await signIn()
    await disableUser(node, service, userId)
    expect(node.sessions.isEnded(sessionId)).toBe(true)
    await enableUser(node, service, userId)
    expect(await signInWithToken(node, token, home)).toEqual(ended)
    await signIn()
  })

  it('end when the account is deleted', async () => {
    const { sessionId, token } = await signIn()
    await deleteUser(node, service, userId)
    expect(node.sessions.isEnded(sessionId)).toBe(true)
    expect(await signInWithToken(node, token, home)).toEqual(ended)
  })

  it('expire, and their rows go in batches', async () => {
    await using short = await startNode(shared.database, { time: node.time, settings: { sessionDays: 2 } })
    const sessions = [await signIn(short), await signIn(short), await signIn(short)]
    const long = await signIn()
    const [first] = sessions
    if (first === undefined) throw new Error('no session')
    expect(first.expiresAt.getTime()).toBe(node.clock().getTime() + 2 * DAY_MS)
    node.time.advance(2 * DAY_MS - 1000)
    expect(await signInWithToken(short, first.token, home)).toMatchObject({ ok: true })
    node.time.advance(1000)
    expect(short.sessions.isEnded(first.sessionId)).toBe(true)
    expect((await signInWithToken(short, first.token, home)).ok).toBe(false)
    const before = await countSessions()
    node.time.advance(1)
    expect(await deleteExpired(node, { batch: 2 })).toBeGreaterThanOrEqual(3)
    expect(before - (await countSessions())).toBe(3)
    expect(await signInWithToken(node, long.token, home)).toMatchObject({ ok: true })
  })

  it('end when the table says so, even before the token does', async () => {
    const { sessionId, token } = await signIn()
    const now = node.clock()
    await node.db.updateTable('session').set({ expiresAt: now }).where('id', '=', sessionId).execute()
    expect(await signInWithToken(node, token, home)).toEqual(ended)
  })

  it('remember where their holder is now as a place he is known at', async () => {
    const { token } = await signIn()
    expect(await signInWithToken(node, token, '2001:db8:5:5::1')).toMatchObject({ ok: true })
    for (let count = 0; count < 10; count += 1) {
      await signInWithPassword(node, { login, password: `wrong ${count}`, clientAddress: `198.51.100.${count}` })
    }
    const from = async (clientAddress: string) =>
      (await signInWithPassword(node, { login, password, clientAddress })).ok
    expect(await from('203.0.113.1')).toBe(false)
    expect(await from('2001:db8:5:5::2')).toBe(true)
  })

  it('leave the log alone when they open and when they are taken up again: a log-in waits for no write', async () => {
    const before = node.store.revision
    const { token } = await signIn()
    await signInWithToken(node, token, home)
    expect(node.store.revision).toBe(before)
  })

  async function countSessions(): Promise<number> {
    const row = await node.db
      .selectFrom('session')
      .select((is) => is.fn.countAll<number>().as('count'))
      .executeTakeFirst()
    return Number(row?.count)
  }
})
