import type { UserRow } from '../access/model.ts'
import { findContainment, insertContainment, insertResource } from '../access/resource-queries.ts'
import { grantOwnership } from '../access/role-grant-service.ts'
import { rowOf } from '../access/write-door.ts'
import type { Write } from '../db/write.ts'
import { findDefaultEdgeGroup, insertDefaultEdgeGroup, insertEdgeGroup, updateEdgeGroup } from './edge-group-queries.ts'

/** The edge group of a new user, as part of the write that creates him; he administers it like any of his own (G-21). */
export async function createDefaultEdgeGroup(w: Write, user: UserRow): Promise<void> {
  const row = {
    id: await insertResource(w.tx, 'edgeGroup'),
    name: nameFor(user.login),
    description: '',
    purpose: '',
    organisationId: null,
    ownerId: user.id,
  }
  await insertEdgeGroup(w.tx, row)
  w.inserted('edgeGroup.created', 'edgeGroup', row)
  await grantOwnership(w, user.id, row.id, 'group.administration')
  await insertDefaultEdgeGroup(w.tx, user.id, row.id)
}

/** The same for an account that was made without one. */
export async function ensureDefaultEdgeGroup(w: Write, user: UserRow): Promise<void> {
  if ((await findDefaultEdgeGroup(w.tx, user.id)) === undefined) await createDefaultEdgeGroup(w, user)
}

/** The edge group of a user who has another login now follows, unless it was given a name of its own (G-23). */
export async function renameDefaultEdgeGroup(w: Write, userId: number, before: string, after: string): Promise<void> {
  const id = await findDefaultEdgeGroup(w.tx, userId)
  const group = id === undefined ? undefined : rowOf(w, 'edgeGroup', id)
  if (group === undefined || group.name !== nameFor(before)) return
  const renamed = { ...group, name: nameFor(after) }
  await updateEdgeGroup(w.tx, renamed)
  w.updated('edgeGroup.renamed', 'edgeGroup', group, renamed)
}

function nameFor(login: string): string {
  return `The edges of ${login}`.slice(0, 200)
}

/**
 * Lets an edge that a user claims start in his default group, if he still has one and may share the edge (G-21): who may not
 * must not show it to those he lets into the group (G-30).
 */
export async function startInDefaultEdgeGroup(w: Write, userId: number, edgeId: number): Promise<void> {
  if (!w.index.allows(userId, 'share', edgeId, w.now.getTime())) return
  const parentId = await findDefaultEdgeGroup(w.tx, userId)
  if (parentId === undefined) return
  const link = { parentId, childId: edgeId }
  if ((await findContainment(w.tx, link)) !== undefined) return
  if (w.index.misfit('containment', parentId, edgeId) !== undefined) return
  w.inserted('edgeGroup.added', 'containment', await insertContainment(w.tx, link))
}
