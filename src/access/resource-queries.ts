import { sql } from 'kysely'
import type { Db, Tx } from '../db/database.ts'
import type { ContainmentRow, GrantRow, ResourceKind } from './model.ts'

/** A new id among the resources. */
export async function insertResource(tx: Tx, kind: ResourceKind): Promise<number> {
  const { id } = await tx.insertInto('resource').values({ kind }).returning('id').executeTakeFirstOrThrow()
  return id
}

export async function deleteResource(tx: Tx, id: number): Promise<void> {
  await tx.deleteFrom('resource').where('id', '=', id).execute()
}

export async function insertContainment(tx: Tx, link: { parentId: number; childId: number }): Promise<ContainmentRow> {
  const { id } = await tx.insertInto('containment').values(link).returning('id').executeTakeFirstOrThrow()
  return { id, ...link }
}

/** Index containment_unique. */
export async function findContainment(
  db: Db,
  link: { parentId: number; childId: number },
): Promise<number | undefined> {
  const { parentId, childId } = link
  const found = db
    .selectFrom('containment')
    .select('id')
    .where('parentId', '=', parentId)
    .where('childId', '=', childId)
  return (await found.executeTakeFirst())?.id
}

/** Ids of what a resource contains by a link of its own. Index containment_unique. */
export async function listChildIds(db: Db, parentId: number): Promise<number[]> {
  const rows = await db.selectFrom('containment').select('childId').where('parentId', '=', parentId).execute()
  return rows.map(({ childId }) => childId)
}

export async function deleteContainment(tx: Tx, id: number): Promise<void> {
  await tx.deleteFrom('containment').where('id', '=', id).execute()
}

/** The links by which these things lie in the default edge groups of these users. Index containment_child. */
export async function listDefaultContainments(
  db: Db,
  userIds: readonly number[],
  childIds: readonly number[],
): Promise<{ id: number; userId: number; childId: number }[]> {
  return await db
    .selectFrom('defaultEdgeGroup')
    .innerJoin('containment', 'containment.parentId', 'defaultEdgeGroup.edgeGroupId')
    .select(['containment.id', 'defaultEdgeGroup.userId', 'containment.childId'])
    .where('defaultEdgeGroup.userId', 'in', userIds)
    .where('containment.childId', 'in', childIds)
    .execute()
}

/** Which of these things these principals are granted something on themselves. Index access_grant_resource. */
export async function listGrantPairs(
  db: Db,
  principalIds: readonly number[],
  resourceIds: readonly number[],
): Promise<{ principalId: number; resourceId: number }[]> {
  return await db
    .selectFrom('accessGrant')
    .select(['principalId', 'resourceId'])
    .where('principalId', 'in', principalIds)
    .where('resourceId', 'in', resourceIds)
    .execute()
}

/** Every link up or down. */
export async function deleteContainmentsOf(tx: Tx, resourceId: number): Promise<number[]> {
  const links = tx
    .deleteFrom('containment')
    .where((is) => is.or([is('parentId', '=', resourceId), is('childId', '=', resourceId)]))
  return (await links.returning('id').execute()).map(({ id }) => id)
}

export type NewGrant = Omit<GrantRow, 'id'>

export async function insertGrantRow(tx: Tx, grant: NewGrant): Promise<GrantRow> {
  const { id } = await tx
    .insertInto('accessGrant')
    .values({
      ...grant,
      components: grant.components && JSON.stringify(grant.components),
      dataWindows: grant.dataWindows && JSON.stringify(grant.dataWindows),
      validFrom: toDate(grant.validFrom),
      validTo: toDate(grant.validTo),
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return { id, ...grant }
}

/** Any number of grants in one statement; ids rise in their order. */
export async function insertGrantRows(tx: Tx, grants: readonly NewGrant[]): Promise<GrantRow[]> {
  if (grants.length === 0) return []
  const values = grants.map((grant) => ({
    ...grant,
    validFrom: toDate(grant.validFrom),
    validTo: toDate(grant.validTo),
  }))
  const { rows } = await sql<{ id: number }>`
    insert into access_grant
      (principal_id, resource_id, role_id, components, valid_from, valid_to, data_windows, source, granted_by)
    select "principalId", "resourceId", "roleId", components, "validFrom", "validTo", "dataWindows", source, "grantedBy"
    from rows from (jsonb_to_recordset(${JSON.stringify(values)}::jsonb) as (
      "principalId" int, "resourceId" int, "roleId" int, components jsonb, "validFrom" timestamptz, "validTo" timestamptz,
      "dataWindows" jsonb, source text, "grantedBy" int)) with ordinality
    order by ordinality
    returning id`.execute(tx)
  const ids = rows.map(({ id }) => id).sort((a, b) => a - b)
  return grants.map((grant, index) => ({ id: ids[index] as number, ...grant }))
}

export async function deleteGrantRow(tx: Tx, id: number): Promise<void> {
  await tx.deleteFrom('accessGrant').where('id', '=', id).execute()
}

/** Index access_grant_resource. */
export async function deleteGrantsOn(tx: Tx, resourceId: number): Promise<number[]> {
  const rows = await tx.deleteFrom('accessGrant').where('resourceId', '=', resourceId).returning('id').execute()
  return rows.map(({ id }) => id)
}

/** Index access_grant_resource. */
export async function listGrantIdsOn(db: Db, resourceId: number): Promise<number[]> {
  const rows = await db.selectFrom('accessGrant').select('id').where('resourceId', '=', resourceId).execute()
  return rows.map(({ id }) => id)
}

/** The grants of one principal on one resource. Indexes access_grant_principal and access_grant_resource. */
export async function listGrantIdsBetween(db: Db, principalId: number, resourceId: number): Promise<number[]> {
  const rows = await db
    .selectFrom('accessGrant')
    .select('id')
    .where('principalId', '=', principalId)
    .where('resourceId', '=', resourceId)
    .orderBy('id')
    .execute()
  return rows.map(({ id }) => id)
}

/** Index access_grant_resource. */
export async function listGrantIdsFrom(db: Db, resourceId: number, source: string): Promise<number[]> {
  const query = db.selectFrom('accessGrant').select('id').where('resourceId', '=', resourceId)
  const rows = await query.where('source', '=', source).execute()
  return rows.map(({ id }) => id)
}

/** Index access_grant_principal. */
export async function listGrantIdsOf(db: Db, principalId: number): Promise<number[]> {
  const rows = await db.selectFrom('accessGrant').select('id').where('principalId', '=', principalId).execute()
  return rows.map(({ id }) => id)
}

/** Index membership_member. */
export async function listMembershipIdsOf(db: Db, memberId: number): Promise<number[]> {
  const rows = await db.selectFrom('membership').select('id').where('memberId', '=', memberId).execute()
  return rows.map(({ id }) => id)
}

function toDate(at: number | null): Date | null {
  return at === null ? null : new Date(at)
}
