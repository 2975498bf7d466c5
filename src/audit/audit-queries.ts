import { sql } from 'kysely'
import { nameOfAsker } from '../access/people-door.ts'
import type { AppContext } from '../context.ts'
import { BATCH_ENTITY, fromBatch } from '../db/change-log.ts'

/** One entry of the log as people read it. */
export interface AuditEntry {
  revision: number
  at: string
  actor: string | null
  subject: string | null
  action: string
  entity: string
  entityId: string
  before: Record<string, unknown> | null
  after: Record<string, unknown> | null
}

/** What the log carries for the nodes, but nobody needs to read. */
const hidden = new Set(['keyHash'])

/** A page of the log, newest first. Indexes change_pk, change_actor, change_entity. */
export async function listChanges(
  ctx: AppContext,
  filter: {
    before?: number | undefined
    limit: number
    actorId?: number | undefined
    entity?: string | undefined
    entityId?: string | undefined
  },
): Promise<AuditEntry[]> {
  const rows = await ctx.db
    .selectFrom('change')
    .select(['revision', 'at', 'actorId', 'subjectId', 'action', 'entity', 'entityId', 'before', 'after'])
    .$if(filter.before !== undefined, (query) => query.where('revision', '<', filter.before ?? 0))
    .$if(filter.actorId !== undefined, (query) => query.where('actorId', '=', filter.actorId ?? 0))
    .$if(filter.entity !== undefined || filter.entityId !== undefined, (query) => query.where(about(filter)))
    .orderBy('revision', 'desc')
    .limit(filter.limit)
    .execute()
  const name = (id: number | null) => (id === null ? null : nameOfAsker(ctx.store.index, id))
  return rows.map((row) => ({
    revision: row.revision,
    at: row.at.toISOString(),
    actor: name(row.actorId),
    subject: name(row.subjectId),
    action: row.action,
    entity: row.entity,
    entityId: row.entityId,
    before: redact(row.before),
    after: redact(row.entity === BATCH_ENTITY ? { changes: fromBatch(row.after) } : row.after),
  }))
}

/** The number of whom the log calls so. */
export function findActor({ store }: AppContext, name: string): number | undefined {
  const text = name.trim()
  const user = store.index.userByLogin(text.toLowerCase())
  if (user !== undefined) return user.id
  const service = store.index.serviceByName(text)
  if (service !== undefined) return service.id
  const gone = /^principal (\d{1,9})$/.exec(text)
  return gone ? Number(gone[1]) : undefined
}

/** Rows about something. What an import changed about a user at once stands in one row, which is about all that is in it. */
function about({ entity, entityId }: { entity?: string | undefined; entityId?: string | undefined }) {
  const isIt = sql<boolean>`(${entity === undefined ? sql`true` : sql`entity = ${entity}`}
    and ${entityId === undefined ? sql`true` : sql`entity_id = ${entityId}`})`
  if (entity === undefined || entity === BATCH_ENTITY) return isIt
  if (entity === 'user') {
    return entityId === undefined
      ? sql<boolean>`entity in ('user', ${BATCH_ENTITY})`
      : sql<boolean>`entity in ('user', ${BATCH_ENTITY}) and entity_id = ${entityId}`
  }
  const id = Number(entityId)
  const parts =
    entityId === undefined
      ? [{ entity }]
      : [
          { entity, id },
          { entity, each: { id: [id] } },
        ]
  const isIn = sql.join(
    parts.map((part) => sql`after @> ${JSON.stringify({ changes: [part] })}::jsonb`),
    sql` or `,
  )
  return sql<boolean>`(${isIt} or (entity = ${BATCH_ENTITY} and (${isIn})))`
}

function redact(row: unknown): Record<string, unknown> | null {
  if (typeof row !== 'object' || row === null) return null
  return Object.fromEntries(Object.entries(row).filter(([key]) => !hidden.has(key)))
}
