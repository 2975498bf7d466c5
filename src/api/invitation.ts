import { z } from 'zod'
import { requirePermission } from '../access/door.ts'
import { controlsUserGroup, managesUsers } from '../access/people-door.ts'
import { listMembershipIdsOf } from '../access/resource-queries.ts'
import { requireEmail } from '../accounts/account-rules.ts'
import { AppError } from '../errors.ts'
import { answerInvitation } from '../groups/membership-service.ts'
import {
  type Invitation,
  type InvitationsOf,
  listInvitationsOf,
  listInvitations as listOpen,
} from '../invitations/invitation-queries.ts'
import {
  acceptInvitation as accept,
  inviteMember as invite,
  isRequest,
  rejectInvitation as reject,
  withdrawInvitation as withdraw,
} from '../invitations/invitation-service.ts'
import { pageOf } from '../lib/page.ts'
import { organisationRoles } from '../organisations/member-service.ts'
import { type Call, defineMethod } from '../rpc/method.ts'
import {
  actorOf,
  operatorClients as clients,
  id,
  loginOf,
  lookOf,
  may,
  paging,
  period,
  periodOf,
  refused,
  total,
} from './rights-shapes.ts'
import { edgeId, empty, integer } from './shapes.ts'

const memberRole = z.enum(organisationRoles)
const place = z.union([z.strictObject({ organisationId: id, role: memberRole }), z.strictObject({ groupId: id })])

const inviteMember = defineMethod({
  name: 'inviteMember',
  summary: 'Makes a voucher to join an organisation or a group of one, with or without an account yet. Shown once.',
  clients,
  params: z.strictObject({
    to: place,
    email: z.string().max(254).optional(),
    validDays: integer.pipe(z.number().min(1).max(365)).default(14),
    ...period,
  }),
  result: z.object({ invitationId: z.number(), token: z.string(), expiresAt: z.string() }),
  access: 'signedIn',
  handler: async (call, { to, email, validDays, ...params }) => {
    const given = { to, email: requireEmail(email), validDays, ...periodOf(params) }
    const made = await invite(call.ctx, actorOf(call), given)
    return { invitationId: made.id, token: made.token, expiresAt: made.expiresAt.toISOString() }
  },
})

const oneOf = (params: object) => Object.values(params).filter((value) => value !== undefined).length === 1
const own = { groupId: id.optional(), invitationId: id.optional() }
const whichOne = 'Say which: exactly one of them'

const acceptInvitation = defineMethod({
  name: 'acceptInvitation',
  summary: 'Accepts an invitation, or joins with a voucher; membership starts with that.',
  clients: ['ui'],
  params: z.strictObject({ ...own, token: z.string().min(1).max(200).optional() }).refine(oneOf, whichOne),
  result: empty,
  access: 'signedIn',
  personal: true,
  handler: async (call, params) => {
    const { groupId, invitationId = 0, token } = params
    if (groupId !== undefined) await answerInvitation(call.ctx, actorOf(call), groupId, 'active')
    else await accept(call.ctx, personOf(call), token === undefined ? { invitationId } : { token })
    return {}
  },
})

const rejectInvitation = defineMethod({
  name: 'rejectInvitation',
  summary: 'Rejects an invitation; while it is open it may still be accepted.',
  clients: ['ui'],
  params: z.strictObject(own).refine(oneOf, whichOne),
  result: empty,
  access: 'signedIn',
  personal: true,
  handler: async (call, params) => {
    const { groupId, invitationId = 0 } = params
    if (groupId !== undefined) await answerInvitation(call.ctx, actorOf(call), groupId, 'rejected')
    else await reject(call.ctx, personOf(call), invitationId)
    return {}
  },
})

const withdrawInvitation = defineMethod({
  name: 'withdrawInvitation',
  summary: 'Takes an invitation or a voucher back.',
  clients,
  params: z.strictObject({ invitationId: id }),
  result: empty,
  access: 'signedIn',
  handler: async (call, params) => {
    await withdraw(call.ctx, actorOf(call), params.invitationId)
    return {}
  },
})

const invitationView = z.object({
  invitationId: z.number().optional(),
  /** Answered by the group instead. */
  groupId: z.number().optional(),
  organisationId: z.number().optional(),
  /** What is handed over to whoever accepts. */
  handOver: z.union([z.object({ edgeId: z.string() }), z.object({ siteId: z.number() })]).optional(),
  /** Of the organisation, the group, or what is handed over. */
  name: z.string(),
  role: memberRole.optional(),
  /** As it was typed, whether there is such an account or not; for those who invite. */
  addressee: z.string().optional(),
  isVoucher: z.boolean().optional(),
  isRejected: z.boolean(),
  invitedBy: z.string().nullable(),
  expiresAt: z.string().nullable(),
})

