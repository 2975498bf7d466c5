import type { AppContext } from '../context.ts'
import type { Actor } from '../db/write.ts'

/** Minutes until a person is told, 0 is off (OC-18). */
export interface AlertingSettings {
  userLogin: string
  offlineEdgeDelay: number
  faultEdgeDelay: number
  warningEdgeDelay: number
}

/** Settings for one edge: of one user, or of all. Index user_alerting_pk. */
export async function listAlerting(
  ctx: AppContext,
  edgeId: number,
  userId: number | undefined,
): Promise<AlertingSettings[]> {
  const rows = await ctx.db
    .selectFrom('userAlerting')
    .innerJoin('userAccount', 'userAccount.id', 'userAlerting.userId')
    .select(['userAccount.login', 'offlineDelayMinutes', 'faultDelayMinutes', 'warningDelayMinutes'])
    .where('edgeId', '=', edgeId)
    .$if(userId !== undefined, (query) => query.where('userId', '=', userId ?? 0))
    .orderBy('userAccount.login')
    .limit(1000)
    .execute()
  return rows.map((row) => ({
    userLogin: row.login,
    offlineEdgeDelay: row.offlineDelayMinutes,
    faultEdgeDelay: row.faultDelayMinutes,
    warningEdgeDelay: row.warningDelayMinutes,
  }))
}

/** Stores settings of several users for one edge, all or none. */
export async function storeAlerting(
  ctx: AppContext,
  actor: Actor,
  edgeId: number,
  entries: readonly (AlertingSettings & { userId: number })[],
): Promise<void> {
  if (entries.length === 0) return
  await ctx.write(actor, async (write) => {
    await write.tx
      .insertInto('userAlerting')
      .values(
        entries.map((entry) => ({
          edgeId,
          userId: entry.userId,
          offlineDelayMinutes: entry.offlineEdgeDelay,
          faultDelayMinutes: entry.faultEdgeDelay,
          warningDelayMinutes: entry.warningEdgeDelay,
        })),
      )
      .onConflict((conflict) =>
        conflict.columns(['edgeId', 'userId']).doUpdateSet((is) => ({
          offlineDelayMinutes: is.ref('excluded.offlineDelayMinutes'),
          faultDelayMinutes: is.ref('excluded.faultDelayMinutes'),
          warningDelayMinutes: is.ref('excluded.warningDelayMinutes'),
        })),
      )
      .execute()
    for (const { userId, userLogin: _login, ...delays } of entries)
      write.noted('alerting.set', 'edge', String(edgeId), { userId, ...delays })
  })
}
