import { z } from 'zod'
import { type EdgeRow, type Permission, PLATFORM_RESOURCE_ID } from '../access/model.ts'
import { deleteEdge as remove, renameEdge as rename } from '../edges/edge-changes.ts'
import { createEdge as newEdge, rotateEdgeKey as rotate } from '../edges/edge-service.ts'
import { type Call, defineMethod } from '../rpc/method.ts'
import { actorOf, operatorClients as clients, lookOf, may, refused } from './rights-shapes.ts'
import { edgeId, empty, integer } from './shapes.ts'

const newEdgeId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'letters, digits, ".", "_" and "-"')

/** The edge of this name on which the caller holds the permission; any other gets one answer, with the name (G-14). */
export function shownEdge(call: Call, permission: Permission, edgeName: string): EdgeRow {
  const look = lookOf(call)
  const edge = look.index.edgeByName(edgeName)
  if (edge === undefined || !may(look, permission, edge.id))
    throw refused(look, edgeName, edge === undefined && `edge ${edgeName}`)
  return edge
}

const createEdge = defineMethod({
  name: 'createEdge',
  summary: 'Registers an edge. API key and setup password are shown once.',
  clients,
  params: z.strictObject({
    edgeId: newEdgeId,
    comment: z.string().max(500).optional(),
    producttype: z.string().max(200).optional(),
    siteId: integer.optional(),
    apiKey: z.string().min(16).max(512).optional(),
    setupPassword: z.string().min(8).max(100).optional(),
  }),
  result: z.object({ edgeId: z.string(), apiKey: z.string(), setupPassword: z.string() }),
  access: { permission: 'install', resource: () => PLATFORM_RESOURCE_ID },
  handler: async (call, params) => {
    const { edge, apiKey, setupPassword } = await newEdge(call.ctx, actorOf(call), params)
    return { edgeId: edge.edgeId, apiKey, setupPassword }
  },
})

const renameEdge = defineMethod({
  name: 'renameEdge',
  summary:
    'Changes what people read of an edge: its comment, for who controls it, and its type, for who installs it. The id stays.',
  clients,
  params: z.strictObject({
    edgeId,
    comment: z.string().max(500).optional(),
    producttype: z.string().max(200).optional(),
  }),
  result: empty,
  access: 'signedIn',
  handler: async (call, { edgeId, ...change }) => {
    await rename(call.ctx, actorOf(call), edgeId, change)
    return {}
  },
})

const deleteEdge = defineMethod({
  name: 'deleteEdge',
  summary:
    'Deletes an edge with its keys, configuration and grants, and ends its connection; while earlier owners keep data of it, only the platform does that.',
  clients,
  params: z.strictObject({ edgeId }),
  result: empty,
  access: 'signedIn',
  handler: async (call, params) => {
    await remove(call.ctx, actorOf(call), params.edgeId)
    return {}
  },
})

const rotateEdgeKey = defineMethod({
  name: 'rotateEdgeKey',
  summary: 'Gives an edge a new API key, shown once; old keys stay valid for the overlap, 0 cuts the edge off at once.',
  clients,
  params: z.strictObject({
    edgeId,
    overlapHours: z
      .number()
      .min(0)
      .max(24 * 90)
      .default(24),
  }),
  result: z.object({ edgeId: z.string(), apiKey: z.string(), oldKeysValidTo: z.string() }),
  access: 'signedIn',
  handler: async (call, params) => {
    const edge = shownEdge(call, 'configRaw', params.edgeId)
    const { apiKey, oldKeysValidTo } = await rotate(call.ctx, actorOf(call), edge, params.overlapHours)
    return { edgeId: edge.edgeId, apiKey, oldKeysValidTo: oldKeysValidTo.toISOString() }
  },
})

export const edgeRecordMethods = [createEdge, renameEdge, deleteEdge, rotateEdgeKey]
