import fc from 'fast-check'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AccessIndex } from '../../src/access/access-index.ts'
import type { EntityName } from '../../src/access/model.ts'
import { graphChanges, readChanges, verifyChain } from '../../src/db/change-log.ts'
import type { OpenDatabase } from '../../src/db/database.ts'
import { graphTables } from '../../src/db/graph-rows.ts'
import { loadSnapshot } from '../../src/db/snapshot.ts'
import type { WriteFunction } from '../../src/db/write.ts'
import { testClock } from '../harness/clock.ts'
import { eachEngine } from '../harness/database.ts'
import { insertEdgeWithGrant, insertGroup, insertUser, type Node, startNode } from './graph-fixture.ts'

const actor = { actorId: 7 }

eachEngine('write', (engine) => {
  let database: OpenDatabase
  let node: Node
  let write: WriteFunction
  const clock = testClock()

  beforeAll(async () => {
    database = await engine.open()
    node = await startNode(database, { clock })
    write = node.write
  })
  afterAll(async () => {
    await node[Symbol.asyncDispose]()
    await database[Symbol.asyncDispose]()
  })

  const changesSince = (after: number) => readChanges(database.db, { after, limit: 1000 })

  it('logs what was written, and this node has it at once', async () => {
    const before = node.store.revision
    const user = await write({ actorId: 7, subjectId: 8 }, (w) => insertUser(w, 'anna'))
    expect(node.store.revision).toBe(before + 1)
    expect(node.store.index.userByLogin('anna')).toMatchObject({ id: user.id, disabledAt: null, settings: {} })
    expect(await changesSince(before)).toMatchObject([
      {
        revision: before + 1,
        at: clock.now().getTime(),
        actorId: 7,
        subjectId: 8,
        action: 'user.created',
        entity: 'user',
        entityId: String(user.id),
        noted: false,
        before: null,
        after: { login: 'anna' },
      },
    ])
  })

  it('never logs a secret or a column beside the graph', async () => {
    const before = node.store.revision
    await write(actor, (w) => insertUser(w, 'berta'))
    const [change] = await changesSince(before)
    expect(Object.keys(change?.after ?? {}).sort()).toEqual([
      'disabledAt',
      'email',
      'globalRole',
      'id',
      'language',
      'login',
      'name',
      'settings',
      'shareable',
    ])
    expect(JSON.stringify(change)).not.toContain('secret-hash')
  })

  it('writes nothing at all when the body throws, not even after a statement failed', async () => {
    const before = node.store.revision
    const failure = new Error('changed my mind')
    const attempt = write(actor, async (w) => {
      await insertUser(w, 'carla')
      throw failure
    })
    await expect(attempt).rejects.toBe(failure)
    await expect(write(actor, (w) => insertUser(w, 'anna'))).rejects.toMatchObject({
      kind: 'generic',
      message: 'This login is taken',
    })
    expect(node.store.revision).toBe(before)
    expect(await changesSince(before)).toEqual([])
    expect(await database.db.selectFrom('userAccount').select('id').where('login', '=', 'carla').execute()).toEqual([])
  })

  it('gives 50 writers at once gapless revisions in the order of their commits', async () => {
    const before = node.store.revision
    await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        write(actor, async (w) => {
          const user = await insertUser(w, `writer-${n}`)
          if (n % 5 === 0) throw new Error('not this one')
          await insertGroup(w, `group of ${n}`, user.id)
        }).catch((error: Error) => expect(error.message).toBe('not this one')),
      ),
    )
    const changes = await changesSince(before)
    expect(changes).toHaveLength(40 * 3)
    expect(changes.map(({ revision }) => revision)).toEqual(changes.map((_, i) => before + 1 + i))
    expect(await verifyChain(database.db)).toMatchObject({ ok: true, revision: before + 120 })
    expect(node.store.revision).toBe(before + 120)
  })

  it('shows the newest graph inside, so that of two equal writes the second can see the first', async () => {
    const create = () =>
      write(actor, async (w) => {
        const known = w.index.userByLogin('twice')
        return known === undefined ? (await insertUser(w, 'twice')).id : known.id
      })
    const ids = await Promise.all([create(), create(), create()])
    expect(new Set(ids).size).toBe(1)
  })

  it('notes things beside the graph without touching it', async () => {
    const before = node.store.revision
    const heard: unknown[] = []
    const stop = node.store.onChange((changes) => void heard.push(...changes))
    await write(actor, async (w) => {
      w.noted('session.ended', 'session', 'b1', { reason: 'sign-out' })
      w.noted('user.passwordChanged', 'user', '1000')
    })
    stop()
    expect(await changesSince(before)).toMatchObject([
      { noted: true, entity: 'session', entityId: 'b1', before: null, after: { reason: 'sign-out' } },
      { noted: true, entity: 'user', entityId: '1000', before: null, after: null },
    ])
    expect(heard).toMatchObject([{ action: 'session.ended', actorId: 7 }, { action: 'user.passwordChanged' }])
    expect(node.store.revision).toBe(before + 2)
  })

  it('refuses every other connection inside, instead of waiting for ever', async () => {
    const message = 'Inside write() use write.tx only'
    const read = write(actor, () => database.db.selectFrom('role').select('id').execute())
    await expect(read).rejects.toThrow(message)
    await expect(write(actor, () => write(actor, async () => 1))).rejects.toThrow(message)
    const later = await write(actor, async () => new Promise((resolve) => setImmediate(resolve)).then(() => 'done'))
    expect(later).toBe('done')
  })

  it('keeps a chain that holds for whatever is noted', async () => {
    const values = fc.sample(fc.dictionary(fc.string(), fc.jsonValue()), { numRuns: 100, seed: 7 })
    const storable = values.filter((value) => !/\\u0000|\\ud[89a-f]/i.test(JSON.stringify(value)))
    expect(storable.length).toBeGreaterThan(50)
    const before = node.store.revision
    await write(actor, async (w) => {
      for (const value of storable) w.noted('test.noted', 'test', '1', value)
      w.noted('test.noted', 'test', '1', {
        ['__proto__']: 2,
        10: 'b',
        9: 'a',
        undef: undefined,
        tiny: 1e-7,
        huge: 1e300,
        minus: -0,
      })
    })
    expect(await verifyChain(database.db)).toMatchObject({ ok: true, revision: before + storable.length + 1 })
  })

  it('lets reads go on while writers queue', async () => {
    const gate = Promise.withResolvers<void>()
    const writes = Array.from({ length: 30 }, () => write(actor, () => gate.promise))
    if (engine.name === 'postgres') {
      for (let n = 0; n < 20; n++) await database.db.selectFrom('role').select('id').execute()
    }
    gate.resolve()
    await Promise.all(writes)
  })

  it('adds up: an old snapshot and the log give the new snapshot', async () => {
    const { snapshot } = await loadSnapshot(database.db)
    const index = AccessIndex.fromSnapshot(snapshot)
    const stop = node.store.onChange((changes) => index.apply(changes.flatMap(graphChanges)))
    await write(actor, async (w) => {
      const user = await insertUser(w, 'dora')
      await insertGroup(w, 'group of dora', user.id)
      await insertEdgeWithGrant(w, 'edge0', user.id)
    })
    await write(actor, async (w) => {
      const before = w.index.userByLogin('dora')
      if (before === undefined) throw new Error('dora is missing')
      const after = await w.tx
        .updateTable('userAccount')
        .set({ disabledAt: w.now, settings: '{"theme":"dark"}' })
        .where('id', '=', before.id)
        .returningAll()
        .executeTakeFirstOrThrow()
      w.updated('user.disabled', 'user', before, after)
      const grant = [...w.index.rows('grant')].find((row) => row.principalId === before.id)
      if (grant === undefined) throw new Error('the grant is missing')
      await w.tx.deleteFrom('accessGrant').where('id', '=', grant.id).execute()
      w.deleted('grant.revoked', 'grant', grant)
    })
    stop()
    const { snapshot: now } = await loadSnapshot(database.db)
    expect(now.revision).toBe(node.store.revision)
    for (const entity of Object.keys(graphTables) as EntityName[]) {
      const rows = (of: AccessIndex) => [...of.rows(entity)].sort((a, b) => a.id - b.id)
      expect(rows(index), entity).toEqual(now[entity])
      expect(rows(node.store.index), entity).toEqual(now[entity])
    }
  })
})

