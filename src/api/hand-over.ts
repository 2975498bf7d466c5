import { z } from 'zod'
import { ownGroups } from '../access/people-door.ts'
import { problem } from '../errors.ts'
import { defineMethod } from '../rpc/method.ts'
import { offerHandOver } from '../sites/hand-over-offer.ts'
import { handOver as hand } from '../sites/hand-over-service.ts'
import { grantView, toGrantView } from './grant.ts'
import { actorOf, operatorClients as clients, id, login, lookOf, may } from './rights-shapes.ts'
import { edgeId, integer } from './shapes.ts'

const handOver = defineMethod({
  name: 'handOver',
  summary:
    'Hands an edge or a site to another person or organisation in one step: what others had of it ends now, earlier owners keep the time until now, the new owner begins now. The answer lists what was ended. An `invitee` (login or e-mail address) must accept first, and so must whoever holds the `voucher`, with or without an account: until then nothing changes.',
  clients,
  params: z.strictObject({
    edgeId: edgeId.optional(),
    siteId: id.optional(),
    to: z.union([
      z.strictObject({ login }),
      z.strictObject({ organisationId: id }),
      z.strictObject({ invitee: login }),
      z.strictObject({ voucher: z.strictObject({ email: z.string().max(254).optional() }) }),
    ]),
    /** Of an invitation. */
    validDays: integer.pipe(z.number().min(1).max(365)).default(14),
    /** Earlier owners beside those who were granted the right to grant. */
    from: z.array(login).max(20).default([]),
    keepHistory: z.boolean().default(true),
    showPast: z.boolean().default(false),
    leaveOrganisation: z.boolean().default(false),
    setupPassword: z.enum(['end', 'renew', 'keep']).default('end'),
    newApiKeys: z.strictObject({ overlapHours: z.number().min(0).max(2160).default(24) }).optional(),
  }),
  result: z.object({
    /** With an invitation nothing is ended yet. */
    state: z.enum(['done', 'offered']),
    at: z.string(),
    offer: z
      .object({
        invitationId: z.number(),
        /** A voucher, shown once. */
        token: z.string().optional(),
        expiresAt: z.string(),
      })
      .optional(),
    ended: z.object({
      grants: z.array(grantView),
      /** Shares with sub-organisations and places in edge groups; named where the caller may know of them. */
      places: z.array(z.object({ id: z.number().optional(), name: z.string().optional() })),
      setupPasswords: z.array(z.string()),
    }),
    /** What earlier owners keep. */
    kept: z.array(grantView),
    /** Shown once. */
    secrets: z.array(
      z.object({ edgeId: z.string(), apiKey: z.string().optional(), setupPassword: z.string().optional() }),
    ),
  }),
  access: 'signedIn',
  handler: async (call, { edgeId, siteId, newApiKeys, to, validDays, ...given }) => {
    if ((edgeId === undefined) === (siteId === undefined)) throw problem('Name either an edgeId or a siteId')
    const on = edgeId === undefined ? { siteId: siteId ?? 0 } : { edgeId }
    if ('invitee' in to || 'voucher' in to) {
      const { expiresAt, ...offer } = await offerHandOver(call.ctx, actorOf(call), {
        ...given,
        on,
        newApiKeys,
        to,
        validDays,
      })
      const nothing = { ended: { grants: [], places: [], setupPasswords: [] }, kept: [], secrets: [] }
      const at = call.now.toISOString()
      return { state: 'offered' as const, at, offer: { ...offer, expiresAt: expiresAt.toISOString() }, ...nothing }
    }
    const done = await hand(call.ctx, actorOf(call), { ...given, on, newApiKeys, to })
    const own = await ownGroups(call.ctx.db, lookOf(call))
    const look = lookOf(call)
    const placeOf = (parentId: number) => {
      if (!may(look, 'discover', parentId)) return {}
      const row = look.index.row('edgeGroup', parentId) ?? look.index.row('organisation', parentId)
      return row ? { id: row.id, name: row.name } : {}
    }
    return {
      state: 'done' as const,
      at: done.at.toISOString(),
      ended: {
        grants: done.ended.grants.map((row) => toGrantView(look, own, row)),
        places: done.ended.containments.map((row) => placeOf(row.parentId)),
        setupPasswords: done.ended.setupPasswords.map((edge) => look.index.edge(edge)?.edgeId ?? ''),
      },
      kept: done.kept.map((row) => toGrantView(look, own, row)),
      secrets: done.secrets,
    }
  },
})

export const handOverMethods = [handOver]
