import { sql } from 'kysely'
import type { Impersonation } from '../access/impersonation.ts'
import type { UserRow } from '../access/model.ts'
import type { Db, Tx } from '../db/database.ts'
import { type Credentials, toUserRow, userColumns } from './user-queries.ts'

export interface NewSession {
  sessionId: string
  createdAt: Date
  expiresAt: Date
  clientAddress: string
}
export interface OpenSession {
  user: UserRow
  sessionId: string
  expiresAt: Date
  clientAddress: string
  /** Somebody acts as the user. */
  impersonation: Impersonation | undefined
}

/**
 * Opens a session unless the account was disabled or its password changed since it was read; false then.
 * @NOTE the row lock makes this wait for a change under way, which in turn ends every session it finds afterwards.
 */
export async function insertSession(db: Db, of: Credentials, session: NewSession): Promise<boolean> {
  const result = await sql`
    with account as (
      select id from user_account
      where id = ${of.user.id} and password_hash = ${of.passwordHash} and disabled_at is null
      for share
    )
    insert into session (id, user_id, created_at, expires_at, client_address)
    select ${session.sessionId}::uuid, id, ${session.createdAt}::timestamptz, ${session.expiresAt}::timestamptz,
      ${session.clientAddress}::text
    from account`.execute(db)
  return Number(result.numAffectedRows) === 1
}

/** A session that may be used, with its user. */
export async function findOpenSession(db: Db, sessionId: string, now: Date): Promise<OpenSession | undefined> {
  const row = await db
    .selectFrom('session')
    .innerJoin('userAccount', 'userAccount.id', 'session.userId')
    .leftJoin('session as parent', 'parent.id', 'session.parentId')
    .select(['session.id as sessionId', 'session.expiresAt', 'session.clientAddress', ...userColumns])
    .select(['parent.userId as actorId', 'session.viaGroupId'])
    .where('session.id', '=', sessionId)
    .where('session.endedAt', 'is', null)
    .where('session.expiresAt', '>', now)
    .where('userAccount.disabledAt', 'is', null)
    .executeTakeFirst()
  if (row === undefined) return undefined
  const { sessionId: id, expiresAt, clientAddress, actorId, viaGroupId, ...user } = row
  const impersonation = actorId === null ? undefined : { actorId, groupId: viaGroupId }
  return { user: toUserRow(user), sessionId: id, expiresAt, clientAddress, impersonation }
}

/** The session from which one acts, or acted, as another in this session. */
export async function findParentId(db: Db, sessionId: string): Promise<string | undefined> {
  const row = await db.selectFrom('session').select('parentId').where('id', '=', sessionId).executeTakeFirst()
  return row?.parentId ?? undefined
}

/** A session in which somebody acts as the user. It says nothing about where the user himself is. */
export async function insertImpersonation(
  tx: Tx,
  session: {
    sessionId: string
    userId: number
    parentId: string
    groupId: number | null
    createdAt: Date
    expiresAt: Date
  },
): Promise<void> {
  const { sessionId: id, groupId: viaGroupId, ...columns } = session
  await tx
    .insertInto('session')
    .values({ id, viaGroupId, ...columns })
    .execute()
}

/** Whether the user ever signed in from here, as far as sessions are kept. Index session_by_user. */
export async function hasSignedInFrom(db: Db, userId: number, clientAddress: string): Promise<boolean> {
  const row = await db
    .selectFrom('session')
    .select('id')
    .where('userId', '=', userId)
    .where('clientAddress', '=', clientAddress)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

export async function updateSessionAddress(db: Db, sessionId: string, clientAddress: string): Promise<void> {
  await db.updateTable('session').set({ clientAddress }).where('id', '=', sessionId).execute()
}

/** Ends one session, all open ones of a user but one, or those by which he is acted as by a group's right; returns what was open. */
export async function updateSessionsEnded(
  tx: Tx,
  which: { sessionId: string } | { userId: number; exceptSessionId?: string | undefined; viaGroupId?: number },
  end: { now: Date; reason: string },
): Promise<{ id: string; userId: number }[]> {
  const update = tx
    .updateTable('session')
    .set({ endedAt: end.now, endReason: end.reason })
    .where('endedAt', 'is', null)
    .where('expiresAt', '>', end.now)
  const narrowed =
    'sessionId' in which
      ? update.where('id', '=', which.sessionId)
      : update
          .where('userId', '=', which.userId)
          .$if(which.exceptSessionId !== undefined, (query) => query.where('id', '!=', which.exceptSessionId ?? ''))
          .$if(which.viaGroupId !== undefined, (query) => query.where('viaGroupId', '=', which.viaGroupId ?? 0))
  const ended = await narrowed.returning(['id', 'userId']).execute()
  if (ended.length === 0) return []
  // Nobody goes on acting as another from a session that has ended. Index session_parent.
  const ids = ended.map(({ id }) => id)
  const below = await update.where('parentId', 'in', ids).returning(['id', 'userId']).execute()
  return [...ended, ...below]
}

/** At most `limit` of the expired ones, not those that lead back to another; returns how many. Index session_expiry. */
export async function deleteExpiredSessions(db: Db, now: Date, limit: number): Promise<number> {
  const result = await db
    .deleteFrom('session')
    .where('id', 'in', (query) =>
      query.selectFrom('session').select('id').where('expiresAt', '<', now).where('parentId', 'is', null).limit(limit),
    )
    .executeTakeFirstOrThrow()
  return Number(result.numDeletedRows)
}
