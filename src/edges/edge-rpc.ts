import { randomUUID } from 'node:crypto'
import type { OpenemsRole, UserRow } from '../access/model.ts'
import type { AppContext } from '../context.ts'
import { AppError, problem } from '../errors.ts'
import type { LiveEdge } from '../live/hub.ts'

/** The request inside an `edgeRpc`. */
export interface EdgePayload {
  id: string | number
  method: string
  params: Record<string, unknown>
}
/** As whom an edge is asked; the edge trusts `role` entirely (protocol B.3), so it comes from the access door only. */
export interface EdgeUser {
  id: string
  name: string
  language?: string
  role: OpenemsRole
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
/** Requests that may change the configuration; the next one the edge sends is put down to their sender. */
const configMethods = new Set([
  'createComponentConfig',
  'updateComponentConfig',
  'deleteComponentConfig',
  'componentJsonApi',
])

/** Requests about the one component that they name. */
const componentMethods = new Set([
  'updateComponentConfig',
  'deleteComponentConfig',
  'setChannelValue',
  'componentJsonApi',
])

/**
 * The component that a request is about; null for whatever else it asks of the edge. What begins with `_` is there once and
 * serves the whole edge (shell, network, apps), and another id makes it another component.
 */
export function componentAsked({ method, params }: Pick<EdgePayload, 'method' | 'params'>): string | null {
  const { componentId, properties } = params
  if (!componentMethods.has(method) || typeof componentId !== 'string' || componentId.startsWith('_')) return null
  const changesId = Array.isArray(properties) && properties.some((one: { name?: unknown } | null) => one?.name === 'id')
  return changesId ? null : componentId
}

/** The user part of an `authenticatedRpc` for a person. */
export function edgeUser(user: UserRow, role: OpenemsRole): EdgeUser {
  return { id: user.login, name: user.name, language: user.language, role }
}

/**
 * Sends a payload to an edge as `authenticatedRpc` and returns the inner result (protocol B.3). Throws 3000 when the edge is
 * not connected or drops meanwhile, code 1 when it does not answer in time, and the edge's own error as it came.
 */
export async function askEdge(
  ctx: AppContext,
  edge: { id: number; edgeId: string },
  user: EdgeUser,
  payload: EdgePayload,
  principalId: number | null,
): Promise<unknown> {
  const live = ctx.hub.find(edge.id)
  const link = live?.link
  if (live === undefined || link === undefined) throw new AppError('edgeNotConnected', [edge.edgeId])
  if (principalId !== null && configMethods.has(payload.method)) {
    live.configActor = { principalId, at: ctx.clock().getTime() }
  }
  const id = typeof payload.id === 'string' && UUID.test(payload.id) ? payload.id : randomUUID()
  const answer = await link.request(
    'authenticatedRpc',
    { user: { ...user }, payload: { jsonrpc: '2.0', method: payload.method, params: payload.params, id } },
    ctx.config.edgeRequestTimeoutMs,
  )
  const inner = (answer as { payload?: { result?: unknown } } | null)?.payload?.result
  if (typeof inner !== 'object' || inner === null)
    throw problem(`Edge [${edge.edgeId}] gave an answer without a result`)
  return inner
}

/** Tells edges that nobody reads their system log any more (protocol B.5: user `internal`, role guest). */
export function releaseSystemLogs(ctx: AppContext, edges: readonly LiveEdge[]): void {
  for (const edge of edges) stopSystemLog(ctx, edge)
}

/** Same for one edge; failures do not matter, the next stray line repeats it. */
export function stopSystemLog(ctx: AppContext, edge: LiveEdge): void {
  if (edge.link === undefined) return
  const user: EdgeUser = { id: 'internal', name: 'internal', role: 'guest' }
  const payload = { id: randomUUID(), method: 'subscribeSystemLog', params: { subscribe: false } }
  askEdge(ctx, { id: edge.id, edgeId: edge.name }, user, payload, null).catch(() => undefined)
}

/** Starts the system log again on an edge that reconnected while somebody reads it. */
export function resumeSystemLog(ctx: AppContext, edge: LiveEdge): void {
  if (edge.logWatchers === undefined) return
  const user: EdgeUser = { id: 'internal', name: 'internal', role: 'owner' }
  const payload = { id: randomUUID(), method: 'subscribeSystemLog', params: { subscribe: true } }
  askEdge(ctx, { id: edge.id, edgeId: edge.name }, user, payload, null).catch(() => undefined)
}
