import { allPermissions, maskOf, type OpenemsRole, type RoleRow } from './model.ts'

const view = maskOf('discover', 'overview', 'live', 'history', 'detail')
const operate = view | maskOf('control', 'alertsOwn')
const install = operate | maskOf('install', 'edit')
const administer = allPermissions & ~maskOf('push')

/** Everything inside a tenant: raw configuration, other people's accounts and acting as them stay with the platform. */
const own = administer & ~maskOf('configRaw', 'impersonate', 'manageUser')
const manage = install | maskOf('manageMembers', 'createSite', 'createSub')
/** An edge or a site as its administrator has it: all of it and the right to pass it on (G-02, G-09). */
const ownResource = install | maskOf('delete', 'share', 'alertsOthers', 'auditRead')
const glimpse = maskOf('discover', 'overview')

/**
 * The built-in roles with their fixed ids (domain rules 2.4). Names are namespaced because EcoPhi "Owner" and
 * OpenEMS "owner" are different things (T1). `migrations/` inserts the same rows; a contract test compares them.
 */
export const builtInRoles: readonly RoleRow[] = [
  role(1, 'openems.admin', administer, administer, administer, 'admin'),
  role(2, 'openems.installer', install, install, 0, 'installer'),
  role(3, 'openems.owner', operate, operate, 0, 'owner'),
  role(4, 'openems.guest', view, view, 0, 'guest'),
  // Organisations. Only the owner reaches sub-organisations (P-08, P-17).
  role(5, 'org.owner', own, own, own, 'installer'),
  role(6, 'org.manager', manage, install, 0, 'installer'),
  role(7, 'org.viewer', maskOf('discover'), view, 0, 'guest'),
  role(8, 'org.member', maskOf('discover'), glimpse, 0, null),
  // Edges and sites (G-09, G-10).
  role(9, 'resource.administration', ownResource, ownResource, 0, 'owner'),
  role(10, 'resource.control', operate, operate, 0, 'owner'),
  role(11, 'resource.detail', view, view, 0, 'guest'),
  role(12, 'resource.overview', glimpse, glimpse, 0, null),
  // Edge groups: administration is of the group, what it holds is only seen (T5, G-12, G-15).
  role(13, 'group.administration', view | maskOf('share', 'manageGroup', 'edit', 'delete'), view, 0, 'guest'),
  role(14, 'group.detail', maskOf('discover'), view, 0, 'guest'),
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
