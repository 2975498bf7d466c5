import { guardGrant } from '../access/guard-door.ts'
import type { GrantRow, OrganisationRow, UserRow } from '../access/model.ts'
import { findVisibleUser } from '../access/people-door.ts'
import type { NewGrant } from '../access/resource-queries.ts'
import { addGrant, grantsBetween, removeGrants, requireNotAbove, roleNamed } from '../access/role-grant-service.ts'
import {
  isHimself,
  refusal,
  requirePeriod,
  requireResource,
  requireRight,
  rightsHolder,
  rowOf,
} from '../access/write-door.ts'
import type { AppContext } from '../context.ts'
import type { Actor, Write } from '../db/write.ts'
import { problem } from '../errors.ts'
import { insertInvitation, isInvited } from '../invitations/invitation-queries.ts'

const DAY_MS = 86_400_000
const INVITATION_DAYS = 14

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

/**
 * Makes somebody a member of an organisation; of several he may be one at a time (P-16). Whoever is available for sharing is one
 * at once (K5); anybody else is invited, by login or e-mail address, and is one when he accepts (P-22).
 */
export async function addOrganisationMember(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  member: OrganisationMember,
): Promise<{ state: 'active'; grantId: number } | { state: 'invited' }> {
  requirePeriod(member.validFrom, member.validTo)
  return ctx.write(actor, async (w) => {
    const organisation = requireResource(w, actor, 'manageMembers', 'organisation', member.organisationId)
    const look = { index: w.index, askerId: rightsHolder(actor), at: w.now.getTime() }
    const byLogin = w.index.userByLogin(member.login.trim().toLowerCase())
    if (byLogin !== undefined && (await rolesOf(w, organisation, byLogin)).length > 0) {
      throw problem('This is a member of the organisation already')
    }
    const user = findVisibleUser(look, member.login)
    if (user === undefined) return invite(w, actor, member)
    const { id } = await give(w, actor, { ...member, principalId: user.id })
    return { state: 'active', grantId: id }
  })
}

/** Makes somebody a member who holds an invitation that was just checked, by the rights of whoever invited him. */
export async function joinOrganisation(
  w: Write,
  inviter: Actor,
  user: UserRow,
  member: Omit<OrganisationMember, 'login'>,
): Promise<void> {
  const organisation = rowOf(w, 'organisation', member.organisationId)
  if ((await rolesOf(w, organisation, user)).length > 0) throw problem('You are a member of the organisation already')
  await give(w, inviter, { ...member, principalId: user.id })
}

/**
 * Invites whom the inviter cannot see, with one answer whether there is such an account or not (G-18, P-22). Who has it is
 * decided now: an e-mail address that somebody enters later is not his for that.
 */
async function invite(w: Write, actor: Actor, member: OrganisationMember): Promise<{ state: 'invited' }> {
  guardGrant(w, actor, organisationGrant(w, actor, { ...member, principalId: 0 }), 'manageMembers')
  const addressee = member.login.trim()
  if (await isInvited(w.tx, member.organisationId, addressee, w.now)) return { state: 'invited' }
  const name = addressee.toLowerCase()
  const id = await insertInvitation(w.tx, {
    addressee,
    userId: (w.index.userByLogin(name) ?? w.index.userByEmail(name))?.id ?? null,
    organisationId: member.organisationId,
    memberRole: member.role,
    memberFrom: member.validFrom,
    memberTo: member.validTo,
    createdBy: rightsHolder(actor),
    createdAt: w.now,
    expiresAt: new Date(w.now.getTime() + INVITATION_DAYS * DAY_MS),
  })
  const { organisationId, role } = member
  w.noted('invitation.created', 'invitation', String(id), { organisationId, role })
  return { state: 'invited' }
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
    const isOwn = isHimself(w, actor, w.index.userByLogin(login.trim().toLowerCase())?.id)
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

/** The role that a membership is stored with. */
export function requireOrganisationRole(text: string | null): OrganisationRole {
  const role = organisationRoles.find((one) => one === text)
  if (role === undefined) throw new Error(`There is no role ${text} in organisations`)
  return role
}

type Membership = Omit<OrganisationMember, 'login'> & { principalId: number }

async function give(w: Write, actor: Actor, member: Membership): Promise<GrantRow> {
  return addGrant(w, actor, 'organisation.memberAdded', organisationGrant(w, actor, member), 'manageMembers')
}

/** The grant that a membership is. */
export function organisationGrant(w: Write, actor: Actor, member: Membership): NewGrant {
  return {
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
  const grants = await grantsBetween(w, user.id, organisation.id)
  return grants.filter((grant) => organisationRoleOf(nameOf(w, grant)) !== undefined)
}

function nameOf(w: Write, grant: GrantRow): string | undefined {
  return w.index.row('role', grant.roleId)?.name
}
