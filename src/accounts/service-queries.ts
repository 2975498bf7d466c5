import type { Insertable } from 'kysely'
import type { ServiceRow } from '../access/model.ts'
import type { Db, Tx } from '../db/database.ts'
import type { ServiceTokenTable } from '../db/schema.ts'

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

export async function insertServiceToken(tx: Tx, token: Insertable<ServiceTokenTable>): Promise<number> {
  const { id } = await tx.insertInto('serviceToken').values(token).returning('id').executeTakeFirstOrThrow()
  return id
}

/** Index service_token_hash_unique. */
export async function findServiceOfToken(db: Db, tokenHash: string, now: Date): Promise<number | undefined> {
  const row = await db
    .selectFrom('serviceToken')
    .innerJoin('service', 'service.id', 'serviceToken.serviceId')
    .select('service.id')
    .where('serviceToken.tokenHash', '=', tokenHash)
    .where('serviceToken.endedAt', 'is', null)
    .where((is) => is.or([is('serviceToken.expiresAt', 'is', null), is('serviceToken.expiresAt', '>', now)]))
    .where('service.disabledAt', 'is', null)
    .executeTakeFirst()
  return row?.id
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
