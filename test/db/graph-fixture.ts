import { AccessStore, type AccessStoreOptions } from '../../src/access/access-store.ts'
import type { GrantRow, UserGroupRow, UserRow } from '../../src/access/model.ts'
import type { OpenDatabase } from '../../src/db/database.ts'
import { createWriter, type Write, type WriteFunction } from '../../src/db/write.ts'
import { testClock } from '../harness/clock.ts'
import { silentLog } from '../harness/log.ts'

/** A started store on a database and the write function of the same node. */
export interface Node extends AsyncDisposable {
  store: AccessStore
  write: WriteFunction
}

/** Starts what a node of the service has of this layer. */
export async function startNode(
  database: OpenDatabase,
  options: Partial<AccessStoreOptions> & { clock?: ReturnType<typeof testClock> } = {},
): Promise<Node> {
  const { clock = testClock(), ...rest } = options
  const store = new AccessStore({ database, log: silentLog, ...rest })
  await store.start()
  return {
    store,
    write: createWriter({ db: database.db, store, clock: clock.now, log: rest.log ?? silentLog }),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

/** Inserts a user and reports it. */
export async function insertUser(write: Write, login: string): Promise<UserRow> {
  const { id } = await write.tx
    .insertInto('principal')
    .values({ kind: 'user' })
    .returning('id')
    .executeTakeFirstOrThrow()
  const row = await write.tx
    .insertInto('userAccount')
    .values({ id, login, name: login, passwordHash: 'secret-hash', createdAt: write.now })
    .returningAll()
    .executeTakeFirstOrThrow()
  write.inserted('user.created', 'user', row)
  return { ...row, disabledAt: null }
}

/** Inserts a user group with one member and reports both. */
export async function insertGroup(write: Write, name: string, memberId: number): Promise<UserGroupRow> {
  const { id } = await write.tx
    .insertInto('principal')
    .values({ kind: 'group' })
    .returning('id')
    .executeTakeFirstOrThrow()
  const group = await write.tx.insertInto('userGroup').values({ id, name }).returningAll().executeTakeFirstOrThrow()
  write.inserted('group.created', 'userGroup', group)
  const membership = await write.tx
    .insertInto('membership')
    .values({ groupId: id, memberId, validTo: new Date('2030-01-01T00:00:00.000Z') })
    .returningAll()
    .executeTakeFirstOrThrow()
  write.inserted('membership.created', 'membership', membership)
  return group
}

/** Inserts an edge and a grant of the owner role on it and reports both. */
export async function insertEdgeWithGrant(write: Write, edgeId: string, principalId: number): Promise<GrantRow> {
  const { id } = await write.tx
    .insertInto('resource')
    .values({ kind: 'edge' })
    .returning('id')
    .executeTakeFirstOrThrow()
  const edge = await write.tx
    .insertInto('edge')
    .values({ id, edgeId, comment: `House of ${edgeId}`, settings: '{"nested":{"snake_key":1}}', createdAt: write.now })
    .returningAll()
    .executeTakeFirstOrThrow()
  write.inserted('edge.created', 'edge', edge)
  const grant = await write.tx
    .insertInto('accessGrant')
    .values({ principalId, resourceId: id, roleId: 3, components: '["meter*"]', dataWindows: '[[0,null]]' })
    .returningAll()
    .executeTakeFirstOrThrow()
  write.inserted('grant.created', 'grant', grant)
  return { ...grant, validFrom: null, validTo: null }
}
