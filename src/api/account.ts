import { z } from 'zod'
import { PLATFORM_RESOURCE_ID, type UserRow } from '../access/model.ts'
import { ownGroups } from '../access/people-door.ts'
import { listGrantIdsOf, listMembershipIdsOf } from '../access/resource-queries.ts'
import { listUserRows } from '../accounts/user-queries.ts'
import { renameUser as rename } from '../accounts/user-service.ts'
import { problem } from '../errors.ts'
import { type Call, defineMethod } from '../rpc/method.ts'
import { grantView, toGrantView } from './grant.ts'
import { actorOf, operatorClients as clients, login, lookOf, name, paging, total } from './rights-shapes.ts'
import { role } from './shapes.ts'

const MAX_COUNTED = 10_000

/** The account, for whoever looks after all of them, who is told that there is none (O-09). */
export function userNamed(call: Call, text: string): UserRow {
  const user = lookOf(call).index.userByLogin(text.trim().toLowerCase())
  if (user === undefined) throw problem(`There is no user ${text.slice(0, 100)}`)
  return user
}

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
    const user = userNamed(call, params.login)
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

const listUsers = defineMethod({
  name: 'listUsers',
  summary: 'All accounts, searched by login, name and e-mail address. For who looks after accounts.',
  clients,
  params: z.strictObject({ ...paging }),
  result: z.object({
    users: z.array(
      z.object({
        login: z.string(),
        name: z.string(),
        email: z.string().nullable(),
        globalRole: role,
        shareable: z.boolean(),
        disabled: z.boolean(),
      }),
    ),
    total,
  }),
  access: { permission: 'manageUser', resource: () => PLATFORM_RESOURCE_ID },
  scope: 'read',
  handler: async ({ ctx }, query) => {
    const { items, total } = await listUserRows(ctx.db, query)
    const users = items.map(({ login, name, email, globalRole, shareable, disabledAt }) => ({
      login,
      name,
      email,
      globalRole,
      shareable,
      disabled: disabledAt !== null,
    }))
    return { users, total }
  },
})

const renameUser = defineMethod({
  name: 'renameUser',
  summary:
    'Changes login, name, e-mail address or the role in menus of an account; it stays signed in. For who looks after accounts.',
  clients,
  params: z.strictObject({
    login,
    newLogin: login.optional(),
    name: name.optional(),
    /** Empty: none. */
    email: z.string().max(254).optional(),
    globalRole: role.optional(),
  }),
  result: z.object({ login: z.string() }),
  access: { permission: 'manageUser', resource: () => PLATFORM_RESOURCE_ID },
  handler: async (call, { login, newLogin, ...change }) => {
    const { id } = userNamed(call, login)
    const user = await rename(call.ctx, actorOf(call), id, { ...change, login: newLogin })
    return { login: user.login }
  },
})

export const accountMethods = [listUsers, showUser, renameUser]
