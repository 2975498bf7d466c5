import type { MembershipRow, UserGroupRow } from '../access/model.ts'
import type { Db, Tx } from '../db/database.ts'

export async function insertUserGroup(tx: Tx, group: Omit<UserGroupRow, 'id'>): Promise<UserGroupRow> {
  const { id } = await tx.insertInto('principal').values({ kind: 'group' }).returning('id').executeTakeFirstOrThrow()
  const row = { id, ...group }
  await tx.insertInto('userGroup').values(row).execute()
  return row
}

export async function updateUserGroup(tx: Tx, { id, ...columns }: UserGroupRow): Promise<void> {
  await tx.updateTable('userGroup').set(columns).where('id', '=', id).execute()
}

/** The group and its principal. */
export async function deleteUserGroupRow(tx: Tx, id: number): Promise<void> {
  await tx.deleteFrom('userGroup').where('id', '=', id).execute()
  await tx.deleteFrom('principal').where('id', '=', id).execute()
}

export async function insertMembership(tx: Tx, membership: Omit<MembershipRow, 'id'>): Promise<MembershipRow> {
  const { id } = await tx
    .insertInto('membership')
    .values({ ...membership, validFrom: toDate(membership.validFrom), validTo: toDate(membership.validTo) })
    .returning('id')
    .executeTakeFirstOrThrow()
  return { id, ...membership }
}

export async function updateMembershipState(tx: Tx, id: number, state: MembershipRow['state']): Promise<void> {
  await tx.updateTable('membership').set({ state }).where('id', '=', id).execute()
}

export async function deleteMembership(tx: Tx, id: number): Promise<void> {
  await tx.deleteFrom('membership').where('id', '=', id).execute()
}

/** Index membership_unique. */
export async function findMembershipId(db: Db, groupId: number, memberId: number): Promise<number | undefined> {
  const found = db.selectFrom('membership').select('id').where('groupId', '=', groupId).where('memberId', '=', memberId)
  return (await found.executeTakeFirst())?.id
}

/** Index membership_unique. */
export async function listMembershipIdsIn(db: Db, groupId: number): Promise<number[]> {
  const rows = await db.selectFrom('membership').select('id').where('groupId', '=', groupId).execute()
  return rows.map(({ id }) => id)
}

function toDate(at: number | null): Date | null {
  return at === null ? null : new Date(at)
}
