import { type ExpressionBuilder, type Selectable, sql } from 'kysely'
import type { OpenemsRole, UserRow } from '../access/model.ts'
import type { Db, Tx } from '../db/database.ts'
import { likePattern } from '../db/like.ts'
import type { Database, UserAccountTable, UserProfileTable } from '../db/schema.ts'
import type { Page, PageQuery } from '../lib/page.ts'

/** The columns that make a `UserRow`. */
export const userColumns = [
  'userAccount.id',
  'userAccount.login',
  'userAccount.email',
  'userAccount.name',
  'userAccount.language',
  'userAccount.settings',
  'userAccount.globalRole',
  'userAccount.shareable',
  'userAccount.disabledAt',
] as const

/** What a log-in is checked against. */
export interface Credentials {
  user: UserRow
  passwordHash: string | null
}
export type Profile = Omit<Selectable<UserProfileTable>, 'userId'>
export interface NewUser {
  login: string
  email: string | null
  name: string
  language: string
  globalRole: OpenemsRole
  shareable: boolean
  passwordHash: string | null
}

/** The account as the log and the index carry it. */
export function toUserRow(row: Omit<Selectable<UserAccountTable>, 'passwordHash' | 'createdAt'>): UserRow {
  return {
    id: row.id,
    login: row.login,
    email: row.email,
    name: row.name,
    language: row.language,
    settings: row.settings,
    globalRole: row.globalRole,
    shareable: row.shareable,
    disabledAt: row.disabledAt?.getTime() ?? null,
  }
}

/** One page of accounts, searched by login, name and e-mail address. */
export async function listUserRows(
  db: Db,
  { page, limit, query = '', sort, descending }: PageQuery,
): Promise<Page<UserRow>> {
  const text = likePattern(query)
  const found = db
    .selectFrom('userAccount')
    .$if(query.trim() !== '', (select) =>
      select.where((is) =>
        is.or([is('login', 'like', text.toLowerCase()), is('name', 'ilike', text), is('email', 'ilike', text)]),
      ),
    )
  const { total } = await found.select((count) => count.fn.countAll().as('total')).executeTakeFirstOrThrow()
  const rows = await found
    .select(userColumns)
    .orderBy(sort === 'id' ? 'id' : 'login', descending ? 'desc' : 'asc')
    .limit(limit)
    .offset(page * limit)
    .execute()
  return { items: rows.map(toUserRow), total: Number(total) }
}

/** By login or else by e-mail address. Indexes user_account_login_unique, user_account_email_unique. */
export async function findCredentials(db: Db, loginOrEmail: string): Promise<Credentials | undefined> {
  const row = await db
    .selectFrom('userAccount')
    .select([...userColumns, 'passwordHash'])
    .where((is) => is.or([is('login', '=', loginOrEmail), is(lowerEmail(is), '=', loginOrEmail)]))
    .orderBy(sql`login = ${loginOrEmail}`, 'desc')
    .limit(1)
    .executeTakeFirst()
  return row && toCredentials(row)
}

export async function findCredentialsById(db: Db, userId: number): Promise<Credentials | undefined> {
  const row = await db
    .selectFrom('userAccount')
    .select([...userColumns, 'passwordHash'])
    .where('id', '=', userId)
    .executeTakeFirst()
  return row && toCredentials(row)
}

export async function hasAnyUser(db: Db): Promise<boolean> {
  return (await db.selectFrom('userAccount').select('id').limit(1).executeTakeFirst()) !== undefined
}

/** Principal, account and empty profile. */
export async function insertUser(tx: Tx, user: NewUser, createdAt: Date): Promise<UserRow> {
  const { id } = await tx.insertInto('principal').values({ kind: 'user' }).returning('id').executeTakeFirstOrThrow()
  const row = await tx
    .insertInto('userAccount')
    .values({ id, createdAt, ...user })
    .returning(userColumns)
    .executeTakeFirstOrThrow()
  await tx.insertInto('userProfile').values({ userId: id }).execute()
  return toUserRow(row)
}

/** Writes what may change of an account. */
export async function updateUser(tx: Tx, user: UserRow): Promise<void> {
  const { id, settings, disabledAt, ...columns } = user
  await tx
    .updateTable('userAccount')
    .set({
      ...columns,
      settings: JSON.stringify(settings),
      disabledAt: disabledAt === null ? null : new Date(disabledAt),
    })
    .where('id', '=', id)
    .execute()
}

export async function updatePasswordHash(tx: Tx, userId: number, passwordHash: string | null): Promise<void> {
  await tx.updateTable('userAccount').set({ passwordHash }).where('id', '=', userId).execute()
}

/** Only if the hash is still the one that was read; false otherwise. */
export async function replacePasswordHash(db: Db, userId: number, old: string, renewed: string): Promise<boolean> {
  const result = await db
    .updateTable('userAccount')
    .set({ passwordHash: renewed })
    .where('id', '=', userId)
    .where('passwordHash', '=', old)
    .executeTakeFirstOrThrow()
  return result.numUpdatedRows === 1n
}

/** Ends that a user group looks after an account, and the consent that came with it; false if none does. */
export async function deleteManagement(tx: Tx, userId: number): Promise<boolean> {
  const managed = await tx
    .deleteFrom('managedAccount')
    .where('userId', '=', userId)
    .returning('groupId')
    .executeTakeFirst()
  if (managed === undefined) return false
  const memberships = tx
    .selectFrom('membership')
    .select('id')
    .where('memberId', '=', userId)
    .where('groupId', '=', managed.groupId)
  await tx.deleteFrom('impersonationConsent').where('membershipId', 'in', memberships).execute()
  return true
}

export async function findProfile(db: Db, userId: number): Promise<Profile | undefined> {
  const row = await db.selectFrom('userProfile').selectAll().where('userId', '=', userId).executeTakeFirst()
  if (row === undefined) return undefined
  const { userId: _, ...profile } = row
  return profile
}

export async function upsertProfile(tx: Tx, userId: number, profile: Partial<Profile>): Promise<void> {
  await tx
    .insertInto('userProfile')
    .values({ userId, ...profile })
    .onConflict((conflict) => conflict.column('userId').doUpdateSet(profile))
    .execute()
}

function toCredentials({ passwordHash, ...user }: Omit<Selectable<UserAccountTable>, 'createdAt'>): Credentials {
  return { user: toUserRow(user), passwordHash }
}

function lowerEmail(is: ExpressionBuilder<Database, 'userAccount'>) {
  return is.fn<string>('lower', ['email'])
}
