import type { Insertable, Selectable } from 'kysely'
import type { Db, Tx } from '../db/database.ts'
import { likePattern } from '../db/like.ts'
import type { InvitationTable } from '../db/schema.ts'
import type { Page, PageQuery } from '../lib/page.ts'

export type Invitation = Omit<Selectable<InvitationTable>, 'tokenHash'>

const columns = [
  'id',
  'email',
  'globalRole',
  'createdBy',
  'createdAt',
  'expiresAt',
  'usedAt',
  'organisationId',
  'memberRole',
  'groupId',
  'userId',
  'addressee',
  'memberFrom',
  'memberTo',
  'rejectedAt',
  'accountId',
  'resourceId',
  'handOver',
] as const

export async function insertInvitation(tx: Tx, invitation: Insertable<InvitationTable>): Promise<number> {
  const { id } = await tx.insertInto('invitation').values(invitation).returning('id').executeTakeFirstOrThrow()
  return id
}

/** A voucher that may be used. Index invitation_token_hash_unique. */
export async function findVoucher(db: Db, tokenHash: string, now: Date): Promise<Invitation | undefined> {
  return await openOnes(db, now).where('tokenHash', '=', tokenHash).executeTakeFirst()
}

/** An invitation that is neither used nor expired. */
export async function findInvitationById(db: Db, id: number, now: Date): Promise<Invitation | undefined> {
  return await openOnes(db, now).where('id', '=', id).executeTakeFirst()
}

/** What somebody is invited to. Index invitation_user. */
export async function listInvitationsOf(db: Db, userId: number, now: Date): Promise<Invitation[]> {
  return await openOnes(db, now).where('userId', '=', userId).orderBy('id').execute()
}

/** Which invitations are meant: those into one place, those that somebody made; nothing means all. */
export type InvitationsOf = { organisationId?: number; groupId?: number; resourceId?: number; createdBy?: number }

/**
 * One page of open invitations, searched and sorted by whom they are for. What an import asks of people is not among those
 * into its organisation, as its vouchers for accounts are not: they would tell the one from the other (D-03). Indexes
 * invitation_organisation, invitation_group, invitation_resource, invitation_created_by.
 */
export async function listInvitations(
  db: Db,
  of: InvitationsOf,
  { page, limit, query = '', sort, descending }: PageQuery,
  now: Date,
): Promise<Page<Invitation>> {
  const open = openOnes(db, now)
    .where((is) => is.and(of))
    .$if(of.organisationId !== undefined, (select) => select.where('memberRole', 'is not', null))
    .$if(query.trim() !== '', (select) => select.where('addressee', 'ilike', likePattern(query)))
  const { total } = await open
    .clearSelect()
    .select((count) => count.fn.countAll().as('total'))
    .executeTakeFirstOrThrow()
  const items = await open
    .$if(sort !== 'id', (select) => select.orderBy('addressee', descending ? 'desc' : 'asc'))
    .orderBy('id', descending ? 'desc' : 'asc')
    .limit(limit)
    .offset(page * limit)
    .execute()
  return { items, total: Number(total) }
}

/** Whether somebody is invited to an organisation as this already. Index invitation_organisation. */
export async function isInvited(db: Db, organisationId: number, addressee: string, now: Date): Promise<boolean> {
  const found = openOnes(db, now)
    .where('organisationId', '=', organisationId)
    .where((is) => is(is.fn<string>('lower', ['addressee']), '=', addressee.toLowerCase()))
  return (await found.limit(1).executeTakeFirst()) !== undefined
}

/** Many vouchers at once, in the order given. */
export async function insertInvitations(tx: Tx, rows: readonly Insertable<InvitationTable>[]): Promise<number[]> {
  if (rows.length === 0) return []
  const made = await tx
    .insertInto('invitation')
    .values([...rows])
    .returning('id')
    .execute()
  return made.map(({ id }) => id)
}

/** Takes back the vouchers that open accounts. Index invitation_account. */
export async function deleteVouchersOf(tx: Tx, accountIds: readonly number[]): Promise<void> {
  if (accountIds.length > 0) await tx.deleteFrom('invitation').where('accountId', 'in', accountIds).execute()
}

