import { expect } from 'vitest'
import { AccessIndex } from '../../src/access/access-index.ts'
import type { EntityName, Snapshot } from '../../src/access/model.ts'
import { graphChanges, readChanges, verifyChain } from '../../src/db/change-log.ts'
import { graphTables } from '../../src/db/graph-rows.ts'
import { loadSnapshot } from '../../src/db/snapshot.ts'
import type { TestService } from './service.ts'

type Reachable = Pick<TestService, 'ctx'>

/** The graph as the database has it now. */
export async function snapshotOf({ ctx }: Reachable): Promise<Snapshot> {
  return (await loadSnapshot(ctx.db)).snapshot
}

/**
 * Nothing is half written: the chain of the log holds, and the rows of the database, the index of the service, and an earlier
 * snapshot moved forward by the log are the same graph. Returns it.
 */
export async function expectWhole(service: Reachable, earlier: Snapshot): Promise<Snapshot> {
  const { db, store } = service.ctx
  expect(await verifyChain(db)).toMatchObject({ ok: true })
  const now = await snapshotOf(service)
  expect(store.revision).toBe(now.revision)
  const replayed = AccessIndex.fromSnapshot(earlier)
  for (let after = earlier.revision; after < now.revision; ) {
    const page = await readChanges(db, { after, limit: 1000 })
    replayed.apply(page.flatMap(graphChanges))
    after = page.at(-1)?.revision ?? expect.unreachable(`the log ends at ${after}`)
  }
  for (const entity of Object.keys(graphTables) as EntityName[]) {
    const rows = (index: AccessIndex) => [...index.rows(entity)].sort((a, b) => a.id - b.id)
    expect(rows(store.index), `${entity} of the index`).toEqual(now[entity])
    expect(rows(replayed), `${entity} of the log`).toEqual(now[entity])
  }
  return now
}
