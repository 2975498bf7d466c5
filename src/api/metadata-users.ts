import { z } from 'zod'
import { requirePermission } from '../access/door.ts'
import { PLATFORM_RESOURCE_ID, type UserRow } from '../access/model.ts'
import { LONGEST_ROLE_MS, roleAnswer } from '../access/role-answers.ts'
import { AppError } from '../errors.ts'
import { toMirroredUser } from '../mirror/metadata-frames.ts'
import { type Call, defineMethod } from '../rpc/method.ts'
import { backendClients, readsAll } from './backend-access.ts'
import { login } from './rights-shapes.ts'
import { edgeId, role } from './shapes.ts'

/** A user as the stock backend keeps him (protocol E.2): `userId` is the external id, `id` what roles and alerting use. */
export const backendUser = z.object({
  userId: z.string(),
  id: z.string(),
  name: z.string(),
  email: z.string(),
  language: z.string(),
  globalRole: role,
  settings: z.record(z.string(), z.unknown()),
  disabled: z.boolean(),
})
const oneUser = backendUser.extend({ hasMultipleEdges: z.boolean() })
const ada = {
  userId: '1007',
  id: 'ada',
  name: 'Ada Byron',
  email: 'ada@example.org',
  language: 'EN',
  globalRole: 'owner',
  settings: {},
  disabled: false,
} as const

function found({ ctx, now }: Call, user: UserRow | undefined): z.input<typeof oneUser> {
  if (user === undefined) throw new AppError('forbidden', ['user', 'backend'])
  return {
    ...toMirroredUser(user),
    hasMultipleEdges: ctx.store.index.countEdges(user.id, now.getTime(), 2, { withRole: true }) > 1,
  }
}

const getUser = defineMethod({
  name: 'getUser',
  summary: 'An account by its login.',
  clients: backendClients,
  params: z.object({ userId: login }),
  result: z.object({ user: oneUser }),
  ...readsAll,
  example: { params: { userId: 'ada' }, result: { user: { ...ada, hasMultipleEdges: false } } },
  handler: (call, params) => ({ user: found(call, call.ctx.store.index.userByLogin(params.userId.toLowerCase())) }),
})

const getUserByExternalId = defineMethod({
  name: 'getUserByExternalId',
  summary: 'An account by the subject of its session tokens: what an authentication answers as `userId`.',
  clients: backendClients,
  params: z.object({ externalId: z.string().max(300) }),
  result: z.object({ user: oneUser }),
  ...readsAll,
  example: { params: { externalId: '1007' }, result: { user: { ...ada, hasMultipleEdges: false } } },
  handler: (call, { externalId }) => ({
    user: found(call, /^\d{1,10}$/.test(externalId) ? call.ctx.store.index.user(Number(externalId)) : undefined),
  }),
})

const roleOnEdge = z.object({
  /** Null: no role, 1005 for the user. */
  role: role.nullable(),
  /** How long the answer holds if nothing changes: grants end by time too. */
  validForMs: z.number().int().min(1).max(LONGEST_ROLE_MS),
})

const getUserRole = defineMethod({
  name: 'getUserRole',
  summary:
    'Role of a user on an edge, null for none. True until `authzChanged` names him or the edge, and for `validForMs` at most.',
  clients: backendClients,
  params: z.object({ userId: login, edgeId }),
  result: roleOnEdge.extend({ epoch: z.number() }),
  ...readsAll,
  example: {
    params: { userId: 'ada', edgeId: 'edge0' },
    result: { role: 'owner', validForMs: 600_000, epoch: 4711 },
  },
  handler: ({ ctx, now }, params) => ({ ...roleAnswer(ctx.store, params, now), epoch: ctx.store.revision }),
})

const getUserRoles = defineMethod({
  name: 'getUserRoles',
  summary:
    'The same for many pairs at once, in their order: how a mirror renews what it holds. With a limited mirror of what that may know, else for services that look after all accounts.',
  clients: backendClients,
  params: z.object({ pairs: z.array(z.tuple([login, edgeId])).max(1000) }),
  result: z.object({ epoch: z.number(), roles: z.array(roleOnEdge) }),
  scope: 'read',
  access: 'signedIn',
  handler: ({ ctx, session, caller, now }, { pairs }) => {
    const limited = ctx.mirrors.limitedOf(session.channel)
    if (limited !== undefined) {
      ctx.store.assertFresh()
      const { epoch, roles } = limited.roles(pairs)
      // How long it holds would tell of grants elsewhere: the mirror looks again at every instant.
      return { epoch, roles: roles.map((held) => ({ role: held, validForMs: LONGEST_ROLE_MS })) }
    }
    requirePermission(ctx, caller, 'manageUser', PLATFORM_RESOURCE_ID, now)
    return {
      epoch: ctx.store.revision,
      roles: pairs.map(([userId, edge]) => roleAnswer(ctx.store, { userId, edgeId: edge }, now)),
    }
  },
})

export const metadataUserMethods = [getUser, getUserByExternalId, getUserRole, getUserRoles]
