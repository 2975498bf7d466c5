import type { Actor, Write } from '../db/write.ts'
import { problem } from '../errors.ts'
import { guardContainment } from './guard-door.ts'
import type { ContainmentRow } from './model.ts'
import {
  deleteContainment,
  deleteContainmentsOf,
  deleteGrantsOn,
  deleteResource,
  findContainment,
  insertContainment,
} from './resource-queries.ts'
import { rowOf } from './write-door.ts'

/** Puts one resource into another as part of a write, if whoever does it may pass on all that this conveys (T4, G-30). */
export async function addContainment(
  w: Write,
  actor: Actor,
  action: string,
  link: { parentId: number; childId: number },
): Promise<ContainmentRow> {
  const known = await findContainment(w.tx, link)
  if (known !== undefined) throw problem('It is contained there already')
  await guardContainment(w, actor, link)
  const row = await insertContainment(w.tx, link)
  w.inserted(action, 'containment', row)
  return row
}

/** Takes one resource out of another as part of a write; false if it is not in there. */
export async function removeContainment(
  w: Write,
  action: string,
  link: { parentId: number; childId: number },
): Promise<boolean> {
  const id = await findContainment(w.tx, link)
  if (id === undefined) return false
  await deleteContainment(w.tx, id)
  w.deleted(action, 'containment', rowOf(w, 'containment', id))
  return true
}

/** Deletes what hangs on a resource: grants on it and its links up and down. Its own row goes next, then its id. */
export async function removeLinks(w: Write, resourceId: number): Promise<void> {
  for (const id of await deleteGrantsOn(w.tx, resourceId)) w.deleted('grant.deleted', 'grant', rowOf(w, 'grant', id))
  for (const id of await deleteContainmentsOf(w.tx, resourceId)) {
    w.deleted('containment.deleted', 'containment', rowOf(w, 'containment', id))
  }
}

/** Gives the id of a deleted resource up. */
export async function removeResource(w: Write, resourceId: number): Promise<void> {
  await deleteResource(w.tx, resourceId)
}
