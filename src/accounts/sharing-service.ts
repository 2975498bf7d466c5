import type { Actor } from '../db/write.ts'
import type { AccountsContext } from './accounts-context.ts'
import { changeUser, requireUser } from './user-service.ts'

/** Whether others may know of an account and grant to it (G-17, G-18). What was granted before stays (G-20). */
export async function setShareable(
  ctx: Pick<AccountsContext, 'write'>,
  actor: Actor,
  userId: number,
  shareable: boolean,
): Promise<void> {
  await ctx.write(actor, async (w) => {
    await changeUser(w, 'user.shareableSet', requireUser(w, userId), { shareable })
  })
}
