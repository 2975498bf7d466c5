import { randomUUID } from 'node:crypto'
import { beforeEach, expect, it } from 'vitest'
import { AccessIndex } from '../../../src/access/access-index.ts'
import {
  getUserInformation,
  setUserInformation,
  updateUserLanguage,
  updateUserSettings,
} from '../../../src/accounts/profile-service.ts'
import { signInWithPassword } from '../../../src/accounts/session-service.ts'
import { deleteUser } from '../../../src/accounts/user-deletion.ts'
import {
  changeOwnPassword,
  createUser,
  disableUser,
  enableUser,
  setPassword,
} from '../../../src/accounts/user-service.ts'
import { loadSnapshot } from '../../../src/db/snapshot.ts'
import { AppError } from '../../../src/errors.ts'
import { eachEngine } from '../../harness/database.ts'
import {
  type AccountsNode,
  addAccount,
  home,
  logText,
  newLogin,
  password,
  service,
  sharedNode,
  startNode,
} from './accounts-node.ts'

const person = {
  firstname: 'Ada',
  lastname: 'Lovelace-Secret',
  phone: '+49 555 0123',
  email: 'ada.secret@example.org',
  address: { street: 'Secret Street 1', zip: '12345', city: 'Deggendorf', country: 'DE' },
}

