import type { GrantRow, OrganisationRow, UserRow } from '../access/model.ts'
import { findVisibleUser } from '../access/people-door.ts'
import { addGrant, grantsOn, removeGrants, requireNotAbove, roleNamed } from '../access/role-grant-service.ts'
import { refusal, requirePeriod, requireResource, requireRight, rightsHolder } from '../access/write-door.ts'
import type { AppContext } from '../context.ts'
import type { Actor, Write } from '../db/write.ts'
import { problem } from '../errors.ts'

/** Roles in an organisation, weakest first (P-08, P-10..12). */
export const organisationRoles = ['member', 'viewer', 'manager', 'owner'] as const
export type OrganisationRole = (typeof organisationRoles)[number]

export interface OrganisationMember {
  organisationId: number
  login: string
  role: OrganisationRole
  validFrom: Date | null
  validTo: Date | null
}

/** Makes somebody a member of an organisation; of several he may be one at a time (P-16). */
export async function addOrganisationMember(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  member: OrganisationMember,
): Promise<GrantRow> {
  requirePeriod(member.validFrom, member.validTo)
  return ctx.write(actor, async (w) => {
    const organisation = requireResource(w, actor, 'manageMembers', 'organisation', member.organisationId)
    const look = { index: w.index, askerId: rightsHolder(actor), at: w.now.getTime() }
    const user = findVisibleUser(look, member.login)
    if (user === undefined) throw refusal(w, actor, 'grantee')
    const roles = await rolesOf(w, organisation, user)
    if (roles.length > 0) throw problem('This is a member of the organisation already')
    return give(w, actor, { ...member, principalId: user.id })
  })
}

/** Gives a member another role. Nobody gives or takes a role above his own (P-09, C-12). */
export async function setOrganisationRole(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  member: OrganisationMember,
): Promise<GrantRow> {
  requirePeriod(member.validFrom, member.validTo)
  return ctx.write(actor, async (w) => {
    const organisation = requireResource(w, actor, 'manageMembers', 'organisation', member.organisationId)
    const { user, grants } = await requireMember(w, actor, organisation, member.login)
    const made = await give(w, actor, { ...member, principalId: user.id })
    const old = grants.filter((grant) => grant.id !== made.id)
    for (const grant of old) requireNotAbove(w, actor, grant)
    await removeGrants(w, 'organisation.roleChanged', old, { grantsAdded: [made] })
    return made
  })
}

/** Ends somebody's membership, or one's own. The last owner stays (P-09); who is above oneself stays too. */
export async function removeOrganisationMember(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  { organisationId, login }: { organisationId: number; login: string },
): Promise<void> {
  await ctx.write(actor, async (w) => {
    const organisation = requireResource(w, actor, 'discover', 'organisation', organisationId)
    const isOwn = w.index.userByLogin(login.trim().toLowerCase())?.id === rightsHolder(actor)
    if (!isOwn) requireRight(w, actor, 'manageMembers', organisation.id)
    const { grants } = await requireMember(w, actor, organisation, login)
    if (!isOwn) for (const grant of grants) requireNotAbove(w, actor, grant)
    await removeGrants(w, 'organisation.memberRemoved', grants)
  })
}

/** The role in an organisation that a grant stands for. */
export function organisationRoleOf(roleName: string | undefined): OrganisationRole | undefined {
  return organisationRoles.find((role) => roleName === `org.${role}`)
}

async function give(w: Write, actor: Actor, member: OrganisationMember & { principalId: number }): Promise<GrantRow> {
  const grant = {
    principalId: member.principalId,
    resourceId: member.organisationId,
    roleId: roleNamed(w.index, `org.${member.role}`).id,
    components: null,
    validFrom: member.validFrom?.getTime() ?? null,
    validTo: member.validTo?.getTime() ?? null,
    dataWindows: null,
    source: 'manual',
    grantedBy: rightsHolder(actor),
  }
  return addGrant(w, actor, 'organisation.memberAdded', grant, 'manageMembers')
}

async function requireMember(
  w: Write,
  actor: Actor,
  organisation: OrganisationRow,
  login: string,
): Promise<{ user: UserRow; grants: GrantRow[] }> {
  const user = w.index.userByLogin(login.trim().toLowerCase())
  const grants = user === undefined ? [] : await rolesOf(w, organisation, user)
  if (user === undefined || grants.length === 0) throw refusal(w, actor, 'member')
  return { user, grants }
}

/** Somebody's own grants of roles in the organisation. */
async function rolesOf(w: Write, organisation: OrganisationRow, user: UserRow): Promise<GrantRow[]> {
  const grants = await grantsOn(w, organisation.id)
  return grants.filter((grant) => grant.principalId === user.id && organisationRoleOf(nameOf(w, grant)) !== undefined)
}

function nameOf(w: Write, grant: GrantRow): string | undefined {
  return w.index.row('role', grant.roleId)?.name
}
