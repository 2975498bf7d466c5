import type { GraphSource } from '../db/graph-rows.ts'
import type { Actor, Write } from '../db/write.ts'
import { type AppError, problem } from '../errors.ts'
import type { EdgeRow, EntityName, EntityRows, Permission } from './model.ts'
import { anyResource, refusalTo } from './people-door.ts'

/** A resource that has a row of its own. */
export type ResourceEntity = 'organisation' | 'site' | 'edge' | 'edgeGroup'

/** What people call them. */
export const resourceWords: Readonly<Record<ResourceEntity, string>> = {
  organisation: 'organisation',
  site: 'site',
  edge: 'edge',
  edgeGroup: 'edge group',
}

/**
 * The door for whoever changes something: asked inside the write, so that the answer holds for the very state that is
 * changed. As in `door.ts`, what does not exist and what may not be seen give one answer (G-14).
 */

/** By whose rights something is done: whom the actor acts as, or himself. Null: the service itself, which may do all. */
export function rightsHolder(actor: Actor): number | null {
  return actor.subjectId ?? actor.actorId
}

/** Whether it is the actor himself who would give up something: whoever only helps as him does not do that (K4). */
export function isHimself(w: Pick<Write, 'index'>, actor: Actor, principalId: number | undefined): boolean {
  return principalId !== undefined && principalId === rightsHolder(actor) && w.index.decidesOwn(principalId)
}

/** The permission on the resource, else 1005. */
export function requireRight(w: Write, actor: Actor, permission: Permission, resourceId: number): void {
  if (hasRight(w, actor, permission, resourceId)) return
  throw refusal(w, actor, permission, !hasRight(w, actor, 'discover', resourceId) && anyResource(resourceId))
}

/** Whether whoever does it holds the permission on the resource. */
export function hasRight(w: Write, actor: Actor, permission: Permission, resourceId: number): boolean {
  const principalId = rightsHolder(actor)
  return principalId === null || w.index.allows(principalId, permission, resourceId, w.now.getTime())
}

/** The row of a resource on which the permission is held, else 1005: also when there is none of this kind. */
export function requireResource<E extends ResourceEntity>(
  w: Write,
  actor: Actor,
  permission: Permission,
  entity: E,
  id: number,
): EntityRows[E] {
  const row = w.index.row(entity, id)
  if (row === undefined || !hasRight(w, actor, permission, id))
    throw refusal(w, actor, permission, row === undefined && `${resourceWords[entity]} ${id}`)
  return row
}

/** The edge of this name on which the permission is held, else 1005 with the name as it was typed. */
export function requireEdge(w: Write, actor: Actor, permission: Permission, edgeName: string): EdgeRow {
  const edge = w.index.edgeByName(edgeName)
  if (edge === undefined || !hasRight(w, actor, permission, edge.id))
    throw refusal(w, actor, edgeName, edge === undefined && `edge ${edgeName}`)
  return edge
}

/** The one answer for "there is none", "you may not see it" and "you may not do this"; `absent` as in `refusalTo`. */
export function refusal(
  w: Pick<Write, 'index' | 'now'>,
  actor: Actor,
  what: string,
  absent?: string | false,
): AppError {
  return refusalTo({ index: w.index, askerId: rightsHolder(actor), at: w.now.getTime() }, what, absent)
}

/** A row that the database says is there. */
export function rowOf<E extends EntityName>(w: Write, entity: E, id: number): EntityRows[E] {
  const row = w.index.row(entity, id)
  if (row === undefined) throw new Error(`${entity} ${id} is in the database and not in the index`)
  return row
}

/** A period that is one. */
export function requirePeriod(validFrom: Date | null, validTo: Date | null): void {
  if (validFrom !== null && validTo !== null && validFrom >= validTo)
    throw problem('The period would end before it begins')
}

/** A name of one line, at most 200 characters, not empty. */
export function requireName(text: string): string {
  const name = requireText(text, 'The name')
  if (name === '') throw problem('The name is empty')
  return name
}

/** A text of one line, at most so long. */
export function requireText(text: string, what: string, maxLength = 200): string {
  const line = text.trim()
  if (line.length > maxLength) throw problem(`${what} is too long: at most ${maxLength} characters`)
  if (/\p{Cc}/u.test(line)) throw problem(`${what} contains control characters`)
  return line
}

/** Changes a row as part of a write; nothing is written or logged when nothing is different. */
export async function changeRow<E extends EntityName>(
  w: Write,
  action: string,
  entity: E,
  { before, after }: { before: GraphSource<E>; after: GraphSource<E> },
  update: (tx: Write['tx']) => Promise<unknown>,
): Promise<void> {
  if (JSON.stringify(after) === JSON.stringify(before)) return
  await update(w.tx)
  w.updated(action, entity, before, after)
}
