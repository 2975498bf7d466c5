import { sql } from 'kysely'
import { describe, expect, it, vi } from 'vitest'
import { AccessStore, type LoggedChange } from '../../src/access/access-store.ts'
import { type OpenDatabase, openDatabase } from '../../src/db/database.ts'
import { cloneDatabase, eachEngine, execute } from '../harness/database.ts'
import { recordingLog, silentLog } from '../harness/log.ts'
import { TcpProxy } from '../harness/tcp-proxy.ts'
import { insertEdgeWithGrant, insertUser, startNode } from './graph-fixture.ts'

const actor = { actorId: null }
const unavailable = expect.objectContaining({ kind: 'unavailable' })
const soon = { timeout: 5_000, interval: 20 }

eachEngine('access store', (engine) => {
  it('starts with the graph as it is, over several pages, and answers from it', async () => {
    await using database = await engine.open()
    await sql`
      insert into resource (id, kind) select n, 'edge' from generate_series(100000, 120100) as n;
      insert into edge (id, edge_id, created_at) select n, 'edge' || n, '2026-01-01' from generate_series(100000, 120100) as n;
    `.execute(database.db)
    await using node = await startNode(database)
    expect(node.store.index.edgeCount).toBe(20_101)
    expect(node.store.index.edgeByName('edge120100')).toMatchObject({ id: 120_100, settings: {} })
    expect(node.store.revision).toBe(0)
    const grant = await node.write(actor, async (w) => {
      const user = await insertUser(w, 'anna')
      return insertEdgeWithGrant(w, 'house', user.id)
    })
    expect(node.store.index.edgeRole(grant.principalId, grant.resourceId, 0)).toBe('owner')
    node.store.assertFresh()
  })

  it('hands listeners each row once and in order, whatever another listener does', async () => {
    await using database = await engine.open()
    const { log, messages } = recordingLog()
    await using node = await startNode(database, { log })
    const heard: LoggedChange[] = []
    node.store.onChange(() => {
      throw new Error('bad listener')
    })
    const stop = node.store.onChange((changes) => void heard.push(...changes))
    await Promise.all(['a', 'b', 'c'].map((login) => node.write(actor, (w) => insertUser(w, login))))
    await node.write(actor, async (w) => w.noted('config.changed', 'setting', 'x'))
    stop()
    await node.write(actor, (w) => insertUser(w, 'd'))
    await node.store.reach(5)
    expect(heard.map(({ revision }) => revision)).toEqual([1, 2, 3, 4])
    expect(messages()).toContain('a listener of the log failed')
  })

  it('does not decide before it has started', async () => {
    await using database = await engine.open()
    await using store = new AccessStore({ database, log: silentLog })
    expect(() => store.assertFresh()).toThrow(unavailable)
  })

  it('gives up reaching a revision that does not come', async () => {
    await using database = await engine.open()
    await using node = await startNode(database, { reachTimeoutMs: 60 })
    await expect(node.store.reach(1)).rejects.toEqual(unavailable)
  })

  it('stops deciding when the log in the database is not the one it followed', async () => {
    await using database = await engine.open()
    const { log, messages } = recordingLog()
    await using node = await startNode(database, { log, pollIntervalMs: 20 })
    await node.write(actor, (w) => insertUser(w, 'anna'))
    await sql`alter table change disable trigger all; delete from change`.execute(database.db)
    await vi.waitFor(() => expect(() => node.store.assertFresh()).toThrow(unavailable), soon)
    await expect(node.write(actor, (w) => insertUser(w, 'berta'))).rejects.toEqual(unavailable)
    expect(messages().filter((message) => message === 'the log was replaced: restart')).toHaveLength(1)
  })
})