function toView(call: Call, row: Invitation, isInviter: boolean): z.input<typeof invitationView> {
  const { index } = lookOf(call)
  // Made by an import, it looks like the voucher of an account, so that the list does not tell the one from the other (D-03).
  const organisation = isRequest(row) ? undefined : index.row('organisation', row.organisationId ?? 0)
  const group = index.row('userGroup', row.groupId ?? 0)
  const [edge, site] = [index.edge(row.resourceId ?? 0), index.row('site', row.resourceId ?? 0)]
  return {
    invitationId: row.id,
    ...(organisation ? { organisationId: organisation.id } : {}),
    ...(edge ? { handOver: { edgeId: edge.edgeId } } : site ? { handOver: { siteId: site.id } } : {}),
    name: organisation?.name ?? group?.name ?? edge?.edgeId ?? site?.name ?? '',
    ...(row.memberRole === null ? {} : { role: memberRole.parse(row.memberRole) }),
    ...(isInviter ? { addressee: row.addressee ?? '', isVoucher: row.email === row.addressee } : {}),
    isRejected: row.rejectedAt !== null,
    invitedBy: loginOf(index, row.createdBy),
    expiresAt: row.expiresAt.toISOString(),
  }
}

const listInvitations = defineMethod({
  name: 'listInvitations',
  summary:
    'Open invitations: those to the caller; with `sent` those that he made, and all for who looks after accounts; or those to an organisation or a group for who decides about its members, and to take an edge or a site over for who may grant there.',
  clients,
  params: z.strictObject({
    organisationId: id.optional(),
    groupId: id.optional(),
    edgeId: edgeId.optional(),
    siteId: id.optional(),
    sent: z.boolean().default(false),
    ...paging,
  }),
  result: z.object({ invitations: z.array(invitationView), total }),
  scope: 'read',
  access: 'signedIn',
  handler: async (call, { sent, organisationId, groupId, edgeId, siteId, ...query }) => {
    const { ctx, now } = call
    const caller = actorOf(call).actorId
    const resource = resourceIn(call, { edgeId, siteId })
    if (sent || organisationId !== undefined || groupId !== undefined || resource !== undefined) {
      const of = { ...present({ organisationId, groupId, resourceId: resource?.id }), ...ofMaker(call, sent) }
      const { items, total } = await listOpen(ctx.db, of, query, now)
      requireInviter(call, { organisationId, groupId, resource })
      return { invitations: items.map((row) => toView(call, row, true)), total }
    }
    const rows = (await listInvitationsOf(ctx.db, caller, now)).map((row) => toView(call, row, false))
    const views = [...rows, ...(await groupInvitations(call, caller))]
    const { items, total } = pageOf(
      views,
      ({ invitationId, groupId, name }) => ({ id: invitationId ?? groupId ?? 0, name }),
      query,
    )
    return { invitations: items, total }
  },
})

type Asked = { organisationId: number | undefined; groupId: number | undefined; resource: Found | undefined }
/** An edge or a site as the caller named it; without an id there is none. */
type Found = { id: number; name: string }

function resourceIn(call: Call, { edgeId, siteId }: { edgeId?: string | undefined; siteId?: number | undefined }) {
  if (edgeId !== undefined) return { id: lookOf(call).index.edgeByName(edgeId)?.id ?? 0, name: edgeId }
  return siteId === undefined ? undefined : { id: siteId, name: 'share' }
}

/** `sent`: those of the caller, or everybody's for who looks after accounts. */
function ofMaker(call: Call, sent: boolean): InvitationsOf {
  return sent && !managesUsers(lookOf(call)) ? { createdBy: actorOf(call).actorId } : {}
}

function present(of: { [K in keyof InvitationsOf]: InvitationsOf[K] | undefined }): InvitationsOf {
  return Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined))
}

/** Asked after the database was read, in case the right ended meanwhile. */
function requireInviter(call: Call, { organisationId, groupId, resource }: Asked): void {
  const look = lookOf(call)
  if (organisationId !== undefined) requirePermission(call.ctx, call.caller, 'manageMembers', organisationId, call.now)
  if (resource !== undefined && !may(look, 'share', resource.id)) {
    const isAbsent = !may(look, 'discover', resource.id)
    throw refused(look, resource.name, isAbsent && `such edge or site${resource.id === 0 ? `: ${resource.name}` : ''}`)
  }
  if (groupId === undefined) return
  const group = look.index.row('userGroup', groupId)
  if (group === undefined || !controlsUserGroup(look, group))
    throw refused(look, 'userGroup', group === undefined && `user group ${groupId}`)
}

/** Memberships of user groups that wait for an answer. */
async function groupInvitations(call: Call, userId: number): Promise<z.input<typeof invitationView>[]> {
  const ids = await listMembershipIdsOf(call.ctx.db, userId)
  const { index } = lookOf(call)
  return ids.flatMap((membershipId) => {
    const row = index.row('membership', membershipId)
    const group = row && index.row('userGroup', row.groupId)
    if (row === undefined || group === undefined || row.state === 'active') return []
    const { name, id: groupId } = group
    const isRejected = row.state === 'rejected'
    return [{ groupId, name, isRejected, invitedBy: loginOf(index, row.addedBy), expiresAt: null }]
  })
}

function personOf({ caller }: Call): number {
  if (caller.type !== 'user') throw new AppError('unauthenticated', ['user'])
  return caller.principalId
}

export const invitationMethods = [inviteMember, acceptInvitation, rejectInvitation, withdrawInvitation, listInvitations]
