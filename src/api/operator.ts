import { z } from 'zod'
import { principalOf, requirePermission } from '../access/door.ts'
import { grantAccess as grant, revokeAccess as revoke } from '../access/grant-service.ts'
import { LOCAL_OPERATOR_PRINCIPAL_ID, PLATFORM_RESOURCE_ID } from '../access/model.ts'
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
import { AppError, problem } from '../errors.ts'
import { type Call, defineMethod } from '../rpc/method.ts'
import { edgeId, empty, integer, role } from './shapes.ts'

const clients = ['ui', 'service'] as const
const platform = () => PLATFORM_RESOURCE_ID
const login = z.string().min(1).max(254)
const name = z.string().trim().min(1).max(200)
const password = z.string().max(1000)
const instant = z.iso.datetime({ offset: false }).transform((text) => new Date(text))
const newEdgeId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'letters, digits, ".", "_" and "-"')

const actorOf = (call: Call) => ({ actorId: principalOf(call.session.caller) })

/** Whoever manages users is told that there is none; everybody else gets the answer for what he may not see (O-09). */
function userNamed(call: Call, text: string): number {
  const { ctx, session, now } = call
  const user = ctx.store.index.userByLogin(text.trim().toLowerCase())
  if (user !== undefined) return user.id
  const principalId = principalOf(session.caller)
  if (ctx.store.index.allows(principalId, 'manageUser', PLATFORM_RESOURCE_ID, now.getTime()))
    throw problem(`There is no user ${text.slice(0, 100)}`)
  throw new AppError('forbidden', [text.slice(0, 100), 'user'])
}

/** Who may be granted to: accounts the caller may know of (G-17..19); a private one does not exist for him. */
function granteeNamed(call: Call, text: string): number {
  const { ctx, session, now } = call
  const look = { index: ctx.store.index, askerId: principalOf(session.caller), at: now.getTime() }
  if (managesUsers(look)) return userNamed(call, text)
  const user = findVisibleUser(look, text)
  if (user === undefined) throw new AppError('forbidden', [text.slice(0, 100), 'user'])
  return user.id
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
    const { ctx, session, now } = call
    const edge = ctx.store.index.edgeByName(params.edgeId)
    requirePermission(ctx, session.caller, 'configRaw', edge?.id ?? -1, now)
    if (edge === undefined) throw new AppError('forbidden', [params.edgeId, 'edge'])
    const { apiKey, oldKeysValidTo } = await rotate(ctx, actorOf(call), edge, params.overlapHours)
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
  const edge = call.ctx.store.index.edgeByName(on.edgeId)
  if (edge === undefined) throw new AppError('forbidden', [on.edgeId, 'grant'])
  return edge.id
}

const grantAccess = defineMethod({
  name: 'grantAccess',
  summary: 'Grants a user an OpenEMS role on an edge, a site, an organisation or the platform, for a time if wanted.',
  clients,
  params: z.strictObject({ login, on: target, role, validFrom: instant.optional(), validTo: instant.optional() }),
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
      principalId: userNamed(call, params.login),
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
