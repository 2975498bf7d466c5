import { z } from 'zod'
import { PLATFORM_RESOURCE_ID } from '../access/model.ts'
import { ownGroups } from '../access/people-door.ts'
import { listGrantIdsOf, listMembershipIdsOf } from '../access/resource-queries.ts'
import { problem } from '../errors.ts'
import { defineMethod } from '../rpc/method.ts'
import { grantView, toGrantView } from './grant.ts'
import { operatorClients as clients, login, lookOf } from './rights-shapes.ts'
import { role } from './shapes.ts'

const MAX_COUNTED = 10_000

const showUser = defineMethod({
  name: 'showUser',
  summary: 'Who a user is and what he has: account, groups, own grants, number of edges. For who looks after accounts.',
  clients,
  params: z.strictObject({ login }),
  result: z.object({
    login: z.string(),
    name: z.string(),
    email: z.string().nullable(),
    globalRole: role,
    shareable: z.boolean(),
    disabled: z.boolean(),
    groups: z.array(z.object({ id: z.number(), name: z.string(), state: z.string() })),
    grants: z.array(grantView),
    /** Edges he may know of, counted up to 10,000. */
    edges: z.number(),
  }),
  access: { permission: 'manageUser', resource: () => PLATFORM_RESOURCE_ID },
  scope: 'read',
  handler: async (call, params) => {
    const { ctx } = call
    const user = ctx.store.index.userByLogin(params.login.toLowerCase())
    if (user === undefined) throw problem(`There is no user ${params.login.slice(0, 100)}`)
    const membershipIds = await listMembershipIdsOf(ctx.db, user.id)
    const grantIds = await listGrantIdsOf(ctx.db, user.id)
    const own = await ownGroups(ctx.db, lookOf(call))
    const look = lookOf(call)
    const { index } = look
    const groups = membershipIds.flatMap((id) => {
      const membership = index.row('membership', id)
      const group = membership && index.row('userGroup', membership.groupId)
      return group ? [{ id: group.id, name: group.name, state: membership.state }] : []
    })
    const grants = grantIds.flatMap((id) => {
      const row = index.row('grant', id)
      return row ? [toGrantView(look, own, row)] : []
    })
    const { login, name, email, globalRole, shareable, disabledAt } = user
    const edges = index.countEdges(user.id, look.at, MAX_COUNTED)
    return { login, name, email, globalRole, shareable, disabled: disabledAt !== null, groups, grants, edges }
  },
})

export const accountMethods = [showUser]