eachEngine('accounts', (engine) => {
  const shared = sharedNode(engine)
  let node: AccountsNode
  beforeEach(() => {
    node = shared.node
  })

  const newest = async (entityId: number | string) =>
    await node.db
      .selectFrom('change')
      .select(['action', 'actorId', 'entity', 'noted', 'before', 'after'])
      .where('entityId', '=', String(entityId))
      .orderBy('revision', 'desc')
      .executeTakeFirst()

  it('are created in the index, in the log and without their hash in either', async () => {
    const login = newLogin()
    const email = `${login}@Example.org`
    const user = await createUser(node, service, {
      login: ` ${login.toUpperCase()} `,
      name: ' Ada L. ',
      email,
      globalRole: 'owner',
      password,
      language: 'cs',
    })
    const expected = {
      id: user.id,
      login,
      email,
      name: 'Ada L.',
      language: 'CZ',
      settings: {},
      globalRole: 'owner',
      shareable: false,
      disabledAt: null,
    }
    expect(user).toEqual(expected)
    expect(node.store.index.userByLogin(login)).toEqual(expected)
    expect(node.store.index.userByEmail(email.toLowerCase())).toEqual(expected)
    expect(await newest(user.id)).toMatchObject({
      action: 'user.created',
      entity: 'user',
      noted: false,
      before: null,
      after: expected,
    })
    expect(await logText(node)).not.toContain('$2b$')
  })

  it('have one login and one e-mail address each, however many ask at once and wherever', async () => {
    const login = newLogin()
    await using other = await startNode(shared.database, { time: node.time })
    const attempts = await Promise.allSettled(
      Array.from({ length: 8 }, (_, count) =>
        createUser(count % 2 === 0 ? node : other, service, {
          login,
          name: login,
          globalRole: 'owner',
          email: `${login}@example.org`,
        }),
      ),
    )
    const reasons = attempts.filter((attempt) => attempt.status === 'rejected').map(({ reason }) => reason)
    expect(reasons).toHaveLength(7)
    for (const reason of reasons) {
      expect(reason).toBeInstanceOf(AppError)
      expect(String(reason)).toContain('This login is taken')
    }
    const same = {
      login: newLogin(),
      name: 'x',
      globalRole: 'owner',
      email: `${login.toUpperCase()}@example.org`,
    } as const
    await expect(createUser(node, service, same)).rejects.toThrow('This e-mail address is taken')
  })

  it('are not created with a bad login, address or password, and nothing is left behind', async () => {
    const before = node.store.revision
    const base = { name: 'x', globalRole: 'guest' } as const
    await expect(createUser(node, service, { ...base, login: 'a b' })).rejects.toThrow('A login has')
    await expect(createUser(node, service, { ...base, login: newLogin(), email: 'nobody' })).rejects.toThrow('e-mail')
    await expect(createUser(node, service, { ...base, login: newLogin(), password: 'short' })).rejects.toThrow(
      'too short',
    )
    await expect(createUser(node, service, { ...base, login: newLogin(), password: 'ü'.repeat(37) })).rejects.toThrow(
      '72 bytes',
    )
    expect(node.store.revision).toBe(before)
  })

  it('change their password only with the old one, which may be guessed as rarely as at log-in', async () => {
    const user = await addAccount(node)
    const change = { userId: user.id, sessionId: randomUUID(), newPassword: 'another password', clientAddress: home }
    for (let count = 0; count < 10; count += 1) {
      await expect(changeOwnPassword(node, { ...change, oldPassword: `wrong ${count}` })).rejects.toThrow(
        'old password is wrong',
      )
    }
    const error = await changeOwnPassword(node, { ...change, oldPassword: password }).catch((thrown: unknown) => thrown)
    expect(error instanceof AppError && error.kind).toBe('tooManyRequests')
    node.time.advance(60_000)
    await changeOwnPassword(node, { ...change, oldPassword: password })
    expect(await newest(user.id)).toMatchObject({
      action: 'user.passwordChanged',
      actorId: user.id,
      noted: true,
      after: null,
    })
    const signIn = await signInWithPassword(node, {
      login: user.login,
      password: 'another password',
      clientAddress: home,
    })
    expect(signIn.ok).toBe(true)
  })

  it('keep a password that an administrator sets while the old one is being changed', async () => {
    const user = await addAccount(node)
    const passwords = {
      ...node.passwords,
      hash: async (text: string) => {
        await setPassword(node, service, user.id, 'set by an administrator')
        return await node.passwords.hash(text)
      },
    }
    const change = {
      userId: user.id,
      sessionId: randomUUID(),
      newPassword: 'set by a thief',
      oldPassword: password,
      clientAddress: home,
    }
    await expect(changeOwnPassword({ ...node, passwords }, change)).rejects.toThrow('old password is wrong')
    const by = async (text: string) =>
      (await signInWithPassword(node, { login: user.login, password: text, clientAddress: home })).ok
    expect([await by('set by a thief'), await by('set by an administrator')]).toEqual([false, true])
  })

  it('are disabled and enabled by others, once each', async () => {
    const user = await addAccount(node)
    await expect(disableUser(node, { actorId: user.id }, user.id)).rejects.toThrow('your own account')
    await disableUser(node, service, user.id)
    const disabledAt = node.clock().getTime()
    expect(node.store.index.user(user.id)).toEqual({ ...user, disabledAt })
    const revision = node.store.revision
    await disableUser(node, service, user.id)
    expect(node.store.revision).toBe(revision)
    await enableUser(node, service, user.id)
    expect(node.store.index.user(user.id)).toEqual(user)
    await expect(disableUser(node, service, 999_999)).rejects.toThrow('no such user')
  })

  it('have a profile whose values never enter the log', async () => {
    const user = await addAccount(node)
    const empty = { street: '', zip: '', city: '', country: '' }
    const nobody = { firstname: '', lastname: '', phone: '', email: '', address: empty, company: { name: '' } }
    expect(await getUserInformation(node, user.id)).toEqual(nobody)
    const { lastname: _, email: __, ...rest } = person
    await setUserInformation(node, user.id, { ...rest, firstname: '' })
    expect(await getUserInformation(node, user.id)).toEqual({
      ...nobody,
      ...rest,
      firstname: '',
      address: { ...rest.address, country: 'de' },
    })
    expect(await newest(user.id)).toMatchObject({
      action: 'user.profileChanged',
      noted: true,
      before: null,
      after: { fields: ['phone', 'street', 'zip', 'city', 'country'] },
    })
    const log = await logText(node)
    for (const value of [person.phone, person.address.street, person.address.city]) expect(log).not.toContain(value)
    const revision = node.store.revision
    await setUserInformation(node, user.id, { ...rest, firstname: ' ' })
    expect(node.store.revision).toBe(revision)
  })

  it('take a new name and e-mail address from the profile', async () => {
    const [user, other] = [await addAccount(node), await addAccount(node)]
    const email = `${user.login}@example.org`
    await setUserInformation(node, user.id, { ...person, email })
    expect(node.store.index.user(user.id)).toMatchObject({ name: 'Ada Lovelace-Secret', email })
    await expect(setUserInformation(node, other.id, { phone: '1', email })).rejects.toThrow(
      'This e-mail address is taken',
    )
    expect((await getUserInformation(node, other.id)).phone).toBe('')
    await setUserInformation(node, user.id, { email: '' })
    expect(node.store.index.user(user.id)).toMatchObject({ name: 'Ada Lovelace-Secret', email: null })
    expect((await getUserInformation(node, user.id)).firstname).toBe('Ada')
  })

  it('have a language and settings, merged even when two change them at once', async () => {
    const user = await addAccount(node)
    await updateUserLanguage(node, user.id, 'ja')
    await Promise.all([
      updateUserSettings(node, user.id, { theme: 'dark' }),
      updateUserSettings(node, user.id, { useNewUI: true }),
      updateUserSettings(node, user.id, { annualReview: ['2025'] }),
    ])
    const settings = { theme: 'dark', useNewUI: true, annualReview: ['2025'] }
    expect(node.store.index.user(user.id)).toEqual({ ...user, language: 'JA', settings })
    await expect(updateUserSettings(node, user.id, JSON.parse('{"__proto__":{"admin":true}}'))).rejects.toThrow(
      '__proto__',
    )
    await expect(updateUserSettings(node, user.id, { big: 'x'.repeat(20_000) })).rejects.toThrow('too large')
    const revision = node.store.revision
    await updateUserSettings(node, user.id, { theme: 'dark' })
    expect(node.store.revision).toBe(revision)
  })

  it('go with everything that hangs on them, and the index agrees with the database', async () => {
    const [user, other] = [await addAccount(node), await addAccount(node)]
    await setUserInformation(node, user.id, { phone: '1' })
    await addBelongings(user.id, other.id)
    await expect(deleteUser(node, { actorId: user.id }, user.id)).rejects.toThrow('your own account')
    await deleteUser(node, { actorId: other.id }, user.id)
    expect(node.store.index.user(user.id)).toBeUndefined()
    expect(await newest(user.id)).toMatchObject({
      action: 'user.deleted',
      actorId: other.id,
      before: user,
      after: null,
    })
    const { snapshot } = await loadSnapshot(node.db)
    const fresh = AccessIndex.fromSnapshot(snapshot)
    for (const entity of ['user', 'grant', 'membership', 'restriction', 'claim', 'userGroup', 'edgeGroup'] as const) {
      expect([...node.store.index.rows(entity)]).toEqual([...fresh.rows(entity)])
    }
    expect([...fresh.rows('grant')].map(({ principalId, grantedBy }) => [principalId, grantedBy])).toContainEqual([
      other.id,
      user.id,
    ])
    expect([...fresh.rows('userGroup')].map(({ ownerId }) => ownerId)).toEqual([null])
    const again = await addAccount(node, user.login)
    expect(again.id).not.toBe(user.id)
  })

  async function addBelongings(userId: number, otherId: number): Promise<void> {
    await node.write(service, async (w) => {
      const { id: groupId } = await w.tx
        .insertInto('principal')
        .values({ kind: 'group' })
        .returning('id')
        .executeTakeFirstOrThrow()
      const group = { id: groupId, name: 'group', description: '', purpose: '', organisationId: null, ownerId: userId }
      await w.tx.insertInto('userGroup').values(group).execute()
      w.inserted('userGroup.created', 'userGroup', group)
      const { id: edgeGroupId } = await w.tx
        .insertInto('resource')
        .values({ kind: 'edgeGroup' })
        .returning('id')
        .executeTakeFirstOrThrow()
      const edgeGroup = { ...group, id: edgeGroupId }
      await w.tx.insertInto('edgeGroup').values(edgeGroup).execute()
      w.inserted('edgeGroup.created', 'edgeGroup', edgeGroup)
      for (const principalId of [userId, otherId]) {
        const values = { principalId, resourceId: edgeGroupId, roleId: 3, grantedBy: userId }
        const grant = await w.tx.insertInto('accessGrant').values(values).returningAll().executeTakeFirstOrThrow()
        w.inserted('grant.created', 'grant', grant)
        const member = { groupId, memberId: principalId, addedBy: userId }
        const membership = await w.tx.insertInto('membership').values(member).returningAll().executeTakeFirstOrThrow()
        w.inserted('membership.created', 'membership', membership)
      }
      const { id: edgeId } = await w.tx
        .insertInto('resource')
        .values({ kind: 'edge' })
        .returning('id')
        .executeTakeFirstOrThrow()
      const edge = await w.tx
        .insertInto('edge')
        .values({ id: edgeId, edgeId: `edge${edgeId}`, createdAt: w.now })
        .returningAll()
        .executeTakeFirstOrThrow()
      w.inserted('edge.created', 'edge', edge)
      const restriction = await w.tx
        .insertInto('restriction')
        .values({ userId, edgeId, windows: '[]' })
        .returningAll()
        .executeTakeFirstOrThrow()
      w.inserted('restriction.created', 'restriction', restriction)
      const claim = await w.tx
        .insertInto('claim')
        .values({ userId, key: 'k', value: 'v' })
        .returningAll()
        .executeTakeFirstOrThrow()
      w.inserted('claim.created', 'claim', claim)
    })
  }
})
