import { sql } from 'kysely'
import { beforeEach, expect, it, vi } from 'vitest'
import { endSessionsOf, signInWithPassword, signInWithToken } from '../../../src/accounts/session-service.ts'
import { Throttle } from '../../../src/accounts/throttle.ts'
import { findCredentialsById, updatePasswordHash } from '../../../src/accounts/user-queries.ts'
import { disableUser, setPassword } from '../../../src/accounts/user-service.ts'
import { openDatabase } from '../../../src/db/database.ts'
import { AppError } from '../../../src/errors.ts'
import { createPasswordPool } from '../../../src/lib/password.ts'
import { eachEngine } from '../../harness/database.ts'
import { silentLog } from '../../harness/log.ts'
import { type AccountsNode, addAccount, home, newLogin, password, service, sharedNode } from './accounts-node.ts'

eachEngine('signing in', (engine) => {
  const shared = sharedNode(engine)
  let node: AccountsNode
  let ada: string
  beforeEach(() => {
    node = shared.node
    ada = newLogin()
  })

  const signIn = (login: string, given = password, clientAddress = home) =>
    signInWithPassword(node, { login, password: given, clientAddress })

  it('takes login or e-mail address, in any case and with spaces around', async () => {
    const user = await addAccount(node, ada, { email: `X${ada}@Example.org` })
    for (const login of [ada, ` ${ada.toUpperCase()} `, `x${ada}@example.org`, ` x${ada}@EXAMPLE.org `]) {
      const result = await signIn(login, ` ${password} `)
      expect(result).toMatchObject({ ok: true, user })
      if (result.ok) expect(node.sessions.isEnded(result.sessionId)).toBe(false)
    }
  })

  it('computes as much for an unknown name or one without password as for a wrong password', async () => {
    await addAccount(node, ada)
    await addAccount(node, 'nopassword', { password: undefined })
    const attempts = [
      [ada, 'wrong'],
      ['nobody', password],
      ['nopassword', password],
      ['', password],
      ['a\u0000b', password],
      ['x'.repeat(5000), password],
      [ada, 'x'.repeat(73)],
      [ada, 'x\u0000'],
    ] as const
    for (const [login, given] of attempts) {
      const before = node.passwords.compareCount
      expect(await signIn(login, given)).toEqual({ ok: false, reason: 'wrongCredentials' })
      expect(node.passwords.compareCount - before).toBe(1)
    }
  })

  it('refuses a disabled account, also with a token from before', async () => {
    const { id } = await addAccount(node, ada)
    const before = await signIn(ada)
    await disableUser(node, service, id)
    expect(await signIn(ada)).toEqual({ ok: false, reason: 'disabled' })
    expect(await signIn(ada, 'wrong')).toEqual({ ok: false, reason: 'wrongCredentials' })
    if (!before.ok) throw new Error('was not signed in')
    expect(await signInWithToken(node, before.token, home)).toEqual({ ok: false, reason: 'sessionEnded' })
  })

  it('does not take one of two accounts for the other', async () => {
    const login = `${ada}@example.org`
    const user = await addAccount(node, ada, { email: login })
    await expect(addAccount(node, login)).rejects.toThrow('This login is taken')
    const other = await addAccount(node, `b${login}`)
    await expect(addAccount(node, newLogin(), { email: `B${login}` })).rejects.toThrow('This e-mail address is taken')
    expect(await signIn(login)).toMatchObject({ ok: true, user })
    expect(await signIn(other.login)).toMatchObject({ ok: true, user: other })
  })

  it('hashes anew with the cost of today at the next log-in', async () => {
    const { id } = await addAccount(node, ada)
    const passwords = createPasswordPool({ cost: 5 })
    const renewed = { ...node, passwords }
    const hash = async () => (await findCredentialsById(node.db, id))?.passwordHash ?? ''
    expect(passwords.needsRehash(await hash())).toBe(true)
    expect(await signInWithPassword(renewed, { login: ada, password, clientAddress: home })).toMatchObject({
      ok: true,
    })
    expect(passwords.needsRehash(await hash())).toBe(false)
    expect(await signIn(ada)).toMatchObject({ ok: true })
  })

  it('does not let a password in that is being replaced', async () => {
    const { id } = await addAccount(node, ada)
    const verified = Promise.withResolvers<void>()
    const goOn = Promise.withResolvers<void>()
    const passwords = {
      ...node.passwords,
      verify: async (given: string, hash: string | null) => {
        const right = await node.passwords.verify(given, hash)
        verified.resolve()
        await goOn.promise
        return right
      },
    }
    const signingIn = signInWithPassword({ ...node, passwords }, { login: ada, password, clientAddress: home })
    await verified.promise
    await setPassword(node, service, id, 'another password')
    goOn.resolve()
    expect(await signingIn).toEqual({ ok: false, reason: 'wrongCredentials' })
  })

  it.runIf(engine.name === 'postgres')('waits for a change of the password that is under way', async () => {
    const { id } = await addAccount(node, ada)
    const passwordHash = await node.passwords.hash('another password')
    const updated = Promise.withResolvers<void>()
    const signingIn = updated.promise.then(() => signIn(ada))
    await node.write(service, async (w) => {
      await updatePasswordHash(w.tx, id, passwordHash)
      updated.resolve()
      await vi.waitFor(async () => {
        const { rows } = await sql`select from pg_locks where not granted`.execute(w.tx)
        expect(rows).toHaveLength(1)
      })
      await endSessionsOf(w, id, 'passwordChanged')
    })
    expect(await signingIn).toEqual({ ok: false, reason: 'wrongCredentials' })
    expect(await node.db.selectFrom('session').select('id').where('userId', '=', id).execute()).toEqual([])
  })

  it('answers unavailable instead of a refusal while the database is away', async () => {
    await addAccount(node, ada)
    const signedIn = await signIn(ada)
    if (!signedIn.ok) throw new Error('was not signed in')
    await using away = await openDatabase({ url: 'postgres://nobody@127.0.0.1:1/nothing', log: silentLog })
    const { db } = away
    const cut = { ...node, db, throttle: new Throttle({ ...node, db }) }
    const cutLater = { ...node, throttle: cut.throttle }
    const attempts = [
      () => signInWithPassword(cut, { login: ada, password, clientAddress: home }),
      () => signInWithPassword(cutLater, { login: ada, password: 'wrong', clientAddress: home }),
      () => signInWithToken(cut, signedIn.token, home),
    ]
    for (const attempt of attempts) {
      const error = await attempt().catch((thrown: unknown) => thrown)
      expect(error instanceof AppError && error.kind).toBe('unavailable')
    }
  })
})
