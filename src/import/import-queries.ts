import { setImmediate as turn } from 'node:timers/promises'
import { sql } from 'kysely'
import type { ContainmentRow } from '../access/model.ts'
import type { Profile } from '../accounts/user-queries.ts'
import type { Db, Tx } from '../db/database.ts'

/**
 * Names of people and things in imported files; of an organisation, or of the whole service (null). `user`: made by an import;
 * `guest`: has an account of his own and agreed to be given something.
 */
export type KeyKind = 'user' | 'organisation' | 'site' | 'userGroup' | 'edgeGroup' | 'service'

export interface ImportKey {
  kind: KeyKind | 'guest'
  key: string
  targetId: number
}

const PORTION = 2000

/** What these keys mean. Index import_key_unique. */
export async function listImportKeys(
  db: Db,
  organisationId: number | null,
  kind: KeyKind,
  keys: readonly string[],
): Promise<Map<string, number>> {
  const rows = await inPortions(keys, (some) =>
    db
      .selectFrom('importKey')
      .select(['key', 'targetId'])
      .where('organisationId', 'is not distinct from', organisationId)
      .where('kind', '=', kind)
      .where(sql<boolean>`key in (select ${elements(some)})`)
      .execute(),
  )
  return new Map(rows.map(({ key, targetId }) => [key, targetId]))
}

/** Remembers what things are called; a name of something that is gone is given anew. */
export async function upsertImportKeys(
  tx: Tx,
  organisationId: number | null,
  keys: readonly ImportKey[],
): Promise<void> {
  if (keys.length === 0) return
  await sql`
    insert into import_key (organisation_id, kind, key, target_id)
    select ${organisationId}::integer, kind, key, "targetId"
    from jsonb_to_recordset(${JSON.stringify(keys)}::jsonb) as given (kind text, key text, "targetId" integer)
    on conflict (organisation_id, kind, key) do update set target_id = excluded.target_id
  `.execute(tx)
}

/** Users that an import of the organisation made, and those who let its imports give them something. Index import_key_target. */
export async function listImportedUsers(
  db: Db,
  organisationId: number | null,
  userIds: readonly number[],
): Promise<Map<number, 'made' | 'agreed'>> {
  if (userIds.length === 0) return new Map()
  const rows = await db
    .selectFrom('importKey')
    .select(['targetId', 'kind'])
    .where('kind', 'in', ['user', 'guest'] satisfies ImportKey['kind'][])
    .where('organisationId', 'is not distinct from', organisationId)
    .where('targetId', 'in', userIds)
    .orderBy('kind')
    .execute()
  return new Map(rows.map(({ targetId, kind }) => [targetId, kind === 'user' ? 'made' : 'agreed']))
}

/** Whom an import invites. */
export interface Invitee {
  login: string
  /** null: somebody else's, if there is one at all. */
  accountId: number | null
  /** What the file says, without an account; else the account has it. */
  email: string | null
}

/** Notes whom an import invites. */
export async function insertInvitees(tx: Tx, importId: string, invitees: readonly Invitee[]): Promise<void> {
  if (invitees.length === 0) return
  await sql`
    insert into import_invitee (import_id, login, account_id, email)
    select ${importId}::uuid, login, "accountId", email
    from jsonb_to_recordset(${JSON.stringify(invitees)}::jsonb) as given (login text, "accountId" integer, email text)
    on conflict do nothing
  `.execute(tx)
}

/** Whom an import invited, in the order of their logins. Index import_invitee_pk. */
export async function listInvitees(db: Db, importId: string, after: string, limit: number): Promise<Invitee[]> {
  return db
    .selectFrom('importInvitee')
    .select(['login', 'accountId', 'email'])
    .where('importId', '=', importId)
    .where('login', '>', after)
    .orderBy('login')
    .limit(limit)
    .execute()
}

/** Who of these was invited by an earlier import of the organisation and has an account elsewhere. Index import_invitee_login. */
export async function listAskedBefore(
  db: Db,
  organisationId: number | null,
  logins: readonly string[],
): Promise<Set<string>> {
  if (logins.length === 0) return new Set()
  const rows = await db
    .selectFrom('importInvitee')
    .innerJoin('importJob', 'importJob.id', 'importInvitee.importId')
    .select('importInvitee.login')
    .where('importInvitee.accountId', 'is', null)
    .where('importJob.organisationId', 'is not distinct from', organisationId)
    .where(sql<boolean>`import_invitee.login in (select ${elements(logins)})`)
    .execute()
  return new Set(rows.map(({ login }) => login))
}

