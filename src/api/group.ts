import { z } from 'zod'
import type { EdgeGroupRow } from '../access/model.ts'
import { listChildIds } from '../access/resource-queries.ts'
import {
  addToEdgeGroup as add,
  createEdgeGroup as create,
  deleteEdgeGroup as remove,
  renameEdgeGroup as rename,
  removeFromEdgeGroup as takeOut,
} from '../groups/edge-group-service.ts'
import { longPageOf, pageOfSorted } from '../lib/page.ts'
import { defineMethod } from '../rpc/method.ts'
import {
  actorOf,
  operatorClients as clients,
  id,
  lookOf,
  may,
  mention,
  name,
  paging,
  refused,
  total,
} from './rights-shapes.ts'
import { edgeId, empty } from './shapes.ts'
import { groupText, userGroupMethods } from './user-group.ts'
import { visible } from './visible-rows.ts'

const content = z.union([
  z.strictObject({ edgeId }),
  z.strictObject({ siteId: id }),
  z.strictObject({ edgeGroupId: id }),
])
const edgeGroupView = z.object({
  id: z.number(),
  name: z.string(),
  description: z.string(),
  purpose: z.string(),
  organisationId: z.number().optional(),
  /** Whether the caller decides what it holds. */
  mayManage: z.boolean(),
})

const createEdgeGroup = defineMethod({
  name: 'createEdgeGroup',
  summary: 'Creates a group of edges, sites and groups, which the caller administers.',
  clients,
  params: z.strictObject({ name, ...groupText, organisationId: id.optional() }),
  result: z.object({ id: z.number() }),
  access: 'signedIn',
  handler: async (call, params) => ({ id: (await create(call.ctx, actorOf(call), params)).id }),
})

const renameEdgeGroup = defineMethod({
  name: 'renameEdgeGroup',
  summary: 'Changes the name, description or purpose of an edge group.',
  clients,
  params: z.strictObject({ groupId: id, name: name.optional(), ...groupText }),
  result: empty,
  access: { permission: 'manageGroup', resource: (params) => params.groupId },
  handler: async (call, { groupId, ...change }) => {
    await rename(call.ctx, actorOf(call), groupId, change)
    return {}
  },
})

const deleteEdgeGroup = defineMethod({
  name: 'deleteEdgeGroup',
  summary: 'Deletes an edge group with the grants on it; what was in it stays.',
  clients,
  params: z.strictObject({ groupId: id }),
  result: empty,
  access: { permission: 'delete', resource: (params) => params.groupId },
  handler: async (call, params) => {
    await remove(call.ctx, actorOf(call), params.groupId)
    return {}
  },
})

const addToEdgeGroup = defineMethod({
  name: 'addToEdgeGroup',
  summary: 'Puts an edge, a site or a group into an edge group; takes the right to grant on what is put in.',
  clients,
  params: z.strictObject({ groupId: id, content }),
  result: empty,
  access: { permission: 'manageGroup', resource: (params) => params.groupId },
  handler: async (call, params) => {
    await add(call.ctx, actorOf(call), params.groupId, params.content)
    return {}
  },
})

const removeFromEdgeGroup = defineMethod({
  name: 'removeFromEdgeGroup',
  summary: 'Takes an edge, a site or a group out of an edge group.',
  clients,
  params: z.strictObject({ groupId: id, content }),
  result: empty,
  access: { permission: 'discover', resource: (params) => params.groupId },
  handler: async (call, params) => {
    await takeOut(call.ctx, actorOf(call), params.groupId, params.content)
    return {}
  },
})

const listEdgeGroups = defineMethod({
  name: 'listEdgeGroups',
  summary: 'The edge groups the caller may know of; those in one of them if that is named.',
  clients,
  params: z.strictObject({ parentId: id.optional(), ...paging }),
  result: z.object({ groups: z.array(edgeGroupView), total }),
  scope: 'read',
  access: 'signedIn',
  handler: async (call, { parentId, ...query }) => {
    const inside = parentId === undefined ? undefined : new Set(await listChildIds(call.ctx.db, parentId))
    const look = lookOf(call)
    if (parentId !== undefined && !may(look, 'discover', parentId)) return { groups: [], total: 0 }
    const rows = visible(look, 'edgeGroup').filter((group) => inside === undefined || inside.has(group.id))
    const { items, total } = pageOfSorted(rows, (group) => group, query)
    return { groups: items.map((group) => toView(look, group)), total }
  },
})

const listEdgeGroupContent = defineMethod({
  name: 'listEdgeGroupContent',
  summary: 'What an edge group holds directly, as far as the caller may know of it.',
  clients,
  params: z.strictObject({ groupId: id, ...paging }),
  result: z.object({
    content: z.array(
      z.object({
        edgeId: z.string().optional(),
        siteId: z.number().optional(),
        edgeGroupId: z.number().optional(),
        name: z.string(),
      }),
    ),
    total,
  }),
  scope: 'read',
  access: { permission: 'discover', resource: (params) => params.groupId },
  handler: async (call, { groupId, ...query }) => {
    const childIds = await listChildIds(call.ctx.db, groupId)
    const look = lookOf(call)
    const { index } = look
    const mayAsk = () => {
      if (index.row('edgeGroup', groupId) === undefined) throw refused(look, 'discover', `edge group ${groupId}`)
      if (!may(look, 'discover', groupId)) throw refused(look, 'discover')
    }
    mayAsk()
    const viewOf = (childId: number) => {
      if (!may(look, 'discover', childId)) return null
      const [edge, site, group] = [index.edge(childId), index.row('site', childId), index.row('edgeGroup', childId)]
      const isNamed = group !== undefined || may(look, 'detail', childId)
      const name = isNamed ? (edge?.comment ?? site?.name ?? group?.name ?? '') : ''
      return { id: childId, name, edgeId: edge?.edgeId, siteId: site?.id, edgeGroupId: group?.id }
    }
    const { items, total } = await longPageOf(childIds, viewOf, (view) => view, query)
    mayAsk()
    return { content: items, total }
  },
})

function toView(look: ReturnType<typeof lookOf>, group: EdgeGroupRow): z.input<typeof edgeGroupView> {
  const { organisationId, ownerId: _owner, ...text } = group
  return { ...text, organisationId: mention(look, organisationId), mayManage: may(look, 'manageGroup', group.id) }
}

export const groupMethods = [
  ...userGroupMethods,
  createEdgeGroup,
  renameEdgeGroup,
  deleteEdgeGroup,
  addToEdgeGroup,
  removeFromEdgeGroup,
  listEdgeGroups,
  listEdgeGroupContent,
]