describe('the chain', () => {
  eachEngine('verify', (engine) => {
    it('names the first row that was altered, removed or put in between', async () => {
      await using database = await engine.open()
      await using node = await startNode(database)
      for (const login of ['a', 'b', 'c', 'd']) await node.write(actor, (w) => insertUser(w, login))
      const progress: number[] = []
      expect(await verifyChain(database.db, { onProgress: (revision) => void progress.push(revision) })).toEqual({
        ok: true,
        revision: 4,
        hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      })
      expect(progress).toEqual([4])

      await expect(sql`update change set actor_id = 1`.execute(database.db)).rejects.toThrow('append-only')
      await expect(sql`delete from change`.execute(database.db)).rejects.toThrow('append-only')
      await expect(sql`truncate change`.execute(database.db)).rejects.toThrow('append-only')

      await sql`alter table change disable trigger all`.execute(database.db)
      const verdictAfter = async (statement: string) => {
        await sql.raw(statement).execute(database.db)
        return verifyChain(database.db)
      }
      const altered = { ok: false, revision: 3, reason: 'the row or its hash was altered' }
      for (const [column, value] of [
        ['actor_id', '8'],
        ['at', `at + interval '1 ms'`],
        ['action', `'user.renamed'`],
        ['noted', 'true'],
        ['entity_id', `'1'`],
        ['after', `jsonb_set(after, '{globalRole}', '"admin"')`],
        ['subject_id', '1'],
      ]) {
        await sql`create table kept as select * from change where revision = 3`.execute(database.db)
        expect(await verdictAfter(`update change set ${column} = ${value} where revision = 3`), column).toEqual(altered)
        await sql
          .raw(`delete from change where revision = 3; insert into change select * from kept; drop table kept`)
          .execute(database.db)
      }
      expect(await verifyChain(database.db)).toMatchObject({ ok: true })
      expect(await verdictAfter('delete from change where revision = 2')).toEqual({
        ok: false,
        revision: 3,
        reason: 'revision 2 is missing',
      })
    })
  })
})
