import { AsyncLocalStorage } from 'node:async_hooks'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { revokeAccess } from '../../src/access/grant-service.ts'
import { PLATFORM_RESOURCE_ID, type UserRow } from '../../src/access/model.ts'
import { revokeGrant } from '../../src/access/role-grant-service.ts'
import { getUserInformation, setUserInformation } from '../../src/accounts/profile-service.ts'
import { createServiceToken, setServiceDisabled } from '../../src/accounts/service-tokens.ts'
import { createUser, disableUser } from '../../src/accounts/user-service.ts'
import { type Actor, becomeWriter } from '../../src/db/write.ts'
import { addGroupMember, type Member } from '../../src/groups/membership-service.ts'
import { createUserGroup } from '../../src/groups/user-group-service.ts'
import type { ImportResult } from '../../src/import/import-service.ts'
import type { ImportItem } from '../../src/import/model.ts'
import { textInput } from '../../src/import/sources.ts'
import { createOrganisation } from '../../src/organisations/organisation-service.ts'
import { testClock } from '../harness/clock.ts'
import { countRests } from '../harness/counting.ts'
import { importItems, userRecord } from '../harness/importing.ts'
import { addEdge, addUser, fresh, give, type SeededEdge } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'
import { expectWhole, snapshotOf } from '../harness/whole.ts'

