import { z } from 'zod'
import { requireEdgeRole } from '../access/door.ts'
import type { EdgeRow, OpenemsRole } from '../access/model.ts'
import { type Call, defineMethod } from '../rpc/method.ts'
import { setupProtocolTypes } from '../setup-protocols/setup-protocol.ts'
import {
  extendSetup,
  latestSetup,
  listSetupProtocols,
  printSetupProtocol,
  submitSetupProtocol as submit,
} from '../setup-protocols/setup-protocol-service.ts'
import { edgeId, integer } from './shapes.ts'
import { actorFor, onBehalf, subjectOf } from './subject.ts'

const clients = ['ui', 'service', 'backend'] as const
const text = z.string().max(500)
const short = text.default('')
const contact = z.object({
  firstname: short,
  lastname: short,
  email: text,
  phone: short,
  address: z.object({ street: short, zip: short, city: short, country: short }),
  company: z.object({ name: text }).optional(),
})
const lots = z.array(z.object({ category: short, name: short, serialNumber: short })).max(1000)
const items = z
  .array(z.object({ category: short, name: short, value: short, view: text.optional(), field: text.optional() }))
  .max(1000)
const protocol = z.object({
  edge: z.object({ id: edgeId }),
  customer: contact,
  installer: contact.optional(),
  location: contact.optional(),
  lots: lots.default([]),
  items: items.default([]),
  oem: short,
})
const coreInfo = z.object({
  setupProtocolId: z.number(),
  createDate: z.string(),
  setupProtocolType: z.enum(setupProtocolTypes),
})
const protocolId = z.object({ setupProtocolId: z.number() })

/** Whose rights count, and the edge if they suffice. */
function edgeFor(
  call: Call,
  { edgeId, userId }: { edgeId: string; userId?: string | undefined },
  atLeast: OpenemsRole,
): { principalId: number; edge: EdgeRow } {
  const principalId = subjectOf(call, userId)
  const { edge } = requireEdgeRole(call.ctx, { type: 'subject', principalId }, edgeId, atLeast, call.now, edgeId)
  return { principalId, edge }
}

const submitSetupProtocol = defineMethod({
  name: 'submitSetupProtocol',
  summary: 'Keeps a setup protocol and makes the customer owner of the edge; for installers of the edge.',
  clients,
  params: z.object({ protocol, ...onBehalf }),
  result: protocolId,
  scope: 'authenticate',
  access: 'signedIn',
  handler: async (call, params) => {
    const { edge: named, ...content } = params.protocol
    const { principalId, edge } = edgeFor(call, { edgeId: named.id, userId: params.userId }, 'installer')
    return { setupProtocolId: await submit(call.ctx, actorFor(call, principalId), edge, content) }
  },
})

const createSerialNumberExtensionProtocol = defineMethod({
  name: 'createSerialNumberExtensionProtocol',
  summary: 'Keeps the serial numbers of parts that were added to a system; for installers of the edge.',
  clients,
  params: z.object({ edgeId, serialNumbers: lots, items: items.default([]), ...onBehalf }),
  result: protocolId,
  scope: 'authenticate',
  access: 'signedIn',
  handler: async (call, params) => {
    const { principalId, edge } = edgeFor(call, params, 'installer')
    const parts = { lots: params.serialNumbers, items: params.items }
    return { setupProtocolId: await extendSetup(call.ctx, actorFor(call, principalId), edge, parts) }
  },
})

const getSetupProtocol = defineMethod({
  name: 'getSetupProtocol',
  summary: 'A setup protocol as PDF in Base64; for owners of its edge (OpenEMS itself asks nobody).',
  clients,
  params: z.object({ setupProtocolId: integer, ...onBehalf }),
  result: z.object({ payload: z.string() }),
  scope: 'authenticate',
  access: 'signedIn',
  handler: async (call, params) => {
    const pdf = await printSetupProtocol(call.ctx, subjectOf(call, params.userId), params.setupProtocolId)
    return { payload: pdf.toString('base64') }
  },
})

const getSetupProtocolData = defineMethod({
  name: 'getSetupProtocolData',
  summary: 'Customer, location and items of the newest setup protocol; empty without one. For owners of the edge.',
  clients,
  params: z.object({ edgeId, ...onBehalf }),
  result: z.object({ customer: contact.optional(), location: contact.optional(), items: items.optional() }),
  scope: 'authenticate',
  access: 'signedIn',
  handler: async (call, params) => {
    const { principalId, edge } = edgeFor(call, params, 'owner')
    const content = await latestSetup(call.ctx, principalId, edge)
    return content === undefined ? {} : shown(content)
  },
})

const getLatestSetupProtocolCoreInfo = defineMethod({
  name: 'getLatestSetupProtocolCoreInfo',
  summary: 'Number, day and kind of the newest protocol of an edge; empty without one.',
  clients,
  params: z.object({ edgeId, ...onBehalf }),
  result: coreInfo.partial(),
  scope: 'authenticate',
  access: 'signedIn',
  handler: async (call, params) => {
    const { principalId, edge } = edgeFor(call, params, 'owner')
    const [newest] = await listSetupProtocols(call.ctx, principalId, edge)
    return newest === undefined ? {} : toCoreInfo(newest)
  },
})

const getProtocolsCoreInfo = defineMethod({
  name: 'getProtocolsCoreInfo',
  summary:
    'Protocols of an edge, newest first; none for guests: the profile page asks for every role and stops half-way on an error.',
  clients,
  params: z.object({ edgeId, ...onBehalf }),
  result: z.object({ setupProtocols: z.array(coreInfo) }),
  scope: 'authenticate',
  access: 'signedIn',
  handler: async (call, params) => {
    const { principalId, edge } = edgeFor(call, params, 'guest')
    return { setupProtocols: (await listSetupProtocols(call.ctx, principalId, edge)).map(toCoreInfo) }
  },
})

type Listed = Awaited<ReturnType<typeof listSetupProtocols>>[number]

function toCoreInfo({ id, createdAt, type }: Listed) {
  return { setupProtocolId: id, createDate: createdAt.toISOString(), setupProtocolType: type }
}

function shown({ customer, location, items: all }: NonNullable<Awaited<ReturnType<typeof latestSetup>>>) {
  return { items: all, ...(customer ? { customer } : {}), ...(location ? { location } : {}) }
}

export const setupProtocolMethods = [
  submitSetupProtocol,
  createSerialNumberExtensionProtocol,
  getSetupProtocol,
  getSetupProtocolData,
  getLatestSetupProtocolCoreInfo,
  getProtocolsCoreInfo,
]
