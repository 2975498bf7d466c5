import type { UserGroupRow } from '../access/model.ts'
import { listGrantIdsOf, listMembershipIdsOf } from '../access/resource-queries.ts'
import { removeGrants } from '../access/role-grant-service.ts'
import { changeRow, requireRight, rowOf } from '../access/write-door.ts'
import type { AppContext } from '../context.ts'
import type { Actor } from '../db/write.ts'
import { checkedText, type GroupText, ownerOf, requireUserGroup, withDefaults } from './group-rules.ts'
import { removeMemberships, requireNotAboveGroup } from './membership-service.ts'
import { deleteUserGroupRow, insertUserGroup, listMembershipIdsIn, updateUserGroup } from './user-group-queries.ts'

/** Creates a user group, which whoever creates it decides about (E-01); one of an organisation its managers as well. */
export async function createUserGroup(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  group: GroupText & { name: string; organisationId?: number | null | undefined },
): Promise<UserGroupRow> {
  const text = checkedText(group)
  const organisationId = group.organisationId ?? null
  return ctx.write(actor, async (w) => {
    if (organisationId !== null) requireRight(w, actor, 'manageMembers', organisationId)
    const row = await insertUserGroup(w.tx, { ...text, organisationId, ownerId: ownerOf(w, actor) })
    w.inserted('userGroup.created', 'userGroup', row)
    return row
  })
}

/** Changes the name of a user group and what else describes it (E-13, GD-03). */
export async function renameUserGroup(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  groupId: number,
  change: GroupText,
): Promise<UserGroupRow> {
  return ctx.write(actor, async (w) => {
    const before = requireUserGroup(w, actor, groupId)
    const after = { ...before, ...checkedText(withDefaults(change, before)) }
    await changeRow(w, 'userGroup.renamed', 'userGroup', { before, after }, (tx) => updateUserGroup(tx, after))
    return after
  })
}

/** Deletes a user group with what was granted to it; its members stay (EC-17). */
export async function deleteUserGroup(ctx: Pick<AppContext, 'write'>, actor: Actor, groupId: number): Promise<void> {
  await ctx.write(actor, async (w) => {
    const group = requireUserGroup(w, actor, groupId)
    requireNotAboveGroup(w, actor, group)
    const memberships = [
      ...(await listMembershipIdsIn(w.tx, group.id)),
      ...(await listMembershipIdsOf(w.tx, group.id)),
    ].map((id) => rowOf(w, 'membership', id))
    const grants = (await listGrantIdsOf(w.tx, group.id)).map((id) => rowOf(w, 'grant', id))
    await removeGrants(w, 'grant.deleted', grants, { membershipsRemoved: memberships })
    await removeMemberships(w, memberships)
    await deleteUserGroupRow(w.tx, group.id)
    w.deleted('userGroup.deleted', 'userGroup', group)
  })
}
