import { sql } from 'kysely'
import { describe, expect, it, vi } from 'vitest'
import { openDatabase } from '../../src/db/database.ts'
import { openPostgres } from '../../src/db/postgres.ts'
import { AppError } from '../../src/errors.ts'
import { cloneDatabase, eachEngine, execute, postgresDatabase } from '../harness/database.ts'
import { recordingLog, silentLog } from '../harness/log.ts'
import { TcpProxy } from '../harness/tcp-proxy.ts'

const connections = `
  select pid, query from pg_stat_activity
  where datname = current_database() and application_name = 'ems-metadata' and pid <> pg_backend_pid()`

eachEngine('engine', (engine) => {
  it('gives the same JavaScript values for every type', async () => {
    await using database = await engine.open()
    const { rows } = await sql<Record<string, unknown>>`
      select 9007199254740991::bigint as big_number, count(*) as rows_found, ${new Date(1234567890123)}::timestamptz as at,
        ${'{"snake_key":{"other_key":[1,"a",null]}}'}::jsonb as document, true as flag, null::text as nothing,
        1.5::double precision as fraction, '6f3c2f5e-0000-4000-8000-000000000000'::uuid as id`.execute(database.db)
    expect(rows).toEqual([
      {
        bigNumber: 9007199254740991,
        rowsFound: 1,
        at: new Date(1234567890123),
        document: { snake_key: { other_key: [1, 'a', null] } },
        flag: true,
        nothing: null,
        fraction: 1.5,
        id: '6f3c2f5e-0000-4000-8000-000000000000',
      },
    ])
  })

  it('runs several statements at once when there are no parameters', async () => {
    await using database = await engine.open()
    await sql`create table one (a int); insert into one values (1), (2); do $$ begin perform 1; end $$`.execute(
      database.db,
    )
    const { rows } = await sql`select sum(a) as sum from one`.execute(database.db)
    expect(rows).toEqual([{ sum: 3 }])
  })

  it('answers a ping, and says unavailable once it is closed', async () => {
    const database = await engine.open()
    await database.ping()
    await database[Symbol.asyncDispose]()
    await expect(database.ping()).rejects.toMatchObject({ kind: 'unavailable' })
  })

  it('hears what is sent on a channel after the transaction is committed', async () => {
    await using database = await engine.open()
    const heard: string[] = []
    await using _listener = await database.listen('some_channel', (payload) => void heard.push(payload))
    await database.db.transaction().execute(async (tx) => {
      await sql`select pg_notify('some_channel', ${'first'})`.execute(tx)
      await sql`select pg_notify('some_channel', ${'second'})`.execute(tx)
      expect(heard).toEqual([])
    })
    await vi.waitFor(() => expect(heard).toEqual(['first', 'second']))
  })

  it('queues callers beside a transaction and keeps their work apart', async () => {
    await using database = await engine.open()
    const outside: Promise<unknown>[] = []
    const failure = new Error('no')
    const transaction = database.db.transaction().execute(async (tx) => {
      await tx.insertInto('principal').values({ kind: 'user' }).execute()
      outside.push(database.db.insertInto('principal').values({ kind: 'service' }).execute())
      await new Promise((resolve) => setImmediate(resolve))
      throw failure
    })
    await expect(transaction).rejects.toBe(failure)
    await Promise.all(outside)
    const added = await database.db.selectFrom('principal').select('kind').where('id', '>=', 1000).execute()
    expect(added).toEqual([{ kind: 'service' }])
  })

  it('keeps values out of what an error shows', async () => {
    await using database = await engine.open()
    const { log, lines } = recordingLog()
    const query = sql`select ${'very secret value'}::text || no_such_column`.execute(database.db)
    await query.catch((error: unknown) => log.error({ err: error }, 'failed'))
    expect(lines).toHaveLength(1)
    expect(JSON.stringify(lines)).not.toContain('very secret value')
  })
})

