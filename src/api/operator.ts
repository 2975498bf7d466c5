import { z } from 'zod'
import { principalOf } from '../access/door.ts'
import { grantAccess as grant, revokeAccess as revoke } from '../access/grant-service.ts'
import { type EdgeRow, LOCAL_OPERATOR_PRINCIPAL_ID, type Permission, PLATFORM_RESOURCE_ID } from '../access/model.ts'
import { findVisibleUser, managesUsers } from '../access/people-door.ts'
import { createInvitation as invite } from '../accounts/registration-service.ts'
import { setServiceDisabled as disableService } from '../accounts/service-tokens.ts'
import { deleteUser as removeUser } from '../accounts/user-deletion.ts'
import {
  disableUser as disable,
  enableUser as enable,
  createUser as newUser,
  setPassword as storePassword,
} from '../accounts/user-service.ts'
import { createEdge as newEdge, rotateEdgeKey as rotate } from '../edges/edge-service.ts'
import { problem } from '../errors.ts'
import { type Call, defineMethod } from '../rpc/method.ts'
import { actorOf, operatorClients as clients, login, lookOf, may, name, period, refused } from './rights-shapes.ts'
import { edgeId, empty, integer, role } from './shapes.ts'

/** No principal has this id. */
const NOBODY = 0
const platform = () => PLATFORM_RESOURCE_ID
const password = z.string().max(1000)
const newEdgeId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'letters, digits, ".", "_" and "-"')

/** The account, for whoever looks after all of them, who is told that there is none (O-09). */
function userNamed(call: Call, text: string): number {
  const user = lookOf(call).index.userByLogin(text.trim().toLowerCase())
  if (user === undefined) throw problem(`There is no user ${text.slice(0, 100)}`)
  return user.id
}

/** Who may be granted to: accounts the caller may know of (G-17..19); a private one does not exist for him. */
function granteeNamed(call: Call, text: string): number {
  const look = lookOf(call)
  if (managesUsers(look)) return userNamed(call, text)
  const user = findVisibleUser(look, text)
  if (user === undefined) throw refused(look, text.slice(0, 100))
  return user.id
}

/** From whom something is withdrawn: who is not there has nothing, and that is all that is told of him (G-17). */
function holderNamed(call: Call, text: string): number {
  const look = lookOf(call)
  if (managesUsers(look)) return userNamed(call, text)
  return look.index.userByLogin(text.trim().toLowerCase())?.id ?? NOBODY
}

/** The edge of this name on which the caller holds the permission; any other gets one answer, with the name (G-14). */
function shownEdge(call: Call, permission: Permission, edgeName: string): EdgeRow {
  const look = lookOf(call)
  const edge = look.index.edgeByName(edgeName)
  if (edge === undefined || !may(look, permission, edge.id)) throw refused(look, edgeName)
  return edge
}

const createUser = defineMethod({
  name: 'createUser',
  summary: 'Creates an account. Without a password nobody can log in to it until one is set.',
  clients,
  params: z.strictObject({
    login,
    name: name.optional(),
    email: z.string().max(254).optional(),
    language: z.string().max(20).optional(),
    globalRole: role.default('guest'),
    password: password.optional(),
  }),
  result: z.object({ login: z.string() }),
  access: { permission: 'manageUser', resource: platform },
  handler: async (call, params) => {
    const user = await newUser(call.ctx, actorOf(call), { ...params, name: params.name ?? params.login })
    return { login: user.login }
  },
})

const setPassword = defineMethod({
  name: 'setPassword',
  summary: 'Sets the password of an account and ends its sessions.',
  clients,
  params: z.strictObject({ login, password }),
  result: empty,
  access: { permission: 'manageUser', resource: platform },
  handler: async (call, params) => {
    await storePassword(call.ctx, actorOf(call), userNamed(call, params.login), params.password)
    return {}
  },
})

const setUserDisabled = defineMethod({
  name: 'setUserDisabled',
  summary: 'Disables an account and ends its sessions at once, or enables it again.',
  clients,
  params: z.strictObject({ login, disabled: z.boolean() }),
  result: empty,
  access: { permission: 'manageUser', resource: platform },
  handler: async (call, params) => {
    const userId = userNamed(call, params.login)
    await (params.disabled ? disable : enable)(call.ctx, actorOf(call), userId)
    return {}
  },
})

