import { z } from 'zod'
import { requirePermission } from '../access/door.ts'
import { permissionsIn } from '../access/graph-data.ts'
import { maskOf, type Permission, permissionBits, type RoleRow } from '../access/model.ts'
import {
  createRole as create,
  updateRole as edit,
  type RoleText,
  deleteRole as remove,
} from '../access/role-service.ts'
import { pageOf } from '../lib/page.ts'
import { defineMethod } from '../rpc/method.ts'
import { actorOf, operatorClients as clients, id, lookOf, paging, total } from './rights-shapes.ts'
import { empty, role } from './shapes.ts'

const permissions = z.array(z.enum(Object.keys(permissionBits) as [Permission, ...Permission[]])).max(50)
const roleName = z.string().trim().min(1).max(100)

const roleView = z.object({
  /** Of a tenant's own role; built-in ones are not changed. */
  id: z.number().optional(),
  name: z.string(),
  /** Allowed on what it is granted on, on what that holds, and on the organisations below. */
  self: z.array(z.string()),
  content: z.array(z.string()),
  suborganisations: z.array(z.string()),
  openemsRole: role.nullable(),
})

/** The four values as the wire names them. */
const values = {
  self: permissions.optional(),
  content: permissions.optional(),
  suborganisations: permissions.optional(),
  openemsRole: role.nullable().optional(),
}

type Values = { [K in keyof typeof values]?: z.output<(typeof values)[K]> }

function toText({ self, content, suborganisations, openemsRole }: Values) {
  const mask = (names: Permission[] | undefined) => (names === undefined ? undefined : maskOf(...names))
  return { selfMask: mask(self), contentMask: mask(content), suborganisationMask: mask(suborganisations), openemsRole }
}

function toView(row: RoleRow): z.input<typeof roleView> {
  return {
    ...(row.organisationId === null ? {} : { id: row.id }),
    name: row.name,
    self: permissionsIn(row.selfMask),
    content: permissionsIn(row.contentMask),
    suborganisations: permissionsIn(row.suborganisationMask),
    openemsRole: row.openemsRole,
  }
}

const createRole = defineMethod({
  name: 'createRole',
  summary:
    'Makes a role of a tenant: what it allows on the thing itself, its content, sub-organisations, and on an edge.',
  clients,
  params: z.strictObject({ organisationId: id, name: roleName, ...values }),
  result: z.object({ id: z.number() }),
  access: { permission: 'manageGroup', resource: (params) => params.organisationId },
  handler: async (call, { organisationId, name, ...given }) => {
    const nothing: RoleText = { name, selfMask: 0, contentMask: 0, suborganisationMask: 0, openemsRole: null }
    const known = Object.entries(toText(given)).filter(([, value]) => value !== undefined)
    const text = { ...nothing, ...Object.fromEntries(known) }
    return { id: (await create(call.ctx, actorOf(call), organisationId, text)).id }
  },
})

const updateRole = defineMethod({
  name: 'updateRole',
  summary: 'Changes a role of a tenant wherever it is granted; nobody conveys by that what he could not grant.',
  clients,
  params: z.strictObject({ roleId: id, name: roleName.optional(), ...values }),
  result: empty,
  access: 'signedIn',
  handler: async (call, { roleId, name, ...given }) => {
    await edit(call.ctx, actorOf(call), roleId, { name, ...toText(given) })
    return {}
  },
})

const deleteRole = defineMethod({
  name: 'deleteRole',
  summary: 'Deletes a role of a tenant that nobody is granted; else the answer says what stops it.',
  clients,
  params: z.strictObject({ roleId: id }),
  result: empty,
  access: 'signedIn',
  handler: async (call, params) => {
    await remove(call.ctx, actorOf(call), params.roleId)
    return {}
  },
})

const listRoles = defineMethod({
  name: 'listRoles',
  summary: 'The built-in roles; those of a tenant too if its organisation is named, for those who may grant there.',
  clients,
  params: z.strictObject({ organisationId: id.optional(), ...paging }),
  result: z.object({ roles: z.array(roleView), total }),
  scope: 'read',
  access: 'signedIn',
  handler: (call, { organisationId, ...query }) => {
    const { index } = lookOf(call)
    if (organisationId !== undefined) {
      requirePermission(call.ctx, call.caller, 'share', organisationId, call.now)
    }
    const rows = [...index.rows('role')].filter(
      (row) => row.organisationId === null || row.organisationId === organisationId,
    )
    const { items, total } = pageOf(rows, (row) => row, query)
    return { roles: items.map(toView), total }
  },
})

export const roleMethods = [createRole, updateRole, deleteRole, listRoles]
