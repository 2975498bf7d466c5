import { z } from 'zod'
import {
  inviteAccount as invite,
  inviteImported as inviteAll,
  openAccount as open,
} from '../invitations/account-voucher-service.ts'
import { defineMethod } from '../rpc/method.ts'
import { requireJob } from './import.ts'
import { actorOf, operatorClients as clients, login } from './rights-shapes.ts'
import { integer } from './shapes.ts'

const validDays = integer.pipe(z.number().min(1).max(365)).default(14)
const voucher = { invitationId: z.number(), token: z.string(), expiresAt: z.string() }

const inviteAccount = defineMethod({
  name: 'inviteAccount',
  summary:
    'Makes the voucher that opens an account without a password, and takes back the one before. Shown once. For who looks after the account.',
  clients,
  params: z.strictObject({ login, validDays }),
  result: z.object({ login: z.string(), email: z.string().nullable(), ...voucher }),
  access: 'signedIn',
  handler: async (call, params) => {
    const made = await invite(call.ctx, actorOf(call), params)
    return { ...made, expiresAt: made.expiresAt.toISOString() }
  },
})

const inviteImported = defineMethod({
  name: 'inviteImported',
  summary:
    'Vouchers for the people an import invites, page by page; those from before are taken back. Shown once. `open`: needs none any more; `refused`: the account has something that is not the caller’s to give.',
  clients,
  params: z.strictObject({
    importId: z.uuid(),
    /** `next` of the page before. */
    after: z.string().max(300).default(''),
    limit: integer.pipe(z.number().min(1).max(500)).default(100),
    validDays,
  }),
  result: z.object({
    invited: z.array(
      z.object({
        login: z.string(),
        state: z.enum(['invited', 'open', 'refused']),
        /** To whom the voucher is bound, if to any address. */
        email: z.string().nullable().optional(),
        invitationId: z.number().optional(),
        token: z.string().optional(),
        expiresAt: z.string().optional(),
      }),
    ),
    next: z.string().optional(),
  }),
  access: 'signedIn',
  handler: async (call, params) => {
    const { organisationId } = await requireJob(call, params.importId)
    const { invited, next } = await inviteAll(call.ctx, actorOf(call), { ...params, organisationId })
    return {
      invited: invited.map((one) =>
        one.state === 'invited' ? { ...one, expiresAt: one.expiresAt.toISOString() } : one,
      ),
      ...(next === undefined ? {} : { next }),
    }
  },
})

const openAccount = defineMethod({
  name: 'openAccount',
  summary:
    'Sets the first password of an account by the voucher for it. Then log in with the answer. `registerUser` with the voucher does the same.',
  clients: ['ui'],
  params: z.strictObject({ invitation: z.string().min(1).max(300), password: z.string().max(1000) }),
  result: z.object({ login: z.string() }),
  access: 'public',
  exclusive: true,
  unlimited: true,
  handler: async ({ ctx, session }, { invitation: token, password }) => {
    const { login } = await open(ctx, { token, password, clientAddress: session.clientAddress })
    return { login }
  },
})

export const accountInvitationMethods = [inviteAccount, inviteImported, openAccount]
