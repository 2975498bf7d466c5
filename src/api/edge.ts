import { z } from 'zod'
import { coversChannel } from '../access/components.ts'
import { edgeRoleOf, principalOf, requireLive } from '../access/door.ts'
import { addEdgeToUser as addEdge, edgeDetails } from '../edges/edge-service.ts'
import { type EdgeStates, levels } from '../live/edge-states.ts'
import { type Call, defineMethod } from '../rpc/method.ts'
import { Written } from '../rpc/written.ts'
import {
  channel,
  edgeId,
  edgeMetadata,
  empty,
  integer,
  limit,
  MAX_VALUES,
  requireAddresses,
  toEdgeMetadata,
} from './shapes.ts'
import { actorFor, onBehalf, personOf, subjectOf } from './subject.ts'

const order = z.object({
  field: z.string().max(50),
  sortOrder: z.string().transform((text) => text.toUpperCase() === 'DESC'),
})
const level = z.string().transform((text, context) => {
  const index = (levels as readonly string[]).indexOf(text.toUpperCase())
  if (index < 0) context.addIssue({ code: 'custom', message: `[${text.slice(0, 30)}] is not a level` })
  return index
})

const getEdge = defineMethod({
  name: 'getEdge',
  summary: 'One edge the caller may see.',
  clients: ['ui', 'service', 'backend'],
  params: z.object({ edgeId, ...onBehalf }),
  result: z.object({ edge: edgeMetadata }),
  scope: 'read',
  access: 'signedIn',
  handler: (call, params) => {
    const { ctx, now } = call
    const principalId = subjectOf(call, params.userId)
    const { edge, role } = edgeRoleOf(ctx, { type: 'subject', principalId }, params.edgeId, now)
    return { edge: toEdgeMetadata(edge, ctx.hub.states.get(edge.id), role) }
  },
})

/** Page, search, filters and order of a list of edges. Protocol C.6. */
export const edgesQuery = z.object({
  page: integer.pipe(z.number().min(0).max(1_000_000)).default(0),
  limit,
  query: z.string().max(200).optional(),
  searchParams: z
    .object({
      producttype: z.array(z.string().max(200)).max(100).optional(),
      sumState: z.array(level).max(10).optional(),
      isOnline: z.boolean().optional(),
      orderState: z.array(order).max(5).optional(),
    })
    .default({}),
})

const getEdges = defineMethod({
  name: 'getEdges',
  summary: 'A page of the edges the caller may see: searched, filtered, sorted; fewer than `limit` is the last page.',
  clients: ['ui', 'service', 'backend'],
  params: edgesQuery.extend(onBehalf),
  result: z.object({ edges: z.array(edgeMetadata) }),
  scope: 'read',
  access: 'signedIn',
  handler: (call, { userId, ...query }) => edgePage(call, subjectOf(call, userId), query),
})

/** A page of the edges that a principal may see, with his roles; `isAsked` leaves some out. Throws 1006. */
export function edgePage(
  { ctx, now }: Call,
  principalId: number,
  { page, limit, query, searchParams }: z.output<typeof edgesQuery>,
  isAsked?: (edgeId: number) => boolean,
): Written<{ edges: z.input<typeof edgeMetadata>[] }> {
  ctx.store.assertFresh()
  const { states } = ctx.hub
  const { isOnline, sumState, producttype } = searchParams
  const within = [
    ...(isOnline === undefined ? [] : [states.onlineTest(isOnline)]),
    ...(sumState && sumState.length > 0 ? [states.sumStateTest(sumState)] : []),
  ]
  const { index } = ctx.store
  const ids = index.pageOfEdges(
    principalId,
    {
      ...(query !== undefined && query.trim() !== '' ? { text: query.trim() } : {}),
      ...(producttype && producttype.length > 0 ? { producttypes: producttype } : {}),
      ...(isAsked ? { filter: isAsked } : {}),
      within,
      withRole: true,
      order: toOrder(searchParams.orderState ?? [], states),
      offset: page * limit,
      limit,
    },
    now.getTime(),
  )
  const texts = ids.flatMap((id) => {
    const role = index.edgeRole(principalId, id, now.getTime())
    return role === undefined ? [] : (ctx.edgeTexts.get(id, role) ?? [])
  })
  return new Written(`{"edges":[${texts.join(',')}]}`)
}

type Order = Parameters<import('../access/access-index.ts').AccessIndex['listEdges']>[1]['order']

/** `sumState ASC` is "fault to OK" in the UI (ui.md section 3), so the rank runs backwards; unknown fields are ignored. */
function toOrder(fields: readonly { field: string; sortOrder: boolean }[], states: EdgeStates): Order {
  const rank = (id: number) => Math.max(0, states.sumStateOf(id))
  const known: Order = fields.flatMap(({ field, sortOrder: descending }): Order => {
    if (field === 'id' || field === 'comment') return [{ field, descending }]
    if (field === 'sumState') return [{ field: 'rank', descending: !descending, rank, ranks: states.sumStateRanks }]
    return []
  })
  return known.length > 0 ? known : [{ field: 'id', descending: false }]
}

