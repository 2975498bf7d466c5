import { beforeEach, expect, it } from 'vitest'
import { type SignIn, signInWithPassword } from '../../../src/accounts/session-service.ts'
import { eachEngine } from '../../harness/database.ts'
import { type AccountsNode, addAccount, home, newLogin, password, sharedNode, startNode } from './accounts-node.ts'

const refused = { ok: false, reason: 'wrongCredentials' }
const throttled = { ok: false, reason: 'throttled' }

eachEngine('throttling of log-ins', (engine) => {
  const shared = sharedNode(engine)
  let node: AccountsNode
  let ada: string
  let guesses = 0
  beforeEach(async () => {
    node = shared.node
    ada = newLogin()
    await addAccount(node, ada, { email: `${ada}@example.org` })
  })

  const attempt = (given: string, from = home, login = ada, on = node): Promise<SignIn> =>
    signInWithPassword(on, { login, password: given, clientAddress: from })
  const guess = (from?: string, login?: string, on?: AccountsNode) => {
    guesses += 1
    return attempt(`wrong ${guesses}`, from, login, on)
  }
  const fillAccount = async () => {
    for (let count = 0; count < 10; count += 1) expect(await guess(`198.51.100.${count}`)).toEqual(refused)
  }

  it('stops after ten failures, before the password is looked at, and lets one more in every 30 s', async () => {
    for (let count = 0; count < 10; count += 1) expect(await guess()).toEqual(refused)
    const compared = node.passwords.compareCount
    expect(await guess()).toEqual(throttled)
    expect(await attempt(password)).toEqual(throttled)
    expect(node.passwords.compareCount).toBe(compared)
    node.time.advance(30_000)
    expect(await guess()).toEqual(refused)
    expect(await guess()).toEqual(throttled)
    node.time.advance(30_000)
    expect(await attempt(password)).toMatchObject({ ok: true })
  })

  it('is not renewed by attempts that were stopped', async () => {
    for (let count = 0; count < 10; count += 1) await guess()
    for (let count = 0; count < 50; count += 1) expect(await guess()).toEqual(throttled)
    node.time.advance(30_000)
    expect(await attempt(password)).toMatchObject({ ok: true })
  })

  it('knows an account by login and by e-mail address, and an unknown name as well', async () => {
    for (let count = 0; count < 5; count += 1) await guess(`198.51.100.${count}`, ada)
    for (let count = 5; count < 10; count += 1) await guess(`198.51.100.${count}`, `${ada.toUpperCase()}@example.org`)
    expect(await guess('198.51.100.10', ada)).toEqual(throttled)
    for (let count = 0; count < 10; count += 1) expect(await guess(`203.0.113.${count}`, 'nobody')).toEqual(refused)
    expect(await guess('203.0.113.10', 'nobody')).toEqual(throttled)
  })

  it('survives a restart and is one for all nodes', async () => {
    await fillAccount()
    await using restarted = await startNode(shared.database, { time: node.time })
    expect(await guess('198.51.100.77', ada, restarted)).toEqual(throttled)
  })

  it('cannot be used to lock somebody out of where he has signed in before', async () => {
    expect(await attempt(password, '2001:db8:1:2::1')).toMatchObject({ ok: true })
    await fillAccount()
    expect(await attempt(password, home)).toEqual(throttled)
    expect(await attempt(password, '2001:db8:1:2:ffff::9')).toMatchObject({ ok: true })
    for (let count = 0; count < 10; count += 1) expect(await guess('2001:db8:1:2::1')).toEqual(refused)
    expect(await attempt(password, '2001:db8:1:2::1')).toEqual(throttled)
  })

  it('stops an address that tries many accounts, later than one account', async () => {
    for (let count = 0; count < 100; count += 1) {
      expect(await guess(`2001:db8:9:9::${count.toString(16)}`, `stranger${count}`)).toEqual(refused)
    }
    expect(await attempt(password, '2001:db8:9:9:1::1')).toEqual(throttled)
    expect(await attempt(password, '2001:db8:9:a::1')).toMatchObject({ ok: true })
  })

  it("counts the UI's own second try once, and only that", async () => {
    const level = async () => {
      const rows = await node.db.selectFrom('signInThrottle').select(['key', 'failures']).execute()
      return Math.max(...rows.map(({ failures }) => failures))
    }
    await attempt('typo')
    await attempt('typo')
    expect(await level()).toBeCloseTo(1)
    await attempt('typo')
    expect(await level()).toBeCloseTo(2)
    node.time.advance(6_000)
    await attempt('typo')
    expect(await level()).toBeCloseTo(2.8)
    await attempt('typo', '192.0.2.99')
    expect(await level()).toBeCloseTo(3.8)
  })

  it('lets no more in at once than one after the other', async () => {
    const results = await Promise.all(Array.from({ length: 40 }, () => guess()))
    expect(results.filter((result) => !result.ok && result.reason === 'wrongCredentials')).toHaveLength(10)
    expect(results.filter((result) => !result.ok && result.reason === 'throttled')).toHaveLength(30)
  })

  it('counts right attempts for nothing', async () => {
    for (let count = 0; count < 30; count += 1) expect(await attempt(password)).toMatchObject({ ok: true })
    expect(await node.db.selectFrom('signInThrottle').selectAll().execute()).toEqual([])
  })

  it('stores neither names nor addresses', async () => {
    await guess()
    const rows = JSON.stringify(await node.db.selectFrom('signInThrottle').selectAll().execute())
    for (const secret of [ada, home]) expect(rows).not.toContain(secret)
  })

  it('forgets buckets that are empty', async () => {
    for (let count = 0; count < 5; count += 1) await guess(`198.51.100.${count}`)
    node.time.advance(299_000)
    expect(await node.throttle.deleteEmptied(100)).toBe(0)
    node.time.advance(2_000)
    expect(await node.throttle.deleteEmptied(4)).toBe(4)
    expect(await node.throttle.deleteEmptied(100)).toBe(7)
    expect(await node.throttle.deleteEmptied(100)).toBe(0)
  })

  it('limits other things per address too', async () => {
    for (let count = 0; count < 10; count += 1) expect(await node.throttle.take('registration', home)).toBe(true)
    expect(await node.throttle.take('registration', home)).toBe(false)
    expect(await node.throttle.take('registration', '192.0.2.2')).toBe(true)
    expect(await attempt(password)).toMatchObject({ ok: true })
    node.time.advance(30_000)
    expect(await node.throttle.take('registration', home)).toBe(true)
  })
})