const deleteUser = defineMethod({
  name: 'deleteUser',
  summary: 'Deletes an account with its profile, sessions and grants. The log keeps what it did.',
  clients,
  params: z.strictObject({ login }),
  result: empty,
  access: { permission: 'manageUser', resource: platform },
  handler: async (call, params) => {
    await removeUser(call.ctx, actorOf(call), userNamed(call, params.login))
    return {}
  },
})

const createInvitation = defineMethod({
  name: 'createInvitation',
  summary: 'Makes a single-use invitation to register. The token is shown once.',
  clients,
  params: z.strictObject({
    email: z.string().max(254).optional(),
    globalRole: role.default('owner'),
    validDays: integer.pipe(z.number().min(1).max(365)).default(14),
  }),
  result: z.object({ token: z.string(), expiresAt: z.string() }),
  access: { permission: 'manageUser', resource: platform },
  handler: async (call, params) => {
    const { token, expiresAt } = await invite(call.ctx, actorOf(call), params)
    return { token, expiresAt: expiresAt.toISOString() }
  },
})

const setServiceDisabled = defineMethod({
  name: 'setServiceDisabled',
  summary: 'Refuses a service everything at once, open sockets included, or lets it in again.',
  clients,
  params: z.strictObject({ name, disabled: z.boolean() }),
  result: empty,
  access: { permission: 'manageUser', resource: platform },
  handler: async (call, params) => {
    const service = [...call.ctx.store.index.rows('service')].find((row) => row.name === params.name)
    if (service === undefined || service.id === LOCAL_OPERATOR_PRINCIPAL_ID) {
      throw problem(`There is no service ${params.name} to disable`)
    }
    await disableService(call.ctx, actorOf(call), service.id, params.disabled)
    return {}
  },
})

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
  access: { permission: 'install', resource: platform },
  handler: async (call, params) => {
    const { edge, apiKey, setupPassword } = await newEdge(call.ctx, actorOf(call), params)
    return { edgeId: edge.edgeId, apiKey, setupPassword }
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

const target = z.union([
  z.strictObject({ edgeId }),
  z.strictObject({ resourceId: integer }),
  z.strictObject({ platform: z.literal(true) }),
])

function resourceOf(call: Call, on: z.output<typeof target>): number {
  if ('platform' in on) return PLATFORM_RESOURCE_ID
  if ('resourceId' in on) return on.resourceId
  return shownEdge(call, 'share', on.edgeId).id
}

const grantAccess = defineMethod({
  name: 'grantAccess',
  summary: 'Grants a user an OpenEMS role on an edge, a site, an organisation or the platform, for a time if wanted.',
  clients,
  params: z.strictObject({ login, on: target, role, ...period }),
  result: z.object({ grantId: z.number() }),
  access: 'signedIn',
  handler: async (call, params) => {
    const row = await grant(call.ctx, principalOf(call.session.caller), {
      principalId: granteeNamed(call, params.login),
      resourceId: resourceOf(call, params.on),
      role: params.role,
      validFrom: params.validFrom ?? null,
      validTo: params.validTo ?? null,
    })
    return { grantId: row.id }
  },
})

const revokeAccess = defineMethod({
  name: 'revokeAccess',
  summary: 'Withdraws every grant of a user on a resource; open sockets notice within a second.',
  clients,
  params: z.strictObject({ login, on: target }),
  result: z.object({ revoked: z.number() }),
  access: 'signedIn',
  handler: async (call, params) => ({
    revoked: await revoke(call.ctx, principalOf(call.session.caller), {
      principalId: holderNamed(call, params.login),
      resourceId: resourceOf(call, params.on),
    }),
  }),
})

export const operatorMethods = [
  createUser,
  setPassword,
  setUserDisabled,
  deleteUser,
  createInvitation,
  setServiceDisabled,
  createEdge,
  rotateEdgeKey,
  grantAccess,
  revokeAccess,
]
