import { z } from 'zod'
import { principalOf } from '../access/door.ts'
import type { EdgeRow } from '../access/model.ts'
import { edgeDetails, findBySetupPassword } from '../edges/edge-service.ts'
import { AppError, problem } from '../errors.ts'
import { type Call, defineMethod } from '../rpc/method.ts'
import { backendClients, readsAll, speaksForUsers } from './backend-access.ts'
import { login } from './rights-shapes.ts'
import { edgeId, empty } from './shapes.ts'

/** The text of the stock backend (protocol E.1). */
function edgeNamed({ ctx }: Call, name: string): EdgeRow {
  ctx.store.assertFresh()
  const edge = ctx.store.index.edgeByName(name)
  if (edge === undefined) throw problem(`Unable to get Edge for id [${name}]`)
  return edge
}

const getEdgeIdForApikey = defineMethod({
  name: 'getEdgeIdForApikey',
  summary: 'The edge an API key belongs to; empty when it is none or not valid now.',
  clients: backendClients,
  params: z.object({ apikey: z.string().min(1).max(512) }),
  result: z.object({ edgeId: z.string().optional() }),
  ...readsAll,
  example: { params: { apikey: 'an API key' }, result: { edgeId: 'edge0' } },
  handler: ({ ctx, now }, { apikey }) => {
    ctx.store.assertFresh()
    const key = ctx.credentials.find(apikey.trim(), now.getTime())
    const edge = key && ctx.store.index.edge(key.edgeId)
    return edge === undefined ? {} : { edgeId: edge.edgeId }
  },
})

const getEdgeBySetupPassword = defineMethod({
  name: 'getEdgeBySetupPassword',
  summary: 'The edge a setup password belongs to; empty when there is none; attempts are limited.',
  clients: backendClients,
  params: z.object({ setupPassword: z.string().min(1).max(100) }),
  result: z.object({ edgeId: z.string().optional() }),
  ...readsAll,
  handler: async ({ ctx, caller }, { setupPassword }) => {
    const account = `setupPassword service ${principalOf(caller)}`
    using attempt = await ctx.throttle.begin({
      account,
      password: setupPassword,
      clientAddress: account,
      isKnownAddress: async () => false,
    })
    if (attempt === undefined) throw new AppError('tooManyRequests')
    const edge = await findBySetupPassword(ctx, setupPassword)
    if (edge !== undefined) return { edgeId: edge.edgeId }
    await attempt.failed()
    return {}
  },
})

const getEdgeConfig = defineMethod({
  name: 'getEdgeConfig',
  summary: 'The configuration an edge sent last, also while it is offline; empty when it never sent one.',
  clients: backendClients,
  params: z.object({ edgeId }),
  result: z.object({ config: z.unknown() }),
  ...readsAll,
  handler: async (call, params) => ({ config: (await call.ctx.configs.get(edgeNamed(call, params.edgeId).id)) ?? {} }),
})

const getSerialNumberForEdge = defineMethod({
  name: 'getSerialNumberForEdge',
  summary: 'Serial number of the energy management system; empty when it is not known.',
  clients: backendClients,
  params: z.object({ edgeId }),
  result: z.object({ serialNumber: z.string().optional() }),
  ...readsAll,
  example: { params: { edgeId: 'edge0' }, result: { serialNumber: 'EMS-0001' } },
  handler: async (call, params) => {
    const { serialNumber } = await edgeDetails(call.ctx, edgeNamed(call, params.edgeId).id)
    return serialNumber === '' ? {} : { serialNumber }
  },
})

const text = z.string().max(2000)

const logGenericSystemLog = defineMethod({
  name: 'logGenericSystemLog',
  summary: 'Puts down in the log what a user did to a device through a backend.',
  clients: backendClients,
  params: z.object({
    edgeId,
    userId: login,
    teaser: z.string().min(1).max(300),
    values: z
      .record(z.string().max(100), text)
      .refine((values) => Object.keys(values).length <= 50, 'At most 50 values')
      .default({}),
  }),
  result: empty,
  ...speaksForUsers,
  example: {
    params: { edgeId: 'edge0', userId: 'ada', teaser: 'Systemrestart', values: { type: 'SOFT' } },
    result: {},
  },
  handler: async (call, { userId, teaser, values, edgeId: name }) => {
    const { ctx } = call
    const edge = edgeNamed(call, name)
    const user = ctx.store.index.userByLogin(userId.toLowerCase())
    if (user === undefined) throw new AppError('forbidden', [userId, 'user'])
    await ctx.write({ actorId: principalOf(call.caller), subjectId: user.id }, async (w) => {
      w.noted('edge.systemLog', 'edge', String(edge.id), { edgeId: edge.edgeId, teaser, values })
    })
    return {}
  },
})

export const metadataEdgeMethods = [
  getEdgeIdForApikey,
  getEdgeBySetupPassword,
  getEdgeConfig,
  getSerialNumberForEdge,
  logGenericSystemLog,
]
