import { z } from 'zod'
import type { MembershipRow } from '../access/model.ts'
import { controlsUserGroup, ownGroups, seesUserGroup } from '../access/people-door.ts'
import { listMembershipIdsOf } from '../access/resource-queries.ts'
import { listConsents } from '../accounts/impersonation-queries.ts'
import { listManagedBy } from '../groups/managed-member-queries.ts'
import {
  addGroupMember as addMember,
  removeGroupMember as removeMember,
  showsMembership,
} from '../groups/membership-service.ts'
import { listMembershipIdsIn } from '../groups/user-group-queries.ts'
import {
  createUserGroup as create,
  deleteUserGroup as remove,
  renameUserGroup as rename,
} from '../groups/user-group-service.ts'
import { longPageOf, pageOf } from '../lib/page.ts'
import { type Call, defineMethod } from '../rpc/method.ts'
import {
  actorOf,
  operatorClients as clients,
  id,
  login,
  lookOf,
  may,
  mention,
  name,
  paging,
  period,
  periodOf,
  refused,
  toIso,
  total,
} from './rights-shapes.ts'
import { empty } from './shapes.ts'

export const groupText = { description: z.string().max(2000).optional(), purpose: z.string().max(200).optional() }
const member = z.union([
  z.strictObject({ login }),
  z.strictObject({ userGroupId: id }),
  z.strictObject({ service: z.string().trim().min(1).max(200) }),
])
/** Edges of a member that are looked at for a list. */
const MAX_COUNTED = 100
const state = z.enum(['invited', 'active', 'rejected'])

const createUserGroup = defineMethod({
  name: 'createUserGroup',
  summary: 'Creates a group of users, which the caller decides about.',
  clients,
  params: z.strictObject({ name, ...groupText, organisationId: id.optional() }),
  result: z.object({ id: z.number() }),
  access: 'signedIn',
  handler: async (call, params) => ({ id: (await create(call.ctx, actorOf(call), params)).id }),
})

const renameUserGroup = defineMethod({
  name: 'renameUserGroup',
  summary: 'Changes the name, description or purpose of a user group.',
  clients,
  params: z.strictObject({ groupId: id, name: name.optional(), ...groupText }),
  result: empty,
  access: 'signedIn',
  handler: async (call, { groupId, ...change }) => {
    await rename(call.ctx, actorOf(call), groupId, change)
    return {}
  },
})

const deleteUserGroup = defineMethod({
  name: 'deleteUserGroup',
  summary: 'Deletes a user group with what was granted to it; its members stay.',
  clients,
  params: z.strictObject({ groupId: id }),
  result: empty,
  access: 'signedIn',
  handler: async (call, params) => {
    await remove(call.ctx, actorOf(call), params.groupId)
    return {}
  },
})

const addGroupMember = defineMethod({
  name: 'addGroupMember',
  summary: 'Adds an account, a group or a service; an account that is not available for sharing is invited.',
  clients,
  params: z.strictObject({ groupId: id, member, ...period }),
  result: z.object({ state }),
  access: 'signedIn',
  handler: async (call, params) => ({
    state: await addMember(call.ctx, actorOf(call), { ...params, ...periodOf(params) }),
  }),
})

const removeGroupMember = defineMethod({
  name: 'removeGroupMember',
  summary: 'Takes a member out of a user group or an invitation back; everybody may leave.',
  clients,
  params: z.strictObject({ groupId: id, member }),
  result: empty,
  access: 'signedIn',
  handler: async (call, params) => {
    await removeMember(call.ctx, actorOf(call), params)
    return {}
  },
})

