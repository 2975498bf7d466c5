import { afterEach, beforeEach, expect, it } from 'vitest'
import { getUserInformation } from '../../../src/accounts/profile-service.ts'
import {
  createInvitation,
  ensureFirstAdministrator,
  type Registration,
  registerUser,
} from '../../../src/accounts/registration-service.ts'
import { signInWithPassword } from '../../../src/accounts/session-service.ts'
import type { OpenDatabase } from '../../../src/db/database.ts'
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

const DAY_MS = 86_400_000

eachEngine('registration', (engine) => {
  const shared = sharedNode(engine)
  let node: AccountsNode
  let email: string
  let counter = 0
  beforeEach(() => {
    node = shared.node
    email = `${newLogin()}@example.org`
    counter += 1
  })

  const as = (registration: 'closed' | 'invitation' | 'open') => ({
    ...node,
    settings: {
      sessionDays: 365,
      impersonationMinutes: 30,
      defaultEdgeGroup: false,
      registration,
      registrationRole: 'owner' as const,
    },
  })
  const stranger = (more: Partial<Registration> = {}): Registration => ({
    email,
    password,
    firstname: 'Ada',
    lastname: 'Lovelace',
    phone: '1',
    address: { street: 'Main Street 1', zip: '1', city: 'Deggendorf', country: 'de' },
    clientAddress: `198.51.100.${counter}`,
    ...more,
  })

  it('is closed unless configured otherwise, also to invitations', async () => {
    const { token } = await createInvitation(node, service, { globalRole: 'owner' })
    const compared = node.store.revision
    for (const invitation of [undefined, token]) {
      await expect(registerUser(as('closed'), stranger({ invitation }))).rejects.toThrow('Registration is closed')
    }
    expect(node.store.revision).toBe(compared)
  })

  it('takes no role from the client', async () => {
    const wish = { ...stranger(), role: 'admin', globalRole: 'admin' }
    const user = await registerUser(as('open'), wish)
    expect(user).toMatchObject({ login: email, email, name: 'Ada Lovelace', globalRole: 'owner' })
    expect([...node.store.index.rows('grant')].filter(({ principalId }) => principalId === user.id)).toEqual([])
    expect(await getUserInformation(node, user.id)).toMatchObject({ firstname: 'Ada', address: { city: 'Deggendorf' } })
    expect(await signInWithPassword(node, { login: email, password, clientAddress: home })).toMatchObject({ ok: true })
  })

  it('gives one login to one person, however many ask at once', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 6 }, (_, count) =>
        registerUser(as('open'), stranger({ clientAddress: `203.0.113.${count}` })),
      ),
    )
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const result of results) if (result.status === 'rejected') expect(String(result.reason)).toContain('is taken')
  })

  it('is limited per address', async () => {
    for (let count = 0; count < 10; count += 1) await registerUser(as('open'), stranger({ email: `${count}${email}` }))
    await expect(registerUser(as('open'), stranger())).rejects.toThrow('Too Many Requests')
  })

  it('by invitation works once, in time, with the role that was decided', async () => {
    const invitations = as('invitation')
    await expect(registerUser(invitations, stranger())).rejects.toThrow('needs an invitation')
    await expect(registerUser(invitations, stranger({ invitation: 'guess' }))).rejects.toThrow('not valid')
    await expect(registerUser(invitations, stranger({ invitation: 'x'.repeat(1000) }))).rejects.toThrow('not valid')
    const { token } = await createInvitation(node, service, { globalRole: 'installer', validDays: 2 })
    const uses = await Promise.allSettled(
      Array.from({ length: 4 }, (_, count) =>
        registerUser(
          invitations,
          stranger({ invitation: token, email: `${count}${email}`, clientAddress: `203.0.113.${count}` }),
        ),
      ),
    )
    const users = uses.filter((use) => use.status === 'fulfilled').map(({ value }) => value)
    expect(users).toMatchObject([{ globalRole: 'installer' }])
    const late = await createInvitation(node, service, { globalRole: 'owner', validDays: 2 })
    node.time.advance(2 * DAY_MS)
    await expect(registerUser(invitations, stranger({ invitation: late.token }))).rejects.toThrow('not valid')
    const stored = JSON.stringify(await node.db.selectFrom('invitation').selectAll().execute())
    for (const text of [stored, await logText(node)]) expect(text).not.toContain(token)
  })

  it('by an invitation for one address is for nobody else, and a failure does not use it up', async () => {
    const { token } = await createInvitation(node, service, { globalRole: 'owner', email: email.toUpperCase() })
    const invitations = as('invitation')
    await expect(registerUser(invitations, stranger({ invitation: token, email: `x${email}` }))).rejects.toThrow(
      'not valid',
    )
    await addAccount(node, email)
    await expect(registerUser(invitations, stranger({ invitation: token }))).rejects.toThrow('is taken')
    const row = await node.db
      .selectFrom('invitation')
      .select('usedAt')
      .orderBy('id', 'desc')
      .limit(1)
      .executeTakeFirst()
    expect(row).toEqual({ usedAt: null })
  })
})

eachEngine('the first administrator', (engine) => {
  let database: OpenDatabase
  beforeEach(async () => {
    database = await engine.open()
  })
  afterEach(() => database[Symbol.asyncDispose]())

  const signIn = async (node: AccountsNode, given: string) =>
    await signInWithPassword(node, { login: 'admin', password: given, clientAddress: home })

  it('may do everything and gets a random password, shown once', async () => {
    await using node = await startNode(database)
    const { created, generatedPassword = '' } = await ensureFirstAdministrator(node)
    expect(created).toBe(true)
    expect(generatedPassword).toMatch(/^(\w{4}-){3}\w{4}$/)
    expect(await ensureFirstAdministrator(node)).toEqual({ created: false })
    const result = await signIn(node, generatedPassword)
    if (!result.ok) throw new Error(result.reason)
    expect(result.user).toMatchObject({ login: 'admin', globalRole: 'admin' })
    for (const permission of ['manageUser', 'createSub', 'share', 'auditRead'] as const) {
      expect(node.store.index.allows(result.user.id, permission, 1, node.clock().getTime())).toBe(true)
    }
    expect(await logText(node)).not.toContain(generatedPassword)
  })

  it('gets the configured password, even a short one, and is made once by several nodes', async () => {
    await using one = await startNode(database)
    await using two = await startNode(database)
    const results = await Promise.all([one, two].map((node) => ensureFirstAdministrator(node, { password: 'admin' })))
    expect(results).toContainEqual({ created: true })
    expect(results).toContainEqual({ created: false })
    expect(await signIn(two, 'admin')).toMatchObject({ ok: true })
  })

  it('is not made when there are accounts already', async () => {
    await using node = await startNode(database)
    await addAccount(node)
    expect(await ensureFirstAdministrator(node)).toEqual({ created: false })
  })
})