describe('several nodes on one PostgreSQL', () => {
  async function twoNodes(pollIntervalMs: number, url: (url: string) => string = (same) => same) {
    const stack = new AsyncDisposableStack()
    const clone = stack.use(await cloneDatabase())
    const first = stack.use(await openDatabase({ url: clone.url, log: silentLog }))
    const second = stack.use(await openDatabase({ url: url(clone.url), log: silentLog }))
    const writer = stack.use(await startNode(first, { pollIntervalMs }))
    const reader = stack.use(await startNode(second, { pollIntervalMs }))
    return { clone, writer, reader, [Symbol.asyncDispose]: () => stack.disposeAsync() }
  }

  it('see a change within a fraction of a second by notification', async () => {
    await using nodes = await twoNodes(3_600_000)
    await nodes.writer.write(actor, (w) => insertUser(w, 'anna'))
    const startedAt = performance.now()
    await vi.waitFor(() => expect(nodes.reader.store.index.userByLogin('anna')).toBeDefined(), soon)
    expect(performance.now() - startedAt).toBeLessThan(1000)
  })

  it('see it by the poll when no notification comes', async () => {
    await using nodes = await twoNodes(100)
    await execute(
      nodes.clone.url,
      `select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%' and datname = current_database()`,
    )
    await nodes.writer.write(actor, (w) => insertUser(w, 'anna'))
    await vi.waitFor(() => expect(nodes.reader.store.index.userByLogin('anna')).toBeDefined(), soon)
  })

  it('lose no change when the listening connection is cut while changes come, without a poll', async () => {
    await using nodes = await twoNodes(3_600_000)
    const heard: number[] = []
    nodes.reader.store.onChange((changes) => void heard.push(...changes.map(({ revision }) => revision)))
    for (let n = 1; n <= 20; n++) {
      if (n % 5 === 0) {
        await execute(
          nodes.clone.url,
          `select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%' and datname = current_database()`,
        )
      }
      await nodes.writer.write(actor, (w) => insertUser(w, `user-${n}`))
    }
    await vi.waitFor(() => expect(nodes.reader.store.revision).toBe(20), { timeout: 10_000, interval: 20 })
    expect(heard).toEqual(Array.from({ length: 20 }, (_, n) => n + 1))
  })

  it('write in turns with gapless revisions, each seeing what the others wrote', async () => {
    await using nodes = await twoNodes(1000)
    await Promise.all(
      Array.from({ length: 30 }, (_, n) =>
        (n % 2 === 0 ? nodes.writer : nodes.reader).write(actor, async (w) => {
          const users = [...w.index.rows('user')].length
          await insertUser(w, `user-${users}`)
        }),
      ),
    )
    await nodes.writer.store.reach(30)
    await nodes.reader.store.reach(30)
    for (const { store } of [nodes.writer, nodes.reader]) expect([...store.index.rows('user')]).toHaveLength(30)
  })
})

describe('an outage of the database', () => {
  const outage = async (): Promise<AsyncDisposable & { proxy: TcpProxy; url: string; database: OpenDatabase }> => {
    const stack = new AsyncDisposableStack()
    const clone = stack.use(await cloneDatabase())
    const proxy = stack.use(await TcpProxy.to(clone.url))
    const database = stack.use(await openDatabase({ url: proxy.through(clone.url), log: silentLog }))
    return { proxy, url: clone.url, database, [Symbol.asyncDispose]: () => stack.disposeAsync() }
  }

  it('is survived: decisions go on for a while, then stop, then everything heals and nothing is missed', async () => {
    await using world = await outage()
    await using direct = await openDatabase({ url: world.url, log: silentLog })
    await using other = await startNode(direct)
    const { log, messages } = recordingLog()
    await using node = await startNode(world.database, { log, pollIntervalMs: 50, staleAfterMs: 700 })
    await node.write(actor, (w) => insertUser(w, 'before'))

    await world.proxy.cut()
    await expect(node.write(actor, (w) => insertUser(w, 'during'))).rejects.toEqual(unavailable)
    expect(node.store.index.userByLogin('before')).toBeDefined()
    node.store.assertFresh()
    await other.write(actor, (w) => insertUser(w, 'elsewhere'))
    await vi.waitFor(() => expect(() => node.store.assertFresh()).toThrow(unavailable), soon)

    await world.proxy.restore()
    await vi.waitFor(() => node.store.assertFresh(), soon)
    expect(node.store.index.userByLogin('elsewhere')).toBeDefined()
    await node.write(actor, (w) => insertUser(w, 'after'))
    expect(node.store.revision).toBe(3)
    expect(messages().filter((message) => message === 'the log cannot be read')).toHaveLength(1)
    expect(messages().filter((message) => message === 'the log can be read again')).toHaveLength(1)
  })

  it('that only swallows packets makes decisions stop, too', async () => {
    await using world = await outage()
    await using node = await startNode(world.database, { pollIntervalMs: 50, staleAfterMs: 300 })
    node.store.assertFresh()
    world.proxy.freeze()
    await vi.waitFor(() => expect(() => node.store.assertFresh()).toThrow(unavailable), soon)
    await world.proxy.cut()
    await world.proxy.restore()
    await vi.waitFor(() => node.store.assertFresh(), soon)
  })

  it('at the start is reported', async () => {
    await using world = await outage()
    await world.proxy.cut()
    await expect(startNode(world.database)).rejects.toEqual(unavailable)
    await world.proxy.restore()
  })
})
