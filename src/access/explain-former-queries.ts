import { sql } from 'kysely'
import type { Db } from '../db/database.ts'
import type { EntityName } from './model.ts'
import type { Grantee, Target } from './role-grant-service.ts'

/** Who or what bore a name or a number in the past and is gone now, or is called otherwise. */

/** The principal that is meant at a revision, or was at last before it was gone; undefined where that is none of those. */
export async function formerPrincipal(db: Db, named: Grantee, at: number | 'last'): Promise<number | undefined> {
  if ('login' in named) return formerly(db, 'user', named.login.trim().toLowerCase(), at)
  if ('service' in named) return formerly(db, 'service', named.service, at)
  return 'userGroupId' in named ? lastKnown(db, 'userGroup', named.userGroupId) : undefined
}

/** The resource that is meant, likewise. */
export async function formerResource(db: Db, on: Target, at: number | 'last'): Promise<number | undefined> {
  if ('edgeId' in on) return formerly(db, 'edge', on.edgeId, at)
  if ('siteId' in on) return lastKnown(db, 'site', on.siteId)
  if ('organisationId' in on) return lastKnown(db, 'organisation', on.organisationId)
  return 'edgeGroupId' in on ? lastKnown(db, 'edgeGroup', on.edgeGroupId) : undefined
}

/** Whoever gave a name up, by going or by taking another: the first since, if he had it then; or the last. Index change_name. */
async function formerly(
  db: Db,
  entity: 'user' | 'service' | 'edge',
  name: string,
  at: number | 'last',
): Promise<number | undefined> {
  const gave = await db
    .selectFrom('change')
    .select('entityId')
    .where('entity', '=', entity)
    .where('revision', '>', at === 'last' ? 0 : at)
    .where(sql<boolean>`not noted and before is not null`)
    .where(sql<boolean>`(after is null or before ->> 'login' is distinct from after ->> 'login')`)
    .where(sql<boolean>`entity in ('user', 'service', 'edge')`)
    .where(sql<boolean>`coalesce(before ->> 'login', before ->> 'edgeId', before ->> 'name') = ${name}`)
    .orderBy('revision', at === 'last' ? 'desc' : 'asc')
    .limit(1)
    .executeTakeFirst()
  if (gave === undefined || at === 'last') return gave && Number(gave.entityId)
  const first = await db
    .selectFrom('change')
    .select(sql<string | null>`coalesce(before ->> 'login', before ->> 'edgeId', before ->> 'name')`.as('name'))
    .where('entity', '=', entity)
    .where('entityId', '=', gave.entityId)
    .where('revision', '>', at)
    .where('noted', '=', false)
    .orderBy('revision')
    .limit(1)
    .executeTakeFirst()
  return first?.name === name ? Number(gave.entityId) : undefined
}

/** A number of this kind that is gone. Index change_entity. */
async function lastKnown(db: Db, entity: EntityName, id: number): Promise<number | undefined> {
  const gone = await db
    .selectFrom('change')
    .select('revision')
    .where('entity', '=', entity)
    .where('entityId', '=', String(id))
    .where('noted', '=', false)
    .where('after', 'is', null)
    .limit(1)
    .executeTakeFirst()
  return gone && id
}
