import { guardMembership, holdsNothingBeyond } from '../access/guard-door.ts'
import { refusal, rightsHolder } from '../access/write-door.ts'
import { requireNewPassword } from '../accounts/account-rules.ts'
import { insertConsent } from '../accounts/impersonation-queries.ts'
import { addUser, type NewAccount, prepareUser, replacePassword } from '../accounts/user-service.ts'
import type { AppContext } from '../context.ts'
import type { Actor, Write } from '../db/write.ts'
import { problem } from '../errors.ts'
import { listInvitationsOf } from '../invitations/invitation-queries.ts'
import { requireBringer, requireUserGroup } from './group-rules.ts'
import { findManagingGroup, insertManagedAccount, ownsUserGroup } from './managed-member-queries.ts'
import { insertMembership } from './user-group-queries.ts'

/**
 * Creates an account inside a user group (E-04): it is a member at once, the group looks after it, and those who decide about the
 * group may act as it, until its holder sets a password of his own.
 */
export async function createGroupMember(
  ctx: Pick<AppContext, 'write' | 'passwords' | 'settings'>,
  actor: Actor,
  groupId: number,
  account: Omit<NewAccount, 'globalRole' | 'shareable'>,
): Promise<{ login: string }> {
  const prepared = await prepareUser(ctx, { ...account, globalRole: ctx.settings.registrationRole })
  return ctx.write(actor, async (w) => {
    const group = requireUserGroup(w, actor, groupId)
    requireBringer(w, actor, group)
    await guardMembership(w, actor, { groupId, memberId: undefined, validFrom: null, validTo: null })
    const user = await addUser(w, prepared)
    const membership = await insertMembership(w.tx, {
      groupId,
      memberId: user.id,
      state: 'active',
      validFrom: null,
      validTo: null,
      addedBy: rightsHolder(actor),
    })
    w.inserted('membership.created', 'membership', membership)
    await insertManagedAccount(w.tx, user.id, groupId)
    await insertConsent(w.tx, membership.id, w.now)
    w.noted('user.managed', 'user', String(user.id), { groupId })
    return { login: user.login }
  })
}

/**
 * Sets the password of an account that the group looks after wholly: one made in it, whose holder has not taken it over, and who
 * has nothing that the caller could not give him. Of any other account nobody learns whether there is one (EC-08, EC-10).
 */
export async function setGroupMemberPassword(
  ctx: Pick<AppContext, 'write' | 'passwords'>,
  actor: Actor,
  { groupId, login, password }: { groupId: number; login: string; password: string },
): Promise<void> {
  const passwordHash = await ctx.passwords.hash(requireNewPassword(password))
  await ctx.write(actor, async (w) => {
    const group = requireUserGroup(w, actor, groupId)
    requireBringer(w, actor, group)
    const userId = w.index.userByLogin(login.trim().toLowerCase())?.id
    if (userId === undefined || (await findManagingGroup(w.tx, userId)) !== groupId) throw refusal(w, actor, 'member')
    if (!(await isWhollyManaged(w, actor, userId))) {
      throw problem('This account has rights beyond the group: its holder sets his password himself')
    }
    await replacePassword(w, userId, passwordHash)
  })
}

/** Whether somebody has nothing that the actor could not give him: otherwise a new password would give it to the actor. */
async function isWhollyManaged(w: Write, actor: Actor, userId: number): Promise<boolean> {
  if (await ownsUserGroup(w.tx, userId)) return false
  if ((await listInvitationsOf(w.tx, userId, w.now)).length > 0) return false
  return holdsNothingBeyond(w, actor, userId)
}
