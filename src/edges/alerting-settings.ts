import { sql } from 'kysely'
import type { AppContext } from '../context.ts'
import type { Actor } from '../db/write.ts'

/** Minutes until a person is told, 0 is off (OC-18). */
export interface AlertingSettings {
  userLogin: string
  offlineEdgeDelay: number
  faultEdgeDelay: number
  warningEdgeDelay: number
}

/** With the instants at which he was told last, null for never. */
export interface Alerting extends AlertingSettings {
  lastOfflineAlertAt: Date | null
  lastSumStateAlertAt: Date | null
}
export type AlertKind = 'offline' | 'sumState'

/** Settings for one edge: of one user, or of all. Index user_alerting_pk. */
export async function listAlerting(ctx: AppContext, edgeId: number, userId: number | undefined): Promise<Alerting[]> {
  const rows = await ctx.db
    .selectFrom('userAlerting')
    .innerJoin('userAccount', 'userAccount.id', 'userAlerting.userId')
    .select(['userAccount.login', 'offlineDelayMinutes', 'faultDelayMinutes', 'warningDelayMinutes'])
    .select(['lastOfflineAlertAt', 'lastSumStateAlertAt'])
    .where('edgeId', '=', edgeId)
    .$if(userId !== undefined, (query) => query.where('userId', '=', userId ?? 0))
    .orderBy('userAccount.login')
    .limit(1000)
    .execute()
  return rows.map(({ login, offlineDelayMinutes, faultDelayMinutes, warningDelayMinutes, ...stamps }) => ({
    userLogin: login,
    offlineEdgeDelay: offlineDelayMinutes,
    faultEdgeDelay: faultDelayMinutes,
    warningEdgeDelay: warningDelayMinutes,
    ...stamps,
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

/** Notes that people were told about edges, so that nobody tells them again (protocol F.1). A stamp never moves back. */
export async function stampAlerts(
  ctx: AppContext,
  actor: Actor,
  alerts: { kind: AlertKind; sentAt: Date; pairs: readonly { edgeId: number; userId: number }[] },
): Promise<void> {
  const { kind, sentAt, pairs } = alerts
  if (pairs.length === 0) return
  const column = sql.ref(kind === 'offline' ? 'lastOfflineAlertAt' : 'lastSumStateAlertAt')
  const edgeIds = pairs.map(({ edgeId }) => edgeId)
  const userIds = pairs.map(({ userId }) => userId)
  await ctx.write(actor, async (write) => {
    await sql`update user_alerting set ${column} = greatest(${column}, ${sentAt})
      from unnest(${edgeIds}::int[], ${userIds}::int[]) as told (edge_id, user_id)
      where user_alerting.edge_id = told.edge_id and user_alerting.user_id = told.user_id`.execute(write.tx)
    for (const edgeId of new Set(edgeIds)) {
      const told = pairs.filter((pair) => pair.edgeId === edgeId).map(({ userId }) => userId)
      write.noted('alerting.sent', 'edge', String(edgeId), { kind, sentAt: sentAt.toISOString(), userIds: told })
    }
  })
}
