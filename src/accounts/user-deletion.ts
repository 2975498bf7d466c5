import { guardOwners } from '../access/guard-door.ts'
import type { EntityName, EntityRows } from '../access/model.ts'
import type { Actor, Write } from '../db/write.ts'
import type { AccountsContext } from './accounts-context.ts'
import { endSessionsOf } from './session-service.ts'
import {
  deleteAccount,
  deleteClaimsOf,
  deleteGrantsOf,
  deleteMembershipsOf,
  deleteRestrictionsOf,
  disownEdgeGroups,
  disownUserGroups,
} from './user-deletion-queries.ts'
import { requireAnother, requireUser } from './user-service.ts'

/**
 * Deletes an account with its grants, memberships and personal data. What it did and granted stays under its number, and
 * its groups stay without an owner.
 */
export async function deleteUser(ctx: Pick<AccountsContext, 'write'>, actor: Actor, userId: number): Promise<void> {
  requireAnother(actor, userId, 'delete')
  await ctx.write(actor, async (w) => {
    const user = requireUser(w, userId)
    guardOwners(w, { usersRemoved: [userId] })
    await endSessionsOf(w, userId, 'deleted')
    logDeleted(w, 'grant', await deleteGrantsOf(w.tx, userId))
    logDeleted(w, 'membership', await deleteMembershipsOf(w.tx, userId))
    logDeleted(w, 'restriction', await deleteRestrictionsOf(w.tx, userId))
    logDeleted(w, 'claim', await deleteClaimsOf(w.tx, userId))
    for (const id of await disownUserGroups(w.tx, userId)) {
      const group = rowOf(w, 'userGroup', id)
      w.updated('userGroup.disowned', 'userGroup', group, { ...group, ownerId: null })
    }
    for (const id of await disownEdgeGroups(w.tx, userId)) {
      const group = rowOf(w, 'edgeGroup', id)
      w.updated('edgeGroup.disowned', 'edgeGroup', group, { ...group, ownerId: null })
    }
    await deleteAccount(w.tx, userId)
    w.deleted('user.deleted', 'user', user)
  })
}

function logDeleted(w: Write, entity: 'grant' | 'membership' | 'restriction' | 'claim', ids: readonly number[]): void {
  for (const id of ids) w.deleted(`${entity}.deleted`, entity, rowOf(w, entity, id))
}

function rowOf<E extends EntityName>(w: Write, entity: E, id: number): EntityRows[E] {
  const row = w.index.row(entity, id)
  if (row === undefined) throw new Error(`${entity} ${id} is in the database and not in the index`)
  return row
}