/** Which organisations' imports ask somebody with an account elsewhere, newest first. Index import_invitee_login. */
export async function listAskers(db: Db, login: string): Promise<{ organisationId: number; email: string | null }[]> {
  const rows = await db
    .selectFrom('importInvitee')
    .innerJoin('importJob', 'importJob.id', 'importInvitee.importId')
    .select(['importJob.organisationId', 'importInvitee.email'])
    .where('importInvitee.accountId', 'is', null)
    .where('importInvitee.login', '=', login)
    .where('importJob.organisationId', 'is not', null)
    .orderBy('importJob.createdAt', 'desc')
    .execute()
  return rows.flatMap(({ organisationId, email }) => (organisationId === null ? [] : [{ organisationId, email }]))
}

/** Edges by serial number; several may have the same. Index edge_serial_number. */
export async function listEdgesBySerial(
  db: Db,
  serialNumbers: readonly string[],
): Promise<{ id: number; serialNumber: string }[]> {
  return inPortions(serialNumbers, (some) =>
    db
      .selectFrom('edge')
      .select(['id', 'serialNumber'])
      .where('serialNumber', '<>', '')
      .where(sql<boolean>`serial_number in (select ${elements(some)})`)
      .execute(),
  )
}

/** Serial numbers of edges, in pages by their id. Index edge_pk. */
export async function listSerialNumbers(
  db: Db,
  { after, limit }: { after: number; limit: number },
): Promise<{ id: number; targetId: number; name: string }[]> {
  const rows = await db
    .selectFrom('edge')
    .select(['id', 'serialNumber as name'])
    .where('id', '>', after)
    .where('serialNumber', '<>', '')
    .orderBy('id')
    .limit(limit)
    .execute()
  return rows.map(({ id, name }) => ({ id, targetId: id, name }))
}

/** What sites are called in files, in pages by the id of the key. Index import_key_pk. */
export async function listSiteKeys(
  db: Db,
  { organisationId, after, limit }: { organisationId: number | null; after: number; limit: number },
): Promise<{ id: number; targetId: number; name: string }[]> {
  return db
    .selectFrom('importKey')
    .select(['id', 'targetId', 'key as name'])
    .where('id', '>', after)
    .where('kind', '=', 'site')
    .where('organisationId', 'is not distinct from', organisationId)
    .orderBy('id')
    .limit(limit)
    .execute()
}

/** Personal data of users. Index user_profile_pk. */
export async function listProfiles(db: Db, userIds: readonly number[]): Promise<Map<number, Profile>> {
  if (userIds.length === 0) return new Map()
  const rows = await db.selectFrom('userProfile').selectAll().where('userId', 'in', userIds).execute()
  return new Map(rows.map(({ userId, ...profile }) => [userId, profile]))
}

/** What lies in the default edge groups of these users. Indexes default_edge_group_pk and containment_unique. */
export async function listDefaultLinks(
  db: Db,
  userIds: readonly number[],
): Promise<(ContainmentRow & { userId: number })[]> {
  if (userIds.length === 0) return []
  return db
    .selectFrom('defaultEdgeGroup')
    .innerJoin('containment', 'containment.parentId', 'defaultEdgeGroup.edgeGroupId')
    .select(['containment.id', 'containment.parentId', 'containment.childId', 'defaultEdgeGroup.userId'])
    .where('defaultEdgeGroup.userId', 'in', userIds)
    .execute()
}

/** Some personal data of a user. */
type ProfilePart = Partial<Profile> & { userId: number }

/** Columns of personal data, and what they are called in what is given. */
const profileColumns = 'firstname lastname phone street zip city country company_name'
  .split(' ')
  .map((column) => ({ column, given: column === 'company_name' ? '"companyName"' : column }))

/** Personal data of users who have none yet; what is not given is empty. */
export async function insertProfiles(tx: Tx, rows: readonly ProfilePart[]): Promise<void> {
  if (rows.length === 0) return
  await sql`
    insert into user_profile (user_id, ${sql.raw(profileColumns.map(({ column }) => column).join(', '))})
    select "userId", ${sql.raw(profileColumns.map(({ given }) => `coalesce(${given}, '')`).join(', '))}
    from ${givenProfiles(rows)}
    on conflict (user_id) do nothing
  `.execute(tx)
}

