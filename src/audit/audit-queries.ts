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
    .$if(filter.entity !== undefined, (query) => query.where('entity', 'in', entitiesFor(filter.entity ?? '')))
    .$if(filter.entityId !== undefined, (query) => query.where('entityId', '=', filter.entityId ?? ''))
    .orderBy('revision', 'desc')
    .limit(filter.limit)
    .execute()
  const name = (id: number | null) => (id === null ? null : (ctx.store.index.user(id)?.login ?? `principal ${id}`))
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

/** What an import changed about a user at once stands in rows of their own, which are about him, too. */
function entitiesFor(entity: string): string[] {
  return entity === 'user' ? [entity, BATCH_ENTITY] : [entity]
}

function redact(row: unknown): Record<string, unknown> | null {
  if (typeof row !== 'object' || row === null) return null
  return Object.fromEntries(Object.entries(row).filter(([key]) => !hidden.has(key)))
}
