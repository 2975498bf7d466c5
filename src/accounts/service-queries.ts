import type { Insertable } from 'kysely'
import type { ServiceRow } from '../access/model.ts'
import type { Db, Tx } from '../db/database.ts'
import type { ServiceTokenTable } from '../db/schema.ts'
import type { Scope } from './scopes.ts'

/** A token as an operator sees it. */
export type ListedToken = Awaited<ReturnType<typeof findTokens>>[number]

/** Principal and service. */
export async function insertService(tx: Tx, service: Pick<ServiceRow, 'name' | 'organisationId'>): Promise<ServiceRow> {
  const { id } = await tx.insertInto('principal').values({ kind: 'service' }).returning('id').executeTakeFirstOrThrow()
  await tx
    .insertInto('service')
    .values({ id, ...service })
    .execute()
  return { id, ...service, disabledAt: null }
}

export async function updateServiceDisabled(tx: Tx, id: number, disabledAt: Date | null): Promise<void> {
  await tx.updateTable('service').set({ disabledAt }).where('id', '=', id).execute()
}

export async function updateServiceName(tx: Tx, id: number, name: string): Promise<void> {
  await tx.updateTable('service').set({ name }).where('id', '=', id).execute()
}

/** The service with its tokens, and its principal. */
export async function deleteServiceRow(tx: Tx, id: number): Promise<void> {
  await tx.deleteFrom('service').where('id', '=', id).execute()
  await tx.deleteFrom('principal').where('id', '=', id).execute()
}

/** Which tokens were not ended before. Index service_token_service. */
export async function endTokensOf(tx: Tx, serviceId: number, endedAt: Date): Promise<number[]> {
  const rows = await tx
    .updateTable('serviceToken')
    .set({ endedAt })
    .where('serviceId', '=', serviceId)
    .where('endedAt', 'is', null)
    .returning('id')
    .execute()
  return rows.map(({ id }) => id)
}

export async function insertServiceToken(tx: Tx, token: Insertable<ServiceTokenTable>): Promise<number> {
  const { id } = await tx.insertInto('serviceToken').values(token).returning('id').executeTakeFirstOrThrow()
  return id
}

/** The holder of a token that is valid at `now`. Index service_token_hash_unique. */
export async function findServiceToken(db: Db, tokenHash: string, now: Date) {
  const row = await db
    .selectFrom('serviceToken')
    .innerJoin('service', 'service.id', 'serviceToken.serviceId')
    .select(['serviceToken.id as tokenId', 'serviceId', 'scopes', 'expiresAt'])
    .where('serviceToken.tokenHash', '=', tokenHash)
    .where('serviceToken.endedAt', 'is', null)
    .where((is) => is.or([is('serviceToken.expiresAt', 'is', null), is('serviceToken.expiresAt', '>', now)]))
    .where('service.disabledAt', 'is', null)
    .executeTakeFirst()
  return row && { ...row, scopes: new Set<Scope>(row.scopes), expiresAt: row.expiresAt?.getTime() ?? null }
}

/** A token that was not ended and has not expired, for whoever is about to change it. */
export async function findOpenToken(tx: Tx, id: number, now: Date) {
  return await tx
    .selectFrom('serviceToken')
    .select(['serviceId', 'scopes', 'createdAt', 'expiresAt'])
    .where('id', '=', id)
    .where('endedAt', 'is', null)
    .where((is) => is.or([is('expiresAt', 'is', null), is('expiresAt', '>', now)]))
    .executeTakeFirst()
}

/** The newest tokens, of one service or of all; ended and expired ones only if wanted. */
export async function findTokens(
  db: Db,
  { serviceId, now, all, limit }: { serviceId: number | undefined; now: Date; all: boolean; limit: number },
) {
  return await db
    .selectFrom('serviceToken')
    .innerJoin('service', 'service.id', 'serviceToken.serviceId')
    .select(['serviceToken.id as tokenId', 'service.name as service', 'scopes', 'createdAt'])
    .select(['expiresAt', 'endedAt', 'lastUsedAt'])
    .$if(serviceId !== undefined, (query) => query.where('serviceId', '=', serviceId ?? 0))
    .$if(!all, (query) =>
      query.where('endedAt', 'is', null).where((is) => is.or([is('expiresAt', 'is', null), is('expiresAt', '>', now)])),
    )
    .orderBy('serviceToken.id', 'desc')
    .limit(limit)
    .execute()
}

export async function updateServiceTokenExpiry(tx: Tx, id: number, expiresAt: Date): Promise<void> {
  await tx.updateTable('serviceToken').set({ expiresAt }).where('id', '=', id).execute()
}

export async function updateServiceTokensUsed(db: Db, ids: readonly number[], lastUsedAt: Date): Promise<void> {
  await db.updateTable('serviceToken').set({ lastUsedAt }).where('id', 'in', ids).execute()
}

/** The service whose token it was, if it was not ended before. */
export async function updateServiceTokenEnded(tx: Tx, id: number, endedAt: Date): Promise<number | undefined> {
  const row = await tx
    .updateTable('serviceToken')
    .set({ endedAt })
    .where('id', '=', id)
    .where('endedAt', 'is', null)
    .returning('serviceId')
    .executeTakeFirst()
  return row?.serviceId
}
