import { z } from 'zod'
import { componentsWithRole, edgeRoleOf, principalOf, requireComponentRole } from '../access/door.ts'
import type { EdgeRow } from '../access/model.ts'
import { cutConfig } from '../edges/config-diff.ts'
import { askEdge, componentAsked, edgeUser } from '../edges/edge-rpc.ts'
import { auditSystemCommand } from '../edges/system-commands.ts'
import { AppError, problem } from '../errors.ts'
import { classify, type FrameId, type Params } from '../rpc/envelope.ts'
import { type Call, defineMethod } from '../rpc/method.ts'
import { requireScope } from '../rpc/scope.ts'
import { answerPerson } from './app-center.ts'
import { edgeId, integer } from './shapes.ts'

type Target = { edge: EdgeRow }
interface Payload {
  id: FrameId
  method: string
  params: Params
}
type PayloadHandler = (call: Call, target: Target, params: Params, payload: Payload) => unknown

/** Declares an `edgeRpc` payload that is answered here instead of by the edge (protocol C.4). */
function local<P extends z.ZodType>(
  params: P,
  handler: (call: Call, target: Target, params: z.output<P>, payload: Payload) => unknown,
): PayloadHandler {
  return (call, target, given, payload) => {
    const parsed = params.safeParse(given)
    if (!parsed.success) {
      const issue = parsed.error.issues[0]
      throw new AppError('invalidParams', [`payload.${issue?.path.join('.') ?? 'params'}: ${issue?.message ?? ''}`])
    }
    return handler(call, target, parsed.data, payload)
  }
}

const channels = z.array(z.string().min(1).max(300)).max(2000)
const period = z.object({ timezone: z.string().max(100), fromDate: z.string().max(40), toDate: z.string().max(40) })
const query = period.extend({ channels })

const noHistory = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, []]))
/** There is no store of history behind this service yet: empty answers the UI can draw, and no invented numbers. */
const emptySeries = local(query, (_call, _target, params) => ({ timestamps: [], data: noHistory(params.channels) }))

const payloads: Readonly<Record<string, PayloadHandler>> = {
  getEdgeConfig: local(z.object({}), async ({ ctx, caller, now }, { edge }) => {
    const config = (await ctx.configs.get(edge.id)) ?? { components: {}, factories: {} }
    const shows = componentsWithRole(ctx, principalOf(caller), edge.id, now.getTime())
    return shows === null ? config : cutConfig(config, shows)
  }),

  subscribeChannels: local(z.object({ count: integer.default(0), channels }), ({ ctx, session }, { edge }, params) => {
    if (session.kind !== 'ui') throw new AppError('unknownMethod', ['subscribeChannels'])
    // Requests may overtake each other in a browser; an older list must not replace a newer one (ui.md section 4).
    if (params.count < session.channelCount) return {}
    session.channelCount = params.count
    session.subscription ??= ctx.hub.subscribe(session.watcher)
    ctx.hub.watchChannels(session.subscription, edge.id, params.channels)
    return {}
  }),

  subscribeSystemLog: local(z.object({ subscribe: z.boolean() }), async (call, target, params, payload) => {
    const { ctx, session, caller, now } = call
    if (session.kind !== 'ui') throw new AppError('unknownMethod', ['subscribeSystemLog'])
    const whole = { edge: target.edge, component: null }
    requireComponentRole(ctx, caller, whole, 'owner', now, payload.method)
    session.subscription ??= ctx.hub.subscribe(session.watcher)
    const tellEdge = ctx.hub.watchSystemLog(session.subscription, target.edge.id, target.edge.edgeId, params.subscribe)
    return tellEdge ? forward(call, target, payload) : {}
  }),

  queryHistoricTimeseriesData: emptySeries,
  queryHistoricTimeseriesEnergyPerPeriod: emptySeries,
  queryHistoricTimeseriesEnergy: local(query, () => ({ data: {} })),
  queryHistoricTimeseriesExportXlxs: local(period, () => {
    throw problem('No history is stored, so there is nothing to export')
  }),
  simulation: () => {
    throw problem('simulation unavailable')
  },
  appCenter: (call, target, params, payload) => {
    const answer = answerPerson(params)
    return 'toEdge' in answer ? forward(call, target, { ...answer.toEdge, id: payload.id }) : answer.result
  },
}

