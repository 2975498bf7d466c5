import { z } from 'zod'
import { principalOf } from '../access/door.ts'
import { grantAccess } from '../access/grant-service.ts'
import { PLATFORM_RESOURCE_ID } from '../access/model.ts'
import { everyScope, scopes } from '../accounts/scopes.ts'
import {
  endServiceToken as end,
  listServiceTokens as findTokens,
  createServiceToken as newToken,
  rotateServiceToken as rotate,
} from '../accounts/service-tokens.ts'
import { type Call, defineMethod } from '../rpc/method.ts'
import { operatorClients as clients } from './rights-shapes.ts'
import { empty, integer, role } from './shapes.ts'

const access = { permission: 'manageUser', resource: () => PLATFORM_RESOURCE_ID } as const
const name = z.string().trim().min(1).max(200)
const tokenScopes = z.array(z.enum(scopes)).min(1).max(scopes.length)
const made = z.object({
  service: z.string(),
  tokenId: z.number(),
  token: z.string(),
  expiresAt: z.string().optional(),
})

const actorOf = (call: Call) => ({ actorId: principalOf(call.session.caller) })
/** No token makes one that is good for more; people are not bound by scopes. */
const scopesOf = ({ session: { caller } }: Call) => (caller.type === 'service' ? caller.scopes : everyScope)
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
    const { principalId, tokenId, token, expiresAt } = await newToken(call.ctx, actorOf(call), {
      ...params,
      within: scopesOf(call),
    })
    if (params.role !== undefined) {
      await grantAccess(call.ctx, principalOf(call.session.caller), {
        principalId,
        resourceId: PLATFORM_RESOURCE_ID,
        role: params.role,
        validFrom: null,
        validTo: null,
      })
    }
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

export const serviceTokenMethods = [createServiceToken, rotateServiceToken, listServiceTokens, endServiceToken]
