import type { AppContext } from '../context.ts'
import type { Actor, Write } from '../db/write.ts'
import { problem } from '../errors.ts'
import { guardRole } from './guard-door.ts'
import { type GrantRow, type OrganisationRow, openemsRoles, type RoleRow } from './model.ts'
import { deleteRoleRow, insertRole, listGrantIdsOfRole, updateRoleRow } from './role-queries.ts'
import { changeRow, hasRight, refusal, requireResource, requireText, rowOf } from './write-door.ts'

/** What a role says, apart from whose it is: four values (domain rules 2.3) and a name. */
export type RoleText = Pick<RoleRow, 'name' | 'selfMask' | 'contentMask' | 'suborganisationMask' | 'openemsRole'>

/** Built in, and never a tenant's: `org.owner` must mean one thing everywhere (T1). */
const reservedNamespaces: readonly string[] = ['openems', 'org', 'resource', 'group']
const roleName = /^[a-z][A-Za-z0-9-]*(\.[a-z][A-Za-z0-9-]*)+$/

/**
 * Makes a role of a tenant's own, for those who decide about its main organisation. It conveys nothing until it is granted,
 * and each grant of it is guarded (G-01).
 */
export async function createRole(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  organisationId: number,
  text: RoleText,
): Promise<RoleRow> {
  const name = requireRoleName(text.name)
  return ctx.write(actor, async (w) => {
    const organisation = requireResource(w, actor, 'manageGroup', 'organisation', organisationId)
    if (organisation.parentId !== null) throw problem('Roles are those of the main organisation')
    requireProjection(organisation, text)
    requireFreeName(w, organisationId, name)
    const row = await insertRole(w.tx, { ...text, name, organisationId })
    w.inserted('role.created', 'role', row)
    return row
  })
}

/** Changes a role of a tenant's own, and so at once what everybody has who was granted it: guarded as if granted anew. */
export async function updateRole(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  roleId: number,
  change: { [K in keyof RoleText]?: RoleText[K] | undefined },
): Promise<RoleRow> {
  const name = change.name === undefined ? undefined : requireRoleName(change.name)
  return ctx.write(actor, async (w) => {
    const { role: before, organisation } = requireOwnRole(w, actor, roleId)
    const given = Object.fromEntries(Object.entries({ ...change, name }).filter(([, value]) => value !== undefined))
    const after: RoleRow = { ...before, ...given }
    await changeRow(w, 'role.changed', 'role', { before, after }, async (tx) => {
      requireProjection(organisation, after)
      if (after.name !== before.name) requireFreeName(w, organisation.id, after.name)
      await guardRole(w, actor, after, await grantsOf(w, roleId))
      await updateRoleRow(tx, after)
    })
    return after
  })
}

/** Deletes a role that nobody is granted any more; else says where it still is, as far as the asker may know. */
export async function deleteRole(ctx: Pick<AppContext, 'write'>, actor: Actor, roleId: number): Promise<void> {
  await ctx.write(actor, async (w) => {
    const { role } = requireOwnRole(w, actor, roleId)
    const grants = await grantsOf(w, roleId)
    if (grants.length > 0) throw problem(`The role is still granted ${describe(w, actor, grants)}`)
    await deleteRoleRow(w.tx, roleId)
    w.deleted('role.deleted', 'role', role)
  })
}

function requireOwnRole(w: Write, actor: Actor, roleId: number): { role: RoleRow; organisation: OrganisationRow } {
  const role = w.index.row('role', roleId)
  const organisationId = role?.organisationId ?? undefined
  if (role === undefined) throw refusal(w, actor, 'manageGroup', `role ${roleId}`)
  if (organisationId === undefined) throw refusal(w, actor, 'manageGroup')
  return { role, organisation: requireResource(w, actor, 'manageGroup', 'organisation', organisationId) }
}

function requireRoleName(text: string): string {
  const name = requireText(text, 'The name', 100)
  if (!roleName.test(name)) throw problem('A role is named like acme.technician: words joined by dots')
  if (reservedNamespaces.includes(name.split('.')[0] ?? ''))
    throw problem(`Roles named ${reservedNamespaces.join('.*, ')}.* are built in: choose another first word`)
  return name
}

function requireFreeName(w: Write, organisationId: number, name: string): void {
  if (w.index.roleByName(name, organisationId) !== undefined) throw problem('A role with this name exists already')
}

/** In a tenant nobody is projected above what the platform allows it (2.4). */
function requireProjection({ maxOpenemsRole }: OrganisationRow, { openemsRole }: Pick<RoleText, 'openemsRole'>): void {
  if (openemsRole === null || openemsRoles.indexOf(openemsRole) <= openemsRoles.indexOf(maxOpenemsRole)) return
  throw problem(`In this organisation no role is stronger than ${maxOpenemsRole}`)
}

async function grantsOf(w: Write, roleId: number): Promise<GrantRow[]> {
  return (await listGrantIdsOfRole(w.tx, roleId)).map((id) => rowOf(w, 'grant', id))
}

function describe(w: Write, actor: Actor, grants: readonly GrantRow[]): string {
  const times = (count: number) => (count === 1 ? 'once' : `${count} times`)
  const seen = grants.filter(({ resourceId }) => hasRight(w, actor, 'share', resourceId))
  const names = [...new Set(seen.map(({ resourceId }) => resourceName(w, resourceId)))].slice(0, 5)
  const parts = [
    seen.length > 0 && `${times(seen.length)} (on ${names.join(', ')})`,
    seen.length < grants.length && 'on things you cannot see',
  ]
  return `${parts.filter(Boolean).join(' and ')}: withdraw that first`
}

function resourceName(w: Write, id: number): string {
  const { index } = w
  const named = index.row('organisation', id) ?? index.row('site', id) ?? index.row('edgeGroup', id)
  return index.edge(id)?.edgeId ?? named?.name ?? 'the platform'
}
