import { deleteExpiredInvitations } from '../invitations/invitation-queries.ts'
import type { AccountsContext } from './accounts-context.ts'
import { deleteExpiredSessions } from './session-queries.ts'

const KEEP_INVITATIONS_MS = 30 * 86_400_000

/**
 * Deletes what has expired, in batches, so that no statement holds up others for long; returns how many rows. For a
 * schedule; several nodes at once do no harm.
 */
export async function deleteExpired(
  ctx: Pick<AccountsContext, 'db' | 'clock' | 'throttle'>,
  { batch = 1000 }: { batch?: number } = {},
): Promise<number> {
  const now = ctx.clock()
  const longAgo = new Date(now.getTime() - KEEP_INVITATIONS_MS)
  return (
    (await inBatches(batch, () => deleteExpiredSessions(ctx.db, now, batch))) +
    (await inBatches(batch, () => deleteExpiredInvitations(ctx.db, longAgo, batch))) +
    (await inBatches(batch, () => ctx.throttle.deleteEmptied(batch)))
  )
}

async function inBatches(batch: number, deleteSome: () => Promise<number>): Promise<number> {
  let total = 0
  for (;;) {
    const deleted = await deleteSome()
    total += deleted
    if (deleted < batch) return total
  }
}