/** Takes back an organisation's open requests to people with accounts of their own. Index invitation_organisation. */
export async function deleteRequestsTo(tx: Tx, organisationId: number, addressees: readonly string[]): Promise<void> {
  if (addressees.length === 0) return
  await tx
    .deleteFrom('invitation')
    .where('organisationId', '=', organisationId)
    .where('memberRole', 'is', null)
    .where('usedAt', 'is', null)
    .where('addressee', 'in', addressees)
    .execute()
}

/** Who has no password yet and may sign in once he has. Index user_account_pk. */
export async function listUnopened(db: Db, userIds: readonly number[]): Promise<Set<number>> {
  if (userIds.length === 0) return new Set()
  const rows = await db
    .selectFrom('userAccount')
    .select('id')
    .where('id', 'in', userIds)
    .where('passwordHash', 'is', null)
    .where('disabledAt', 'is', null)
    .execute()
  return new Set(rows.map(({ id }) => id))
}

/** Organisations whose imports made the accounts, and user groups that look after them. Indexes import_key_target, managed_account_pk. */
export async function listHomes(
  db: Db,
  userIds: readonly number[],
): Promise<{ userId: number; organisationId: number | null; groupId: number | null }[]> {
  if (userIds.length === 0) return []
  const imported = await db
    .selectFrom('importKey')
    .select(['targetId as userId', 'organisationId'])
    .where('kind', '=', 'user')
    .where('targetId', 'in', userIds)
    .where('organisationId', 'is not', null)
    .execute()
  const managed = await db
    .selectFrom('managedAccount')
    .select(['userId', 'groupId'])
    .where('userId', 'in', userIds)
    .execute()
  return [
    ...imported.map((row) => ({ ...row, groupId: null })),
    ...managed.map((row) => ({ ...row, organisationId: null })),
  ]
}

/** Who has what stands beside the graph: user groups of his own, invitations that wait for him. */
export async function listInvitedOrOwning(db: Db, userIds: readonly number[], now: Date): Promise<Set<number>> {
  if (userIds.length === 0) return new Set()
  const owners = await db.selectFrom('userGroup').select('ownerId as id').where('ownerId', 'in', userIds).execute()
  const invited = await openOnes(db, now).clearSelect().select('userId as id').where('userId', 'in', userIds).execute()
  return new Set([...owners, ...invited].map(({ id }) => id ?? 0))
}

/** The account if it still has no password; false otherwise. */
export async function updateFirstPassword(tx: Tx, userId: number, passwordHash: string): Promise<boolean> {
  const result = await tx
    .updateTable('userAccount')
    .set({ passwordHash })
    .where('id', '=', userId)
    .where('passwordHash', 'is', null)
    .executeTakeFirstOrThrow()
  return result.numUpdatedRows === 1n
}

/** False if somebody else was faster. */
export async function updateInvitationUsed(tx: Tx, id: number, now: Date): Promise<boolean> {
  const result = await tx
    .updateTable('invitation')
    .set({ usedAt: now })
    .where('id', '=', id)
    .where('usedAt', 'is', null)
    .executeTakeFirstOrThrow()
  return result.numUpdatedRows === 1n
}

export async function updateInvitationRejected(tx: Tx, id: number, rejectedAt: Date): Promise<void> {
  await tx.updateTable('invitation').set({ rejectedAt }).where('id', '=', id).execute()
}

export async function deleteInvitation(tx: Tx, id: number): Promise<void> {
  await tx.deleteFrom('invitation').where('id', '=', id).execute()
}

/** Whoever was offered these has come too late. Index invitation_resource. */
export async function deleteOffersOf(tx: Tx, resourceIds: readonly number[]): Promise<void> {
  await tx
    .deleteFrom('invitation')
    .where('resourceId', 'in', [...resourceIds])
    .where('usedAt', 'is', null)
    .execute()
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

function openOnes(db: Db, now: Date) {
  return db.selectFrom('invitation').select(columns).where('usedAt', 'is', null).where('expiresAt', '>', now)
}