describe('PostgreSQL', () => {
  it('prepares statements with parameters under a name of their own, once', async () => {
    await using clone = await cloneDatabase()
    await using database = await openDatabase({ url: clone.url, poolSize: 1, log: silentLog })
    for (const id of [1, 2, 3]) await database.db.selectFrom('role').select('name').where('id', '=', id).execute()
    await database.db.selectFrom('role').select('name').where('id', '<', 3).execute()
    const { rows } = await sql<{ name: string }>`select name, statement from pg_prepared_statements`.execute(
      database.db,
    )
    expect(rows).toHaveLength(2)
    expect(rows[0]?.name).toMatch(/^s0_[\w-]{24}$/)
  })

  it('prepares afresh when a migration changes what a statement returns', async () => {
    await using database = await postgresDatabase()
    const read = () => database.db.selectFrom('releaseFloor').selectAll().where('onlyRow', '=', true).execute()
    await read()
    await sql`alter table release_floor add column more text not null default 'x'`.execute(database.db)
    expect(await read()).toEqual([{ onlyRow: true, oldestRelease: '0.1.0', more: 'x' }])
    await sql`alter table release_floor add column still_more text`.execute(database.db)
    await database.db
      .transaction()
      .execute(async (tx) => {
        const query = tx.selectFrom('releaseFloor').selectAll().where('onlyRow', '=', true).execute()
        await expect(query).rejects.toThrow()
      })
      .catch(() => undefined)
    expect(await read()).toHaveLength(1)
  })

  it('survives the end of a connection in the middle of a transaction and of an idle one', async () => {
    await using clone = await cloneDatabase()
    const { log, messages } = recordingLog()
    await using database = await openDatabase({ url: clone.url, poolSize: 2, log })
    const transaction = database.db.transaction().execute(async (tx) => {
      await tx.insertInto('principal').values({ kind: 'user' }).execute()
      await execute(clone.url, `select pg_terminate_backend(pid) from (${connections}) as others`)
      await tx.insertInto('principal').values({ kind: 'user' }).execute()
    })
    await expect(transaction).rejects.toMatchObject({ kind: 'unavailable' })
    await database.ping()
    await execute(clone.url, `select pg_terminate_backend(pid) from (${connections}) as others`)
    await vi.waitFor(() => expect(messages()).toContain('idle database connection lost'))
    await database.ping()
    expect(await database.db.selectFrom('principal').select('id').where('id', '>=', 1000).execute()).toEqual([])
  })

  it('says unavailable when nobody listens and works again later', async () => {
    await using clone = await cloneDatabase()
    await using proxy = await TcpProxy.to(clone.url)
    await using database = await openDatabase({ url: proxy.through(clone.url), log: silentLog })
    await database.ping()
    await proxy.cut()
    await expect(database.ping()).rejects.toBeInstanceOf(AppError)
    await expect(database.ping()).rejects.toMatchObject({ kind: 'unavailable' })
    await proxy.restore()
    await database.ping()
  })

  it('gives up connections that stay silent, for the ones that answer', async () => {
    await using clone = await cloneDatabase()
    await using proxy = await TcpProxy.to(clone.url)
    await using database = openPostgres({ url: proxy.through(clone.url), poolSize: 2, silenceMs: 300, log: silentLog })
    await Promise.all([database.ping(), database.ping()])
    proxy.freeze()
    const pings = await Promise.allSettled([database.ping(), database.ping()])
    for (const ping of pings) expect(ping).toMatchObject({ status: 'rejected', reason: { kind: 'unavailable' } })
    await database.ping()
  })

  it('listens again after a lost connection and says so', async () => {
    await using clone = await cloneDatabase()
    await using database = await openDatabase({ url: clone.url, log: silentLog })
    const heard: string[] = []
    await using _listener = await database.listen(
      'news',
      (payload) => void heard.push(payload),
      (state) => void heard.push(state),
    )
    await execute(clone.url, `select pg_terminate_backend(pid) from (${connections}) as others`)
    await vi.waitFor(() => expect(heard).toEqual(['lost', 'again']))
    await execute(clone.url, `notify news, 'hello'`)
    await vi.waitFor(() => expect(heard).toEqual(['lost', 'again', 'hello']))
  })

  it('rejects a listener that cannot connect at first', async () => {
    await using clone = await cloneDatabase()
    await using proxy = await TcpProxy.to(clone.url)
    await using database = await openDatabase({ url: proxy.through(clone.url), log: silentLog })
    await proxy.cut()
    await expect(database.listen('news', () => undefined)).rejects.toMatchObject({ kind: 'unavailable' })
    await proxy.restore()
  })
})
