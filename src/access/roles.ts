import { allPermissions, maskOf, type OpenemsRole, type RoleRow } from './model.ts'

const view = maskOf('discover', 'overview', 'live', 'history', 'detail')
const operate = view | maskOf('control', 'alertsOwn')
const install = operate | maskOf('install', 'edit')
const administer = allPermissions & ~maskOf('push')

/**
 * The built-in roles with their fixed ids (domain rules 2.4). Names are namespaced because EcoPhi "Owner" and
 * OpenEMS "owner" are different things (T1). `migrations/` inserts the same rows; a contract test compares them.
 */
export const builtInRoles: readonly RoleRow[] = [
  role(1, 'openems.admin', administer, administer, administer, 'admin'),
  role(2, 'openems.installer', install, install, 0, 'installer'),
  role(3, 'openems.owner', operate, operate, 0, 'owner'),
  role(4, 'openems.guest', view, view, 0, 'guest'),
]

function role(
  id: number,
  name: string,
  selfMask: number,
  contentMask: number,
  suborganisationMask: number,
  openemsRole: OpenemsRole | null,
): RoleRow {
  return { id, name, organisationId: null, selfMask, contentMask, suborganisationMask, openemsRole }
}
