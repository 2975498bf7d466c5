import { AsyncLocalStorage } from 'node:async_hooks'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createUser, disableUser } from '../../src/accounts/user-service.ts'
import { type Actor, becomeWriter } from '../../src/db/write.ts'
import { type ImportResult, textInput } from '../../src/import/import-service.ts'
import { importItems, userRecord } from '../harness/importing.ts'
import { addEdge, addUser, fresh, give, type SeededEdge } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'
import { expectWhole, snapshotOf } from '../harness/whole.ts'

/** Only PostgreSQL lets others write while an import prepares. */
describe('an import that others overtake', () => {
  let service: TestService
  let edges: SeededEdge[]

  beforeAll(async () => {
    service = await startTestService()
    edges = [await addEdge(service.ctx), await addEdge(service.ctx)]
  })
  afterAll(() => service?.[Symbol.asyncDispose]())

  const service0: Actor = { actorId: null }
  const index = () => service.ctx.store.index
  const address = () => `${fresh('person')}@example.com`
  const userOf = (login: string) => index().userByLogin(login) ?? expect.unreachable(`no ${login}`)
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

  it('is planned again with what they did', async () => {
    const login = (await addUser(service.ctx, { login: address() })).login
    const others: Promise<unknown>[] = []
    const result = await importing([`${login},${edges[0]?.id}`], (attempt) => {
      if (attempt === 1) others.push(give(service.ctx, userOf(login), 'guest', edges[1] ?? expect.unreachable()))
    })
    await Promise.all(others)
    expect(result).toMatchObject({ state: 'done', attempts: 2, counts: { gains: 1 } })
    expect(edgesOf(login).sort()).toEqual(edges.map(({ id }) => id).sort())
  })

  it('every time is planned at last while nobody else can write, and is whole', async () => {
    const before = await snapshotOf(service)
    const login = (await addUser(service.ctx, { login: address() })).login
    const others: Promise<unknown>[] = []
    const result = await importing([`${login},${edges[0]?.id}`], () => {
      others.push(give(service.ctx, userOf(login), 'guest', edges[1] ?? expect.unreachable()))
    })
    await Promise.all(others)
    expect(result).toMatchObject({ state: 'done', attempts: 4, counts: { gains: 1 } })
    expect(edgesOf(login)).toHaveLength(5)
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
})