/** Changes what is given of the personal data of users, and leaves the rest as it is now. */
export async function updateProfiles(tx: Tx, rows: readonly ProfilePart[]): Promise<void> {
  if (rows.length === 0) return
  await insertProfiles(tx, rows)
  const changes = profileColumns.map(({ column, given }) => `${column} = coalesce(given.${given}, target.${column})`)
  await sql`
    update user_profile as target set ${sql.raw(changes.join(', '))}
    from ${givenProfiles(rows)} where target.user_id = given."userId"
  `.execute(tx)
}

function givenProfiles(rows: readonly ProfilePart[]) {
  const types = profileColumns.map(({ given }) => `${given} text`).join(', ')
  return sql`jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as given ("userId" integer, ${sql.raw(types)})`
}

/** What edges have beside the graph. Index edge_pk. */
export async function listEdgeExtras(
  db: Db,
  edgeIds: readonly number[],
): Promise<
  Map<number, { serialNumber: string; emsType: string; setupPasswordHash: string | null; firstSetupAt: number | null }>
> {
  const rows = await inPortions(edgeIds, (some) =>
    db
      .selectFrom('edge')
      .select(['id', 'serialNumber', 'emsType', 'setupPasswordHash', 'firstSetupAt'])
      .where(sql<boolean>`id in (select value::integer from jsonb_array_elements_text(${JSON.stringify(some)}::jsonb))`)
      .execute(),
  )
  return new Map(
    rows.map(({ id, firstSetupAt, ...row }) => [id, { ...row, firstSetupAt: firstSetupAt?.getTime() ?? null }]),
  )
}

/** Of which edge each of these setup passwords is. Index edge_setup_password_hash_unique. */
export async function listSetupPasswords(db: Db, hashes: readonly string[]): Promise<Map<string, number>> {
  const rows = await inPortions(hashes, (some) =>
    db
      .selectFrom('edge')
      .select(['id', 'setupPasswordHash'])
      .where(sql<boolean>`setup_password_hash in (select ${elements(some)})`)
      .execute(),
  )
  return new Map(rows.map(({ id, setupPasswordHash }) => [setupPasswordHash ?? '', id]))
}

export interface AlertingRow {
  userId: number
  edgeId: number
  offlineDelayMinutes: number
  faultDelayMinutes: number
  warningDelayMinutes: number
}

/** When users are told about edges. Index user_alerting_user. */
export async function listAlertingOf(db: Db, userIds: readonly number[]): Promise<AlertingRow[]> {
  if (userIds.length === 0) return []
  return db
    .selectFrom('userAlerting')
    .select(['userId', 'edgeId', 'offlineDelayMinutes', 'faultDelayMinutes', 'warningDelayMinutes'])
    .where('userId', 'in', userIds)
    .execute()
}

export async function upsertAlerting(tx: Tx, rows: readonly AlertingRow[]): Promise<void> {
  if (rows.length === 0) return
  await tx
    .insertInto('userAlerting')
    .values([...rows])
    .onConflict((conflict) =>
      conflict.columns(['edgeId', 'userId']).doUpdateSet((is) => ({
        offlineDelayMinutes: is.ref('excluded.offlineDelayMinutes'),
        faultDelayMinutes: is.ref('excluded.faultDelayMinutes'),
        warningDelayMinutes: is.ref('excluded.warningDelayMinutes'),
      })),
    )
    .execute()
}

/** Asks about many with several statements: the embedded database gives nobody a turn while it answers one. */
export async function inPortions<T, R>(
  values: readonly T[],
  list: (some: readonly T[]) => Promise<readonly R[]>,
): Promise<R[]> {
  const rows: R[] = []
  for (let start = 0; start < values.length; start += PORTION) {
    if (start > 0) await turn()
    for (const row of await list(values.slice(start, start + PORTION))) rows.push(row)
  }
  return rows
}

/** A list as one parameter, however long it is. */
function elements(values: readonly string[]) {
  return sql<string>`jsonb_array_elements_text(${JSON.stringify(values)}::jsonb)`
}