const addEdgeToUser = defineMethod({
  name: 'addEdgeToUser',
  summary: 'Links the caller to the edge whose setup password he knows; attempts are limited.',
  clients: ['ui', 'service', 'backend'],
  params: z.object({ setupPassword: z.string().min(1).max(100), ...onBehalf }),
  result: z.object({
    edge: z.object({
      id: z.string(),
      comment: z.string(),
      version: z.string(),
      producttype: z.string(),
      online: z.boolean(),
      sumState: z.string().nullable(),
      lastmessage: z.string().optional(),
      settings: z.record(z.string(), z.unknown()).optional(),
    }),
    serialNumber: z.string().optional(),
  }),
  scope: 'authenticate',
  access: 'signedIn',
  handler: async (call, params) => {
    const { ctx, session } = call
    const userId = personOf(call, params.userId)
    const edge = await addEdge(ctx, userId, session.clientAddress, params.setupPassword, actorFor(call, userId))
    const { serialNumber } = await edgeDetails(ctx, edge.id)
    const { isOnline, sumState, role: _role, ...metadata } = toEdgeMetadata(edge, ctx.hub.states.get(edge.id), 'guest')
    return {
      edge: { ...metadata, online: isOnline, sumState: sumState ?? null },
      ...(serialNumber === '' ? {} : { serialNumber }),
    }
  },
})

const getEmsType = defineMethod({
  name: 'getEmsType',
  summary: 'Type of the energy management system.',
  clients: ['ui', 'service', 'backend'],
  params: z.object({ edgeId }),
  result: z.object({ emsType: z.string().optional() }),
  scope: 'read',
  access: { edgeRole: 'guest', edges: (params) => params.edgeId },
  handler: async ({ ctx, caller, now }, params) => {
    const { emsType } = await edgeDetails(ctx, edgeRoleOf(ctx, caller, params.edgeId, now).edge.id)
    return emsType === '' ? {} : { emsType }
  },
})

const getEdgesStatus = defineMethod({
  name: 'getEdgesStatus',
  summary: 'Whether each edge is online.',
  clients: ['ui', 'service', 'backend', 'rest'],
  params: z.object({ edgeIds: z.array(edgeId).max(1000) }),
  result: z.record(z.string(), z.object({ online: z.boolean() })),
  scope: 'read',
  access: { edgeRole: 'guest', edges: (params) => params.edgeIds },
  handler: ({ ctx, caller, now }, params) =>
    Object.fromEntries(
      params.edgeIds.map((name) => {
        const { edge } = edgeRoleOf(ctx, caller, name, now)
        return [name, { online: ctx.hub.states.isOnline(edge.id) }]
      }),
    ),
})

const getEdgesChannelsValues = defineMethod({
  name: 'getEdgesChannelsValues',
  summary: 'Newest values of channels of several edges; null where unknown.',
  clients: ['ui', 'service', 'backend', 'rest'],
  params: z
    .object({ ids: z.array(edgeId).max(1000), channels: z.array(channel).max(1000) })
    .refine(({ ids, channels }) => ids.length * channels.length <= MAX_VALUES, `At most ${MAX_VALUES} values at once`),
  result: z.record(z.string(), z.record(z.string(), z.union([z.number(), z.string(), z.boolean(), z.null()]))),
  scope: 'read',
  access: { edgeRole: 'guest', edges: (params) => params.ids },
  handler: ({ ctx, caller, now }, { ids, channels }) => {
    requireAddresses(channels)
    return Object.fromEntries(
      ids.map((name) => {
        const { edge } = edgeRoleOf(ctx, caller, name, now)
        const shown = requireLive(ctx, principalOf(caller), edge, now)
        const cache = ctx.hub.find(edge.id)?.cache
        const shownValue = (address: string) => (coversChannel(shown, address) ? (cache?.get(address) ?? null) : null)
        return [name, Object.fromEntries(channels.map((address) => [address, shownValue(address)]))]
      }),
    )
  },
})

const subscribeEdges = defineMethod({
  name: 'subscribeEdges',
  summary:
    'Replaces the set of edges whose notifications this socket gets. The effect is immediate, the answer comes when the OpenEMS UI is ready for it.',
  clients: ['ui'],
  params: z.object({ edges: z.array(edgeId).max(1000) }),
  result: empty,
  access: { edgeRole: 'guest', edges: (params) => params.edges },
  answerAfterMs: (ctx) => ctx.config.uiSubscribeAnswerMs,
  handler: ({ ctx, session, caller, now }, { edges }) => {
    session.subscription ??= ctx.hub.subscribe(session.watcher)
    const rows = edges.map((name) => edgeRoleOf(ctx, caller, name, now).edge)
    ctx.hub.watchEdges(
      session.subscription,
      rows.map((edge) => ({ id: edge.id, name: edge.edgeId })),
    )
    return {}
  },
})

export const edgeMethods = [
  getEdge,
  getEdges,
  addEdgeToUser,
  getEmsType,
  getEdgesStatus,
  getEdgesChannelsValues,
  subscribeEdges,
]
