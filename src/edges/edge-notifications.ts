import { coversComponent } from '../access/components.ts'
import type { AppContext } from '../context.ts'
import { toText } from '../lib/text.ts'
import type { LiveEdge } from '../live/hub.ts'
import { cutConfig } from './config-diff.ts'
import { stopSystemLog } from './edge-rpc.ts'

/** How long after a forwarded request a new configuration counts as its effect. */
const CONFIG_ACTOR_MS = 60_000

type Handler = (ctx: AppContext, edge: LiveEdge, params: Record<string, unknown>, now: number) => void

/** Everything an edge may notify (protocol B.2); a row here is all there is to a notification. */
export const edgeNotifications: Readonly<Record<string, Handler>> = {
  edgeConfig(ctx, edge, params, now) {
    const actor = edge.configActor
    const actorId = actor !== undefined && now - actor.at < CONFIG_ACTOR_MS ? actor.principalId : null
    ctx.configs.received(edge.id, params, actorId)
    tellConfig(ctx, edge, params)
  },
  timestampedData(ctx, edge, params, now) {
    ctx.hub.currentData(edge, params, now)
  },
  aggregatedData(ctx, edge, params, now) {
    ctx.hub.aggregatedData(edge, params, now)
  },
  resendData() {
    // Historic values for a time-series store; there is none here yet, and they say nothing about the present.
  },
  systemLog(ctx, edge, params) {
    if (!ctx.hub.systemLog(edge, params)) stopSystemLog(ctx, edge)
  },
  logMessage(ctx, edge, params) {
    ctx.log.info({ edgeId: edge.name, text: toText(params['msg'], 500) }, 'message from an edge')
  },
}

/** Tells whoever watches an edge of its new configuration: of the components that he may see. */
export function tellConfig(ctx: Pick<AppContext, 'hub'>, edge: LiveEdge, config: Record<string, unknown>): void {
  ctx.hub.broadcast(edge, 'edgeConfig', (shown) =>
    shown === null ? config : cutConfig(config, (component) => coversComponent(shown, component)),
  )
}
