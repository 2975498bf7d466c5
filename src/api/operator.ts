import { z } from 'zod'
import { principalOf } from '../access/door.ts'
import { grantAccess as grant, revokeAccess as revoke } from '../access/grant-service.ts'
import { PLATFORM_RESOURCE_ID } from '../access/model.ts'
import { findVisibleUser, managesUsers } from '../access/people-door.ts'
import { createInvitation as invite } from '../accounts/registration-service.ts'
import { deleteUser as removeUser } from '../accounts/user-deletion.ts'
import {
  disableUser as disable,
  enableUser as enable,
  createUser as newUser,
  setPassword as storePassword,
} from '../accounts/user-service.ts'
import { type Call, defineMethod } from '../rpc/method.ts'
import { userNamed } from './account.ts'
import { shownEdge } from './edge-record.ts'
import { actorOf, operatorClients as clients, login, lookOf, name, period, refused } from './rights-shapes.ts'
import { edgeId, empty, integer, role } from './shapes.ts'

/** No principal has this id. */
const NOBODY = 0
const platform = () => PLATFORM_RESOURCE_ID
const password = z.string().max(1000)

/** Who may be granted to: accounts the caller may know of (G-17..19); a private one does not exist for him. */
function granteeNamed(call: Call, text: string): number {
  const look = lookOf(call)
  if (managesUsers(look)) return userNamed(call, text).id
  const user = findVisibleUser(look, text)
  if (user === undefined) throw refused(look, text.slice(0, 100))
  return user.id
}

/** From whom something is withdrawn: who is not there has nothing, and that is all that is told of him (G-17). */
function holderNamed(call: Call, text: string): number {
  const look = lookOf(call)
  if (managesUsers(look)) return userNamed(call, text).id
  return look.index.userByLogin(text.trim().toLowerCase())?.id ?? NOBODY
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
    await storePassword(call.ctx, actorOf(call), userNamed(call, params.login).id, params.password)
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
    const userId = userNamed(call, params.login).id
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
    await removeUser(call.ctx, actorOf(call), userNamed(call, params.login).id)
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
    const row = await grant(call.ctx, principalOf(call.caller), {
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
    revoked: await revoke(call.ctx, principalOf(call.caller), {
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
  grantAccess,
  revokeAccess,
]