/** Only PostgreSQL lets others write while an import prepares. */
describe('an import that others overtake', () => {
  let service: TestService
  let edges: SeededEdge[]
  const clock = testClock()

  beforeAll(async () => {
    service = await startTestService({ clock: clock.now })
    edges = [await addEdge(service.ctx), await addEdge(service.ctx)]
  })
  afterAll(() => service?.[Symbol.asyncDispose]())

  const service0: Actor = { actorId: null }
  const index = () => service.ctx.store.index
  const address = () => `${fresh('person')}@example.com`
  const userOf = (login: string) => index().userByLogin(login) ?? expect.unreachable(`no ${login}`)
  const groupOf = async (member: Member) => {
    const group = await createUserGroup(service.ctx, service0, { name: fresh('group') })
    await addGroupMember(service.ctx, service0, { groupId: group.id, member, validFrom: null, validTo: null })
    return group
  }
  /** An hour from now. */
  const soon = () => new Date(clock.now().getTime() + 3_600_000)
  const edgesOf = (login: string) =>
    index()
      .grantsOf(userOf(login).id)
      .map(({ resourceId }) => index().edge(resourceId)?.edgeId)

  /** Imports a file; `meanwhile` is called each time so many rows are written, with how often that was so far. */
  async function importing(
    rows: readonly string[],
    meanwhile: (attempt: number) => unknown,
    { actor = service0, written = 1 }: { actor?: Actor; written?: number } = {},
  ): Promise<ImportResult & { attempts: number }> {
    const options = { name: 'test', scope: 'source', dryRun: false, skipInvalid: false } as const
    const input = textInput('people.csv', ['email,opUser.Sources', ...rows].join('\n'))
    const { imports } = service.ctx
    // Others are no part of the write that tells how far it is.
    const outside = AsyncLocalStorage.snapshot()
    let attempts = 0
    let isApplying = false
    const stop = imports.onProgress(({ progress: { phase, applied } }) => {
      const isThere = phase === 'applying' && applied >= written
      if (isThere && !isApplying) outside(() => meanwhile(++attempts))
      isApplying = isThere
    })
    const job = await imports.begin(actor, input, { ...options, organisationId: null })
    const result = await job.done
    stop()
    return { ...result, attempts }
  }

  it('is planned again with what they did, with the ids that were taken for it', async () => {
    const lastGrant = async () => {
      const last = sql<{ id: number }>`select last_value::integer as id from access_grant_id_seq`
      return (await last.execute(service.ctx.db)).rows[0]?.id ?? 0
    }
    const before = await lastGrant()
    const login = (await addUser(service.ctx, { login: address() })).login
    const others: Promise<unknown>[] = []
    const result = await importing([`${login},${edges[0]?.id}`], (attempt) => {
      if (attempt === 1) others.push(give(service.ctx, userOf(login), 'guest', edges[1] ?? expect.unreachable()))
    })
    await Promise.all(others)
    expect(result).toMatchObject({ state: 'done', attempts: 2, counts: { gains: 1 } })
    expect(edgesOf(login).sort()).toEqual(edges.map(({ id }) => id).sort())
    expect(await lastGrant()).toBe(before + 2)
  })

  it('every time is planned at last while nobody else can write, without sleeping, and is whole', async () => {
    const before = await snapshotOf(service)
    const login = (await addUser(service.ctx, { login: address() })).login
    const others: Promise<unknown>[] = []
    /** For how long it meant to rest each time, by attempt. */
    const rests: number[][] = [[]]
    using _ = countRests((restMs) => rests.at(-1)?.push(restMs))
    // So many that reading and planning them takes long enough to rest.
    const people = Array.from({ length: 500 }, () => `${address()},`)
    const result = await importing([`${login},${edges[0]?.id}`, ...people], () => {
      rests.push([])
      others.push(give(service.ctx, userOf(login), 'guest', edges[1] ?? expect.unreachable()))
    })
    await Promise.all(others)
    for (const whilePlanned of rests.slice(0, 3)) expect(whilePlanned).toContain(1)
    expect(new Set(rests[3])).toEqual(new Set([0]))
    expect(result).toMatchObject({ state: 'done', attempts: 4, counts: { gains: 1 } })
    expect(edgesOf(login)).toHaveLength(5)
    await expectWhole(service, before)
  })

  it('by an owner who goes, or is disabled, leaves another: it is planned again and refused (P-09)', async () => {
    const ends = [
      (first: UserRow) => disableUser(service.ctx, service0, first.id),
      (_: UserRow, grantId: number) => revokeGrant(service.ctx, service0, grantId),
    ]
    for (const end of ends) {
      for (const last of [{ accountRole: 'User' }, { disabled: true }] as const) {
        const [first, second] = [await addUser(service.ctx), await addUser(service.ctx)]
        const { id } = await createOrganisation(service.ctx, service0, fresh('Owned '), first.id)
        const grant = index().grantsOf(first.id)[0] ?? expect.unreachable()
        const manager = { ...userRecord(second.login, { accountRole: 'Manager' }), email: address() }
        expect((await importItems(service.ctx, [manager], { organisationId: id })).counts).toMatchObject({
          byKind: { grant: { created: 1 } },
        })
        const leaving = [{ ...manager, ...last }]
        const options = { organisationId: id }
        const overtaken = importItems(service.ctx, leaving, { ...options, beforeApply: () => end(first, grant.id) })
        await expect(overtaken).rejects.toThrow(expect.objectContaining({ name: 'Moved' }))
        const again = await importItems(service.ctx, leaving, options)
        expect([again.isRefused, again.report.problems[0]?.rule]).toEqual([true, 'P-09'])
        expect(index().ownerlessAfter({ usersRemoved: [second.id] }, clock.now().getTime())).toEqual([id])
      }
    }
  })

  it('by the same person who changes other personal data leaves him both', async () => {
    const before = await snapshotOf(service)
    const [login, other] = [address(), address()]
    await importItems(service.ctx, [userRecord(login, { firstname: 'Ada', lastname: 'Lovelace', phone: '1' })])
    await addUser(service.ctx, { login: other })
    const records = [
      userRecord(login, { firstname: 'Augusta' }),
      userRecord(other, { email: login.replace('@', '@2.'), phone: '2' }),
    ]
    const { counts } = await importItems(service.ctx, records, {
      beforeApply: async () => {
        await setUserInformation(service.ctx, userOf(login).id, { phone: '99', address: { city: 'London' } })
        await setUserInformation(service.ctx, userOf(other).id, { address: { city: 'Paris' } })
      },
    })
    expect(counts).toMatchObject({ byKind: { user: { changed: 2 } } })
    const told = async (of: string) => await getUserInformation(service.ctx, userOf(of).id)
    expect(await told(login)).toMatchObject({
      firstname: 'Augusta',
      lastname: 'Lovelace',
      phone: '99',
      address: { city: 'London' },
    })
    expect(await told(other)).toMatchObject({ phone: '2', address: { city: 'Paris' } })
    await expectWhole(service, before)
  })

  it('by somebody who takes the same login is planned again', async () => {
    const login = address()
    const overtaken = importItems(service.ctx, [userRecord(login)], {
      beforeApply: () => addUser(service.ctx, { login }),
    })
    await expect(overtaken).rejects.toThrow(expect.objectContaining({ name: 'Moved' }))
    expect(userOf(login).name).toBe(`Name of ${login}`)
  })

  it('by somebody who registers its edge, or takes its API key, is planned again (OC-07)', async () => {
    const name = fresh('edge')
    const apiKey = `key-that-both-want-${name}`
    const edge: ImportItem = {
      kind: 'edge',
      place: { file: 'f', row: 2 },
      edgeId: name,
      comment: 'of the file',
      apiKey,
    }
    const moved = expect.objectContaining({ name: 'Moved' })
    const taken = importItems(service.ctx, [edge], { beforeApply: () => addEdge(service.ctx, { edgeId: name }) })
    await expect(taken).rejects.toThrow(moved)
    expect(index().edgeByName(name)?.comment).toBe('')
    const used = importItems(service.ctx, [edge], { beforeApply: () => addEdge(service.ctx, { apiKey }) })
    await expect(used).rejects.toThrow(moved)
    const again = await importItems(service.ctx, [edge])
    expect(again.report.problems).toMatchObject([{ place: { row: 2 }, text: 'This API key is in use already' }])
    expect(index().edgeByName(name)?.comment).toBe('')
  })

  it('of people by somebody who registers an edge is as if it had come before the edge, which the next one finds', async () => {
    const before = await snapshotOf(service)
    const [mark, login] = [fresh('mark'), address()]
    const register = () => addEdge(service.ctx, { comment: `Meter ${mark}` })
    await register()
    const user = userRecord(login, {
      access: { mode: 'set', sites: { keys: [] }, edges: { query: `Name like ${mark}` } },
    })
    const overtaken = await importItems(service.ctx, [user], { beforeApply: register })
    expect(overtaken.counts).toMatchObject({ gains: 1 })
    expect(edgesOf(login)).toHaveLength(1)
    expect((await importItems(service.ctx, [user])).counts).toMatchObject({ gains: 1, losses: 0 })
    expect(edgesOf(login)).toHaveLength(2)
    await expectWhole(service, before)
  })

  it('keeps nobody waiting for a row it has written: he is told to try later', async () => {
    const login = address()
    const others: Promise<unknown>[] = []
    const rows = [login, ...Array.from({ length: 500 }, address)].map((one) => `${one},`)
    const takeLogin = () => createUser(service.ctx, service0, { login, name: 'Another', globalRole: 'guest' })
    const result = await importing(
      rows,
      () => others.push(expect(takeLogin()).rejects.toMatchObject({ kind: 'unavailable' })),
      { written: 200 },
    )
    await Promise.all(others)
    expect(result).toMatchObject({ state: 'done', attempts: 1 })
    await expect(takeLogin()).rejects.toThrow('taken')
  })

  it('and another that wait for each other is planned again when it is the one to give up', async () => {
    const { db } = service.ctx
    const login = address()
    const user = await addUser(service.ctx)
    const undone = new Error('undone')
    let result: Promise<Awaited<ReturnType<typeof importing>>> | undefined
    const other = db.transaction().execute(async (tx) => {
      await becomeWriter(tx)
      result = importing([`${login},`], () => undefined)
      await vi.waitFor(async () => {
        const { rows } = await sql`select from pg_locks where locktype = 'advisory' and not granted`.execute(db)
        expect(rows).toHaveLength(1)
      })
      await sql`update user_account set login = ${login} where id = ${user.id}`.execute(tx)
      throw undone
    })
    await expect(other).rejects.toBe(undone)
    expect(await result).toMatchObject({ state: 'done', attempts: 2 })
  })

  it('keeps no trial waiting for a row, nor those who write after it', async () => {
    const { db, trial } = service.ctx
    const user = await addUser(service.ctx)
    await db.transaction().execute(async (tx) => {
      await sql`update user_account set name = 'Another' where id = ${user.id}`.execute(tx)
      const tried = trial(
        ({ write }) => disableUser({ ...service.ctx, write }, service0, user.id),
        async () => 'done',
      )
      await expect(tried).rejects.toMatchObject({ kind: 'unavailable' })
    })
  })

  it('is refused when its importer may not import any more (G-14)', async () => {
    const boss = await addUser(service.ctx)
    await give(service.ctx, boss, 'admin', 'platform')
    const login = address()
    const others: Promise<unknown>[] = []
    const result = await importing([`${login},`], () => others.push(disableUser(service.ctx, service0, boss.id)), {
      actor: { actorId: boss.id },
    })
    await Promise.all(others)
    expect(result).toMatchObject({ state: 'failed', attempts: 1 })
    expect(index().userByLogin(login)).toBeUndefined()
  })

  it('is refused when what let its importer import is taken from his group, or he is a service and disabled (G-14)', async () => {
    const [root, boss] = [await addUser(service.ctx), await addUser(service.ctx)]
    await give(service.ctx, root, 'admin', 'platform')
    const group = await groupOf({ userGroupId: (await groupOf({ login: boss.login })).id })
    await give(service.ctx, group, 'admin', 'platform')
    const name = fresh('service')
    await createServiceToken(service.ctx, service0, { name, scopes: ['read'] })
    const machine = [...index().rows('service')].find((row) => row.name === name) ?? expect.unreachable()
    await give(service.ctx, machine, 'admin', 'platform')
    const ends = new Map<number, () => Promise<unknown>>([
      [boss.id, () => revokeAccess(service.ctx, root.id, { principalId: group.id, resourceId: PLATFORM_RESOURCE_ID })],
      [machine.id, () => setServiceDisabled(service.ctx, service0, machine.id, true)],
    ])
    for (const [actorId, end] of ends) {
      const login = address()
      const others: Promise<unknown>[] = []
      const result = await importing([`${login},`], () => others.push(end()), { actor: { actorId } })
      await Promise.all(others)
      expect(result).toMatchObject({ state: 'failed', attempts: 1 })
      expect(index().userByLogin(login)).toBeUndefined()
    }
  })

  it('is planned again when a group of its importer or of its people is given something', async () => {
    const boss = await addUser(service.ctx)
    await give(service.ctx, boss, 'admin', 'platform')
    const login = (await addUser(service.ctx, { login: address() })).login
    const inner = await groupOf({ login })
    const groups = [await groupOf({ login: boss.login }), inner, await groupOf({ userGroupId: inner.id })]
    for (const group of groups) {
      const others: Promise<unknown>[] = []
      const result = await importing(
        [`${login},${(await addEdge(service.ctx)).id}`],
        (attempt) => {
          if (attempt === 1) others.push(give(service.ctx, group, 'guest', edges[1] ?? expect.unreachable()))
        },
        { actor: { actorId: boss.id } },
      )
      await Promise.all(others)
      expect(result).toMatchObject({ state: 'done', attempts: 2 })
    }
  })

  it('is refused when its importer could import until a moment that has passed (G-14)', async () => {
    const boss = await addUser(service.ctx)
    await give(service.ctx, boss, 'admin', 'platform', { validTo: soon() })
    const login = address()
    const result = await importing([`${login},`], () => clock.advance(3_600_000), { actor: { actorId: boss.id } })
    expect(result).toMatchObject({ state: 'failed', attempts: 1 })
    expect(index().userByLogin(login)).toBeUndefined()
  })

  it('is planned again when something begins or ends meanwhile, and comes to an end though that goes on', async () => {
    const someone = await addUser(service.ctx)
    for (const hour of [0, 1, 2, 3])
      await give(service.ctx, someone, 'guest', edges[0] ?? expect.unreachable(), {
        validTo: new Date(soon().getTime() + hour * 3_600_000),
      })
    const once = await importing([`${address()},`], (attempt) => attempt === 1 && clock.advance(3_600_000))
    expect(once).toMatchObject({ state: 'done', attempts: 2 })
    const always = await importing([`${address()},`], () => clock.advance(3_600_000))
    expect(always).toMatchObject({ state: 'done', attempts: 4 })
  })
})
