import type { Db, Tx } from '../db/database.ts'

export async function insertManagedAccount(tx: Tx, userId: number, groupId: number): Promise<void> {
  await tx.insertInto('managedAccount').values({ userId, groupId }).execute()
}

/** The user group that looks after an account, if any does. */
export async function findManagingGroup(db: Db, userId: number): Promise<number | undefined> {
  const row = await db.selectFrom('managedAccount').select('groupId').where('userId', '=', userId).executeTakeFirst()
  return row?.groupId
}

/** Which accounts a user group looks after. Index managed_account_group. */
export async function listManagedBy(db: Db, groupId: number): Promise<ReadonlySet<number>> {
  const rows = await db.selectFrom('managedAccount').select('userId').where('groupId', '=', groupId).execute()
  return new Set(rows.map(({ userId }) => userId))
}

/** Index user_group_owner. */
export async function ownsUserGroup(db: Db, userId: number): Promise<boolean> {
  const row = await db.selectFrom('userGroup').select('id').where('ownerId', '=', userId).limit(1).executeTakeFirst()
  return row !== undefined
}
