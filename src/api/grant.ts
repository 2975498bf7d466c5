import { z } from 'zod'
import { principalOf, requirePermission } from '../access/door.ts'
import type { GrantRow } from '../access/model.ts'
import { PUBLIC_PRINCIPAL_ID } from '../access/model.ts'
import { ownGroups, seesUserGroup } from '../access/people-door.ts'
import { listGrantIdsOf, listGrantIdsOn } from '../access/resource-queries.ts'
import { findTarget, grantRole as grant, nameOfTarget, revokeGrant as revoke } from '../access/role-grant-service.ts'
import { setShareable as makeShareable } from '../accounts/sharing-service.ts'
import { AppError } from '../errors.ts'
import { longPageOf } from '../lib/page.ts'
import { defineMethod } from '../rpc/method.ts'
import {
  actorOf,
  operatorClients as clients,
  component,
  dataWindows,
  grantee,
  id,
  loginOf,
  lookOf,
  paging,
  period,
  periodOf,
  target,
  toIso,
  total,
} from './rights-shapes.ts'
import { empty } from './shapes.ts'

export const grantView = z.object({
  id: z.number(),
  to: z.object({
    kind: z.enum(['user', 'userGroup', 'service', 'everybody']),
    /** Id of a user group that the caller may know of. */
    id: z.number().optional(),
    /** Login or name; left out for a group that the caller cannot see (GD-04). */
    name: z.string().optional(),
  }),
  on: z.object({
    kind: z.enum(['platform', 'organisation', 'site', 'edge', 'edgeGroup']),
    id: z.number(),
    name: z.string(),
  }),
  role: z.string(),
  validFrom: z.string().nullable(),
  validTo: z.string().nullable(),
  dataWindows: z.array(z.tuple([z.string().nullable(), z.string().nullable()])).nullable(),
  components: z.array(z.string()).nullable(),
  source: z.string(),
  grantedBy: z.string().nullable(),
})

type Looking = ReturnType<typeof lookOf>

function granteeOf(look: Looking, own: ReadonlySet<number>, principalId: number): z.input<typeof grantView>['to'] {
  const { index } = look
  if (principalId === PUBLIC_PRINCIPAL_ID) return { kind: 'everybody' }
  const user = index.user(principalId)
  if (user) return { kind: 'user', name: user.login }
  const group = index.row('userGroup', principalId)
  if (group === undefined) return { kind: 'service', name: index.row('service', principalId)?.name ?? '' }
  return seesUserGroup(look, group, own) ? { kind: 'userGroup', id: group.id, name: group.name } : { kind: 'userGroup' }
}

function resourceOf({ index }: Looking, resourceId: number): z.input<typeof grantView>['on'] {
  const edge = index.edge(resourceId)
  if (edge) return { kind: 'edge', id: resourceId, name: edge.edgeId }
  for (const kind of ['organisation', 'site', 'edgeGroup'] as const) {
    const row = index.row(kind, resourceId)
    if (row) return { kind, id: resourceId, name: row.name }
  }
  return { kind: 'platform', id: resourceId, name: '' }
}

/** A grant as the asker may see it. */
export function toGrantView(look: Looking, own: ReadonlySet<number>, row: GrantRow): z.input<typeof grantView> {
  const { id, components, source } = row
  return {
    id,
    to: granteeOf(look, own, row.principalId),
    on: resourceOf(look, row.resourceId),
    role: look.index.row('role', row.roleId)?.name ?? '',
    validFrom: toIso(row.validFrom),
    validTo: toIso(row.validTo),
    dataWindows:
      row.dataWindows?.map(([from, to]) => [toIso(from), toIso(to)] as const).map(([a, b]) => [a, b]) ?? null,
    components,
    source,
    grantedBy: loginOf(look.index, row.grantedBy),
  }
}

const grantRole = defineMethod({
  name: 'grantRole',
  summary:
    'Grants a role to an account, a user group, a service or everybody: for a time, for some of the data, for some components if wanted.',
  clients,
  params: z.strictObject({
    to: grantee,
    on: target,
    role: z.string().min(1).max(100),
    ...period,
    dataWindows: dataWindows.optional(),
    components: z.array(component).min(1).max(100).optional(),
  }),
  result: z.object({ grantId: z.number() }),
  access: 'signedIn',
  handler: async (call, { to, on, role, dataWindows = null, components = null, ...params }) => ({
    grantId: (await grant(call.ctx, actorOf(call), { to, on, role, dataWindows, components, ...periodOf(params) })).id,
  }),
})

const revokeGrant = defineMethod({
  name: 'revokeGrant',
  summary: 'Withdraws one grant; everybody may give up his own.',
  clients,
  params: z.strictObject({ grantId: id }),
  result: empty,
  access: 'signedIn',
  handler: async (call, params) => {
    await revoke(call.ctx, actorOf(call), params.grantId)
    return {}
  },
})

const listGrants = defineMethod({
  name: 'listGrants',
  summary: 'The grants on a resource, for those who may grant there; without one the own grants of the caller.',
  clients,
  params: z.strictObject({ on: target.optional(), ...paging }),
  result: z.object({ grants: z.array(grantView), total }),
  scope: 'read',
  access: 'signedIn',
  handler: async (call, { on, ...query }) => {
    const { ctx, caller, now } = call
    const own = principalOf(caller)
    const resource = on && findTarget(ctx.store.index, on)
    const ids = resource ? await listGrantIdsOn(ctx.db, resource.id) : await listGrantIdsOf(ctx.db, own)
    const groups = await ownGroups(ctx.db, lookOf(call))
    const look = lookOf(call)
    const mayAsk = () => on && requirePermission(ctx, caller, 'share', resource?.id ?? 0, now, nameOfTarget(on))
    mayAsk()
    const viewOf = (grantId: number) => {
      const row = look.index.row('grant', grantId)
      const isAsked = row && (resource ? row.resourceId === resource.id : row.principalId === own)
      return isAsked ? toGrantView(look, groups, row) : null
    }
    const nameOf = (view: z.input<typeof grantView>) => `${resource ? view.to.name : view.on.name} ${view.role}`
    const page = await longPageOf(ids, viewOf, (view) => ({ id: view.id, name: nameOf(view) }), query)
    // Asked again: the right may have ended while a long list was put together.
    mayAsk()
    return { grants: page.items, total: page.total }
  },
})

const setShareable = defineMethod({
  name: 'setShareable',
  summary: 'Whether others may know of the own account and grant to it; what is granted stays.',
  clients: ['ui'],
  params: z.strictObject({ shareable: z.boolean() }),
  result: empty,
  access: 'signedIn',
  personal: true,
  handler: async (call, params) => {
    const { caller } = call
    if (caller.type !== 'user') throw new AppError('unauthenticated', ['user'])
    await makeShareable(call.ctx, actorOf(call), caller.principalId, params.shareable)
    return {}
  },
})

export const grantMethods = [grantRole, revokeGrant, listGrants, setShareable]
