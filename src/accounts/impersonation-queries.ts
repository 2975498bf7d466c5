import type { Db, Tx } from '../db/database.ts'

/** The user groups of which somebody is a member and lets those who decide about them act as him. */
export async function listConsentingGroups(db: Db, userId: number): Promise<number[]> {
  const rows = await db
    .selectFrom('impersonationConsent')
    .innerJoin('membership', 'membership.id', 'impersonationConsent.membershipId')
    .select('membership.groupId')
    .where('membership.memberId', '=', userId)
    .where('membership.state', '=', 'active')
    .execute()
  return rows.map(({ groupId }) => groupId)
}

/** Which of these memberships come with consent. */
export async function listConsents(db: Db, membershipIds: readonly number[]): Promise<ReadonlySet<number>> {
  if (membershipIds.length === 0) return new Set()
  const rows = await db
    .selectFrom('impersonationConsent')
    .select('membershipId')
    .where('membershipId', 'in', membershipIds)
    .execute()
  return new Set(rows.map(({ membershipId }) => membershipId))
}

export async function insertConsent(tx: Tx, membershipId: number, givenAt: Date): Promise<void> {
  await tx
    .insertInto('impersonationConsent')
    .values({ membershipId, givenAt })
    .onConflict((conflict) => conflict.column('membershipId').doNothing())
    .execute()
}

/** False if there was none. */
export async function deleteConsent(tx: Tx, membershipId: number): Promise<boolean> {
  const result = await tx
    .deleteFrom('impersonationConsent')
    .where('membershipId', '=', membershipId)
    .executeTakeFirstOrThrow()
  return result.numDeletedRows === 1n
}
