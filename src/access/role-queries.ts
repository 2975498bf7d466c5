import type { Db, Tx } from '../db/database.ts'
import type { RoleRow } from './model.ts'

export async function insertRole(tx: Tx, role: Omit<RoleRow, 'id'>): Promise<RoleRow> {
  const { id } = await tx.insertInto('role').values(role).returning('id').executeTakeFirstOrThrow()
  return { id, ...role }
}

export async function updateRoleRow(tx: Tx, { id, ...columns }: RoleRow): Promise<void> {
  await tx.updateTable('role').set(columns).where('id', '=', id).execute()
}

export async function deleteRoleRow(tx: Tx, id: number): Promise<void> {
  await tx.deleteFrom('role').where('id', '=', id).execute()
}

/** Index access_grant_role. */
export async function listGrantIdsOfRole(db: Db, roleId: number): Promise<number[]> {
  const rows = await db.selectFrom('accessGrant').select('id').where('roleId', '=', roleId).execute()
  return rows.map(({ id }) => id)
}
