import { z } from 'zod'
import { edgeRoleOf, requireComponentRole } from '../access/door.ts'
import { PLATFORM_RESOURCE_ID } from '../access/model.ts'
import { findActor, listChanges as list } from '../audit/audit-queries.ts'
import { verifyChain } from '../db/change-log.ts'
import { defineMethod } from '../rpc/method.ts'
import { lookOf, refused } from './rights-shapes.ts'
import { edgeId, integer, limit } from './shapes.ts'

const listChanges = defineMethod({
  name: 'listChanges',
  summary: 'The log, newest first: who changed what, when, before and after. Keys and hashes are left out.',
  clients: ['ui', 'service'],
  params: z.strictObject({
    before: integer.optional(),
    limit,
    /** Who did it, as the log calls him: also a service, and whoever is gone. */
    login: z.string().max(254).optional(),
    entity: z.string().max(50).optional(),
    entityId: z.string().max(100).optional(),
  }),
  result: z.object({
    changes: z.array(
      z.object({
        revision: z.number(),
        at: z.string(),
        actor: z.string().nullable(),
        subject: z.string().nullable(),
        action: z.string(),
        entity: z.string(),
        entityId: z.string(),
        before: z.record(z.string(), z.unknown()).nullable(),
        after: z.record(z.string(), z.unknown()).nullable(),
      }),
    ),
  }),
  scope: 'read',
  access: { permission: 'auditRead', resource: () => PLATFORM_RESOURCE_ID },
  handler: async (call, params) => {
    const { ctx } = call
    const { login: name, ...filter } = params
    const actorId = name === undefined ? undefined : findActor(ctx, name)
    if (name !== undefined && actorId === undefined) throw refused(lookOf(call), name)
    return { changes: await list(ctx, { ...filter, actorId }) }
  },
})

const getEdgeConfigHistory = defineMethod({
  name: 'getEdgeConfigHistory',
  summary: 'How the configuration of an edge changed: when, by whom (null: on the edge itself), what. Newest first.',
  clients: ['ui', 'service'],
  params: z.strictObject({ edgeId, before: integer.optional(), limit }),
  result: z.object({
    entries: z.array(
      z.object({
        id: z.number(),
        at: z.string(),
        actor: z.string().nullable(),
        summary: z.string(),
        changes: z.array(z.unknown()),
      }),
    ),
  }),
  scope: 'read',
  access: { edgeRole: 'owner', edges: (params) => params.edgeId },
  handler: async ({ ctx, caller, now }, params) => {
    const { edge } = edgeRoleOf(ctx, caller, params.edgeId, now)
    requireComponentRole(ctx, caller, { edge, component: null }, 'owner', now, 'getEdgeConfigHistory')
    const entries = await ctx.configs.history(edge.id, params)
    return {
      entries: entries.map(({ actorId, at, ...entry }) => ({
        ...entry,
        at: at.toISOString(),
        actor: actorId === null ? null : (ctx.store.index.user(actorId)?.login ?? `principal ${actorId}`),
      })),
    }
  },
})

const verifyAudit = defineMethod({
  name: 'verifyAudit',
  summary:
    'Recomputes the hash chain of the log; names the first revision that was altered, or is not what was kept of it.',
  clients: ['service'],
  params: z.strictObject({
    /** The end of an earlier run: that the log was cut off or written anew does not show without. */
    kept: z.strictObject({ revision: integer, hash: z.string().max(64) }).optional(),
  }),
  result: z.object({
    ok: z.boolean(),
    revision: z.number(),
    hash: z.string().optional(),
    reason: z.string().optional(),
  }),
  scope: 'read',
  access: { permission: 'auditRead', resource: () => PLATFORM_RESOURCE_ID },
  handler: ({ ctx }, { kept }) => verifyChain(ctx.db, { kept }),
})

export const auditMethods = [verifyAudit, listChanges, getEdgeConfigHistory]