const listUserGroups = defineMethod({
  name: 'listUserGroups',
  summary: 'User groups the caller decides about, belongs to or is invited to; of others he learns nothing.',
  clients,
  params: z.strictObject({ ...paging }),
  result: z.object({
    groups: z.array(
      z.object({
        id: z.number(),
        name: z.string(),
        description: z.string(),
        purpose: z.string(),
        organisationId: z.number().optional(),
        /** Whether the caller decides about it. */
        isController: z.boolean(),
        /** His own membership, if there is one. */
        membership: state.optional(),
      }),
    ),
    total,
  }),
  scope: 'read',
  access: 'signedIn',
  handler: async (call, query) => {
    const caller = actorOf(call).actorId
    const membershipIds = await listMembershipIdsOf(call.ctx.db, caller)
    const look = lookOf(call)
    const memberships = new Map<number, MembershipRow>()
    for (const membershipId of membershipIds) {
      const row = look.index.row('membership', membershipId)
      if (row?.memberId === caller) memberships.set(row.groupId, row)
    }
    const rows = Array.from(look.index.rows('userGroup')).filter(
      (group) => memberships.has(group.id) || controlsUserGroup(look, group),
    )
    const { items, total } = pageOf(rows, (group) => group, query)
    return {
      groups: items.map(({ id, name, description, purpose, organisationId, ...group }) => ({
        id,
        name,
        description,
        purpose,
        organisationId: mention(look, organisationId),
        isController: controlsUserGroup(look, { id, name, description, purpose, organisationId, ...group }),
        membership: memberships.get(id)?.state,
      })),
      total,
    }
  },
})

const listGroupMembers = defineMethod({
  name: 'listGroupMembers',
  summary: 'Who is in a user group and who is invited, for those who decide about it.',
  clients,
  params: z.strictObject({ groupId: id, ...paging }),
  result: z.object({
    members: z.array(
      z.object({
        /** One of the three. */
        login: z.string().optional(),
        userGroupId: z.number().optional(),
        service: z.string().optional(),
        name: z.string(),
        state,
        /** The group looks after the account (E-04), and those who decide about the group may act as him (K4). */
        isManaged: z.boolean(),
        consents: z.boolean(),
        /** Of an account: of the first hundred edges that he may see those that the caller may know of, all where he consents. */
        edges: z.object({ total: z.number(), online: z.number() }).optional(),
        validFrom: z.string().nullable(),
        validTo: z.string().nullable(),
      }),
    ),
    total,
  }),
  scope: 'read',
  access: 'signedIn',
  handler: async (call, { groupId, ...query }) => {
    const membershipIds = await listMembershipIdsIn(call.ctx.db, groupId)
    const own = await ownGroups(call.ctx.db, lookOf(call))
    const managed = await listManagedBy(call.ctx.db, groupId)
    const consents = await listConsents(call.ctx.db, membershipIds)
    const look = lookOf(call)
    const { index } = look
    const mayAsk = () => {
      const group = index.row('userGroup', groupId)
      if (group !== undefined && controlsUserGroup(look, group)) return
      throw refused(look, 'userGroup', group === undefined && `user group ${groupId}`)
    }
    mayAsk()
    const viewOf = (membershipId: number) => {
      const row = index.row('membership', membershipId)
      if (row === undefined || !showsMembership(look, row)) return null
      const user = index.user(row.memberId)
      const inner = index.row('userGroup', row.memberId)
      // A group that was put in by somebody else may be unknown to the caller.
      const innerName = inner && (seesUserGroup(look, inner, own) ? inner.name : '')
      const service = index.row('service', row.memberId)?.name
      const name = user?.login ?? innerName ?? service ?? ''
      return { row, user, inner, service, name }
    }
    const { items, total } = await longPageOf(membershipIds, viewOf, ({ row, name }) => ({ id: row.id, name }), query)
    mayAsk()
    return {
      members: items.map(({ row, user, inner, service, name }) => ({
        login: user?.login,
        userGroupId: inner?.id,
        service,
        name: user?.name ?? name,
        state: row.state,
        isManaged: managed.has(row.memberId),
        consents: consents.has(row.id),
        edges: user && edgesOf(call, user.id, consents.has(row.id)),
        validFrom: toIso(row.validFrom),
        validTo: toIso(row.validTo),
      })),
      total,
    }
  },
})

/** How many edges a member has and how many of them are online (E-05), as far as the caller may know of them. */
function edgesOf(call: Call, userId: number, consents: boolean): { total: number; online: number } {
  const look = lookOf(call)
  const order = [{ field: 'id', descending: false } as const]
  const found = look.index.listEdges(userId, { order, offset: 0, limit: MAX_COUNTED }, look.at)
  const shown = consents ? found : found.filter((edge) => may(look, 'discover', edge.id))
  return { total: shown.length, online: shown.filter((edge) => call.ctx.hub.states.isOnline(edge.id)).length }
}

export const userGroupMethods = [
  createUserGroup,
  renameUserGroup,
  deleteUserGroup,
  addGroupMember,
  removeGroupMember,
  listUserGroups,
  listGroupMembers,
]