/**
 * Everything else goes to the edge with the caller's role for the component it is about, or for the edge as a whole; the edge
 * enforces the rest (protocol B.3).
 */
async function forward(call: Call, { edge }: Target, payload: Payload): Promise<unknown> {
  const { ctx, caller, now } = call
  const principalId = principalOf(caller)
  requireScope(caller, 'write', payload.method)
  const asked = { edge, component: componentAsked(payload) }
  const role = requireComponentRole(ctx, caller, asked, 'guest', now, payload.method)
  const user = ctx.store.index.user(principalId)
  const asUser = user
    ? edgeUser(user, role)
    : { id: `service:${principalId}`, name: nameOfService(ctx, principalId), role }
  await auditSystemCommand(ctx, principalId, edge, payload)
  // The history of the configuration names who did it, not as whom.
  const doneBy = caller.type === 'user' ? (caller.impersonation?.actorId ?? principalId) : principalId
  return askEdge(ctx, edge, asUser, payload, doneBy)
}

function nameOfService(ctx: Call['ctx'], principalId: number): string {
  return ctx.store.index.row('service', principalId)?.name ?? 'service'
}

const edgeRpc = defineMethod({
  name: 'edgeRpc',
  summary:
    'A request to an edge, or about one. The answer repeats the inner id. What goes on to the edge takes the scope `write`.',
  clients: ['ui', 'service', 'backend', 'rest'],
  params: z.object({ edgeId, payload: z.record(z.string(), z.unknown()) }),
  result: z.object({
    payload: z.object({ jsonrpc: z.literal('2.0'), id: z.union([z.string(), z.number()]), result: z.unknown() }),
  }),
  scope: 'read',
  access: { edgeRole: 'guest', edges: (params) => params.edgeId },
  unlimited: true,
  handler: (call, params) => {
    const read = classify(params.payload)
    // Over HTTP the inner id may be left out as well (protocol D.2).
    const payload = read.kind === 'notification' ? { ...read, kind: 'request' as const, id: crypto.randomUUID() } : read
    if (payload.kind !== 'request') throw new AppError('invalidParams', ['payload: must be a request'])
    const target = edgeRoleOf(call.ctx, call.caller, params.edgeId, call.now)
    const handler = Object.hasOwn(payloads, payload.method) ? payloads[payload.method] : undefined
    const result = handler ? handler(call, target, payload.params, payload) : forward(call, target, payload)
    const wrap = (value: unknown) => ({ payload: { jsonrpc: '2.0' as const, id: payload.id, result: value ?? {} } })
    return result instanceof Promise ? result.then(wrap) : wrap(result)
  },
})

const SCHEDULER = 'ctrlBalancingSchedule0'

const setGridConnSchedule = defineMethod({
  name: 'setGridConnSchedule',
  summary: 'Hands a grid connection schedule to the edge; the result is the inner envelope, as in OpenEMS.',
  clients: ['ui', 'service', 'backend', 'rest'],
  params: z.object({
    id: edgeId,
    schedule: z
      .array(z.object({ startTimestamp: integer, duration: integer, activePowerSetPoint: integer }))
      .max(10_000),
  }),
  result: z.object({ jsonrpc: z.literal('2.0'), id: z.string(), result: z.unknown() }),
  scope: 'write',
  access: { edgeRole: 'admin', edges: (params) => params.id },
  handler: async (call, params) => {
    const { ctx, caller, now } = call
    const target = edgeRoleOf(ctx, caller, params.id, now)
    const asked = { edge: target.edge, component: SCHEDULER }
    requireComponentRole(ctx, caller, asked, 'admin', now, 'setGridConnSchedule')
    const id = crypto.randomUUID()
    const inner = { jsonrpc: '2.0', id: crypto.randomUUID(), method: 'setGridConnSchedule', params }
    const payload = {
      id,
      method: 'componentJsonApi',
      params: { componentId: SCHEDULER, payload: inner },
    }
    return { jsonrpc: '2.0' as const, id, result: await forward(call, target, payload) }
  },
})

export const edgeRpcMethods = [edgeRpc, setGridConnSchedule]
