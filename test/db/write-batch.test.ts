import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { AccessIndex } from '../../src/access/access-index.ts'
import { pastOf } from '../../src/access/past-service.ts'
import { readChanges, verifyChain } from '../../src/db/change-log.ts'
import type { OpenDatabase } from '../../src/db/database.ts'
import { loadSnapshot } from '../../src/db/snapshot.ts'
import { testClock } from '../harness/clock.ts'
import { eachEngine } from '../harness/database.ts'
import { expectWhole } from '../harness/whole.ts'
import { insertUser, type Node, startNode } from './graph-fixture.ts'

const actor = { actorId: null }

eachEngine('rows of the log with several changes', (engine) => {
  let database: OpenDatabase
  let node: Node
  const clock = testClock()

  beforeAll(async () => {
    database = await engine.open()
    node = await startNode(database, { clock })
  })
  afterAll(async () => {
    await node[Symbol.asyncDispose]()
    await database[Symbol.asyncDispose]()
  })

  const claimsOf = (userId: number, count: number, from: number) =>
    Array.from({ length: count }, (_, n) => ({ id: from + n, userId, key: `key${n}`, value: 'READ' }))

  /** Claims of a user in one row of the log. */
  const addClaims = (userId: number, count: number, from: number) =>
    node.write(actor, async (w) => {
      const rows = claimsOf(userId, count, from)
      await w.tx.insertInto('claim').values(rows).execute()
      w.changed(
        'user.imported',
        userId,
        rows.map((after) => ({ entity: 'claim', id: after.id, before: null, after })),
      )
    })

  it('are one row, and every follower sees all of it', async () => {
    const { snapshot } = await loadSnapshot(database.db)
    const user = await node.write(actor, (w) => insertUser(w, 'anna'))
    const before = node.store.revision
    await addClaims(user.id, 40, 1000)
    expect(node.store.revision).toBe(before + 1)
    expect(node.store.index.claimsOf(user.id)).toHaveLength(40)
    expect(await readChanges(database.db, { after: before, limit: 10 })).toMatchObject([
      { action: 'user.imported', entity: 'batch', entityId: String(user.id), noted: false },
    ])
    await expectWhole({ ctx: { db: database.db, store: node.store } as never }, snapshot)
  })

  it('can be looked back at: what was there before them', async () => {
    const user = await node.write(actor, (w) => insertUser(w, 'berta'))
    const before = node.store.revision
    await addClaims(user.id, 3, 2000)
    const past = await pastOf({ store: node.store, db: database.db }, user.id, 1, before)
    expect(past.changes.map(({ entity, id }) => `${entity} ${id}`)).toEqual(['claim 2000', 'claim 2001', 'claim 2002'])
    expect(past.rows.filter(({ entity }) => entity === 'claim')).toEqual([])
  })

  it('are protected by the chain', async () => {
    expect(await verifyChain(database.db)).toMatchObject({ ok: true, revision: node.store.revision })
  })

  it('written in parts are all there at once, or not at all', async () => {
    const start = node.store.revision
    const write = (login: string, fails: boolean) =>
      node.write(
        actor,
        async (w) => {
          for (let n = 0; n < 3; n++) {
            await insertUser(w, `${login}${n}`)
            await w.flush()
            expect(node.store.revision).toBe(start)
          }
          if (fails) throw new Error('changed my mind')
        },
        async (tx) => void (await sql`select 1`.execute(tx)),
      )
    await expect(write('carla', true)).rejects.toThrow('changed my mind')
    expect(node.store.revision).toBe(start)
    expect(node.store.index.userByLogin('carla0')).toBeUndefined()
    await write('dora', false)
    expect(node.store.index.userByLogin('dora2')).toBeDefined()
    expect(await verifyChain(database.db)).toMatchObject({ ok: true, revision: node.store.revision })
  })

  it('do not keep others waiting while a long run of them is applied', async () => {
    const users = await node.write(actor, async (w) => {
      const made: number[] = []
      for (let n = 0; n < 40; n++) made.push((await insertUser(w, `many${n}`)).id)
      return made
    })
    const sizes: number[] = []
    const { index } = node.store
    const apply = index.apply.bind(index)
    index.apply = (changes) => {
      sizes.push(changes.length)
      apply(changes)
    }
    await node.write(actor, async (w) => {
      for (const [n, userId] of users.entries()) {
        const rows = claimsOf(userId, 100, 10_000 + n * 100)
        await w.tx.insertInto('claim').values(rows).execute()
        w.changed(
          'user.imported',
          userId,
          rows.map((after) => ({ entity: 'claim', id: after.id, before: null, after })),
        )
      }
    })
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(4000)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(100)
    const { snapshot } = await loadSnapshot(database.db)
    expect(AccessIndex.fromSnapshot(snapshot).claimsOf(users[0] ?? 0)).toEqual(index.claimsOf(users[0] ?? 0))
  })
})
