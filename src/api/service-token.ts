import { z } from 'zod'
import { LOCAL_OPERATOR_PRINCIPAL_ID, PLATFORM_RESOURCE_ID } from '../access/model.ts'
import { everyScope, scopes } from '../accounts/scopes.ts'
import {
  setServiceDisabled as disable,
  endServiceToken as end,
  listServiceTokens as findTokens,
  createServiceToken as newToken,
  deleteService as remove,
  renameService as rename,
  rotateServiceToken as rotate,
} from '../accounts/service-tokens.ts'
import { problem } from '../errors.ts'
import { pageOf } from '../lib/page.ts'
import { type Call, defineMethod } from '../rpc/method.ts'
import { actorOf, operatorClients as clients, lookOf, name, paging, total } from './rights-shapes.ts'
import { empty, integer, role } from './shapes.ts'

const access = { permission: 'manageUser', resource: () => PLATFORM_RESOURCE_ID } as const
const tokenScopes = z.array(z.enum(scopes)).min(1).max(scopes.length)
const made = z.object({
  service: z.string(),
  tokenId: z.number(),
  token: z.string(),
  expiresAt: z.string().optional(),
})

/** No token makes one that is good for more; people are not bound by scopes. */
const scopesOf = ({ caller }: Call) => (caller.type === 'service' ? caller.scopes : everyScope)
const optional = <K extends string>(key: K, at: Date | null) => (at === null ? {} : { [key]: at.toISOString() })

const createServiceToken = defineMethod({
  name: 'createServiceToken',
  summary: 'Makes a token for a service that is not a person: a backend, an importer. Shown once.',
  clients,
  params: z.strictObject({
    name,
    scopes: tokenScopes.default(['read']),
    role: role.optional(),
    validDays: integer.pipe(z.number().min(1).max(3650)).optional(),
  }),
  result: made,
  access,
  handler: async (call, params) => {
    const { tokenId, token, expiresAt } = await newToken(call.ctx, actorOf(call), {
      ...params,
      within: scopesOf(call),
    })
    return { service: params.name, tokenId, token, ...optional('expiresAt', expiresAt) }
  },
})

const rotateServiceToken = defineMethod({
  name: 'rotateServiceToken',
  summary:
    'Makes a token like an old one, shown once. The old one stays valid for the overlap; 0 ends it and its sockets at once.',
  clients,
  params: z.strictObject({
    tokenId: integer,
    overlapHours: z
      .number()
      .min(0)
      .max(24 * 90)
      .default(24),
  }),
  result: made.extend({ oldTokenValidTo: z.string() }),
  access,
  handler: async (call, params) => {
    const { service, tokenId, token, expiresAt, oldTokenValidTo } = await rotate(call.ctx, actorOf(call), {
      ...params,
      within: scopesOf(call),
    })
    return {
      service,
      tokenId,
      token,
      ...optional('expiresAt', expiresAt),
      oldTokenValidTo: oldTokenValidTo.toISOString(),
    }
  },
})

const listServiceTokens = defineMethod({
  name: 'listServiceTokens',
  summary: 'The newest service tokens, without the tokens: scopes, expiry, last use (to the minute or so).',
  clients,
  params: z.strictObject({
    service: name.optional(),
    /** Ended and expired ones too. */
    all: z.boolean().default(false),
    limit: integer.pipe(z.number().min(1).max(1000)).default(100),
  }),
  result: z.object({
    tokens: z.array(
      z.object({
        tokenId: z.number(),
        service: z.string(),
        scopes: z.array(z.enum(scopes)),
        createdAt: z.string(),
        expiresAt: z.string().optional(),
        endedAt: z.string().optional(),
        lastUsedAt: z.string().optional(),
      }),
    ),
  }),
  scope: 'read',
  access,
  handler: async ({ ctx }, { service, all, limit }) => {
    const tokens = await findTokens(ctx, { name: service, all, limit })
    return {
      tokens: tokens.map(({ createdAt, expiresAt, endedAt, lastUsedAt, ...token }) => ({
        ...token,
        scopes: [...token.scopes],
        createdAt: createdAt.toISOString(),
        ...optional('expiresAt', expiresAt),
        ...optional('endedAt', endedAt),
        ...optional('lastUsedAt', lastUsedAt),
      })),
    }
  },
})

const endServiceToken = defineMethod({
  name: 'endServiceToken',
  summary: 'Ends one service token and its sockets at once; the other tokens of the service go on.',
  clients,
  params: z.strictObject({ tokenId: integer }),
  result: empty,
  access,
  handler: async (call, { tokenId }) => {
    await end(call.ctx, actorOf(call), tokenId)
    return {}
  },
})

const listServices = defineMethod({
  name: 'listServices',
  summary: 'The services that hold tokens and grants.',
  clients,
  params: z.strictObject({ ...paging }),
  result: z.object({ services: z.array(z.object({ name: z.string(), disabled: z.boolean() })), total }),
  scope: 'read',
  access,
  handler: (call, query) => {
    const rows = [...lookOf(call).index.rows('service')].filter(({ id }) => id !== LOCAL_OPERATOR_PRINCIPAL_ID)
    const { items, total } = pageOf(rows, (row) => row, query)
    return { services: items.map(({ name, disabledAt }) => ({ name, disabled: disabledAt !== null })), total }
  },
})

/** The service of this name that is not the command line itself. */
function serviceNamed(call: Call, text: string): number {
  const service = lookOf(call).index.serviceByName(text)
  if (service === undefined || service.id === LOCAL_OPERATOR_PRINCIPAL_ID) throw problem(`There is no service ${text}`)
  return service.id
}

const setServiceDisabled = defineMethod({
  name: 'setServiceDisabled',
  summary: 'Refuses a service everything at once, open sockets included, or lets it in again.',
  clients,
  params: z.strictObject({ name, disabled: z.boolean() }),
  result: empty,
  access,
  handler: async (call, params) => {
    await disable(call.ctx, actorOf(call), serviceNamed(call, params.name), params.disabled)
    return {}
  },
})

const renameService = defineMethod({
  name: 'renameService',
  summary: 'Gives a service another name; its tokens and grants stay.',
  clients,
  params: z.strictObject({ name, newName: name }),
  result: empty,
  access,
  handler: async (call, params) => {
    await rename(call.ctx, actorOf(call), serviceNamed(call, params.name), params.newName)
    return {}
  },
})

const deleteService = defineMethod({
  name: 'deleteService',
  summary: 'Deletes a service with its tokens, sockets, grants and memberships, at once.',
  clients,
  params: z.strictObject({ name }),
  result: empty,
  access,
  handler: async (call, params) => {
    await remove(call.ctx, actorOf(call), serviceNamed(call, params.name))
    return {}
  },
})

export const serviceTokenMethods = [
  createServiceToken,
  rotateServiceToken,
  listServiceTokens,
  endServiceToken,
  listServices,
  setServiceDisabled,
  renameService,
  deleteService,
]
