import { holdsNothingBeyond, mayEnter } from '../access/guard-door.ts'
import { controlsUserGroup, managesUsers } from '../access/people-door.ts'
import { hasRight, rightsHolder } from '../access/write-door.ts'
import type { Actor, Write } from '../db/write.ts'
import { listHomes, listInvitedOrOwning } from './invitation-queries.ts'

/**
 * Which of these accounts the actor may let somebody in to: for whoever looks after all accounts any that has no more on the
 * platform than he; else those that an import of his organisation made, or that a group of his looks after, while they have
 * nothing that he could not give them himself (E-02, EC-08, EC-10). His own is none of them.
 */
export async function managedAccounts(
  w: Write,
  actor: Actor,
  userIds: readonly number[],
): Promise<ReadonlySet<number>> {
  const look = { index: w.index, askerId: rightsHolder(actor), at: w.now.getTime() }
  const known = userIds.filter((id) => w.index.user(id) !== undefined)
  if (managesUsers(look)) return new Set(known.filter((id) => mayEnter(w, actor, id)))
  const beside = await listInvitedOrOwning(w.tx, known, w.now)
  const managed = new Set<number>()
  for (const { userId, organisationId, groupId } of await listHomes(w.tx, known)) {
    const group = w.index.row('userGroup', groupId ?? 0)
    const isHis =
      (organisationId !== null && hasRight(w, actor, 'manageMembers', organisationId)) ||
      (group !== undefined && controlsUserGroup(look, group))
    if (!isHis || userId === look.askerId || beside.has(userId)) continue
    if (await holdsNothingBeyond(w, actor, userId)) managed.add(userId)
  }
  return managed
}
