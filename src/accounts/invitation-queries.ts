import type { Insertable } from 'kysely'
import type { OpenemsRole } from '../access/model.ts'
import type { Db, Tx } from '../db/database.ts'
import type { InvitationTable } from '../db/schema.ts'

export async function insertInvitation(tx: Tx, invitation: Insertable<InvitationTable>): Promise<number> {
  const { id } = await tx.insertInto('invitation').values(invitation).returning('id').executeTakeFirstOrThrow()
  return id
}

/** An invitation that may be used. */
export async function findInvitation(
  db: Db,
  tokenHash: string,
  now: Date,
): Promise<{ email: string | null; globalRole: OpenemsRole } | undefined> {
  const row = await db
    .selectFrom('invitation')
    .select(['email', 'globalRole'])
    .where('tokenHash', '=', tokenHash)
    .where('usedAt', 'is', null)
    .where('expiresAt', '>', now)
    .executeTakeFirst()
  return row && { email: row.email, globalRole: row.globalRole as OpenemsRole }
}

/** False if somebody else was faster or it has expired. */
export async function updateInvitationUsed(tx: Tx, tokenHash: string, now: Date): Promise<boolean> {
  const result = await tx
    .updateTable('invitation')
    .set({ usedAt: now })
    .where('tokenHash', '=', tokenHash)
    .where('usedAt', 'is', null)
    .where('expiresAt', '>', now)
    .executeTakeFirstOrThrow()
  return result.numUpdatedRows === 1n
}

export async function deleteExpiredInvitations(db: Db, before: Date, limit: number): Promise<number> {
  const result = await db
    .deleteFrom('invitation')
    .where('id', 'in', (query) =>
      query.selectFrom('invitation').select('id').where('expiresAt', '<', before).limit(limit),
    )
    .executeTakeFirstOrThrow()
  return Number(result.numDeletedRows)
}
