import type { Tx } from '../db/database.ts'

/** Index access_grant_principal. */
export async function deleteGrantsOf(tx: Tx, principalId: number): Promise<number[]> {
  return ids(await tx.deleteFrom('accessGrant').where('principalId', '=', principalId).returning('id').execute())
}

/** Index membership_member. */
export async function deleteMembershipsOf(tx: Tx, memberId: number): Promise<number[]> {
  return ids(await tx.deleteFrom('membership').where('memberId', '=', memberId).returning('id').execute())
}

/** Index restriction_unique. */
export async function deleteRestrictionsOf(tx: Tx, userId: number): Promise<number[]> {
  return ids(await tx.deleteFrom('restriction').where('userId', '=', userId).returning('id').execute())
}

/** Index claim_unique. */
export async function deleteClaimsOf(tx: Tx, userId: number): Promise<number[]> {
  return ids(await tx.deleteFrom('claim').where('userId', '=', userId).returning('id').execute())
}

export async function disownUserGroups(tx: Tx, ownerId: number): Promise<number[]> {
  const update = tx.updateTable('userGroup').set({ ownerId: null }).where('ownerId', '=', ownerId)
  return ids(await update.returning('id').execute())
}

export async function disownEdgeGroups(tx: Tx, ownerId: number): Promise<number[]> {
  const update = tx.updateTable('edgeGroup').set({ ownerId: null }).where('ownerId', '=', ownerId)
  return ids(await update.returning('id').execute())
}

/** The account, what only it has (profile, sessions, alerting), what imports called it, and its principal. */
export async function deleteAccount(tx: Tx, id: number): Promise<void> {
  await tx.deleteFrom('importInvitee').where('accountId', '=', id).execute()
  await tx.deleteFrom('importKey').where('kind', 'in', ['user', 'guest']).where('targetId', '=', id).execute()
  await tx.deleteFrom('userAccount').where('id', '=', id).execute()
  await tx.deleteFrom('principal').where('id', '=', id).execute()
}

function ids(rows: readonly { id: number }[]): number[] {
  return rows.map(({ id }) => id)
}
