import { z } from 'zod'
import { requirePermission } from '../access/door.ts'
import { type OrganisationRow, PLATFORM_RESOURCE_ID } from '../access/model.ts'
import { findVisibleUser, type Look, managesUsers } from '../access/people-door.ts'
import { listGrantIdsOn } from '../access/resource-queries.ts'
import { problem } from '../errors.ts'
import { longPageOf, pageOfSorted } from '../lib/page.ts'
import {
  addOrganisationMember as addMember,
  organisationRoleOf,
  organisationRoles,
  removeOrganisationMember as removeMember,
  setOrganisationRole as setRole,
} from '../organisations/member-service.ts'
import {
  moveOrganisation as move,
  createOrganisation as newOrganisation,
  createSuborganisation as newSuborganisation,
  deleteOrganisation as remove,
  renameOrganisation as rename,
  setOrganisationGates as setGates,
  setTenantPolicies as setPolicies,
} from '../organisations/organisation-service.ts'
import { type Call, defineMethod } from '../rpc/method.ts'
import {
  actorOf,
  operatorClients as clients,
  id,
  login,
  loginOf,
  lookOf,
  mention,
  name,
  paging,
  period,
  periodOf,
  refused,
  toIso,
  total,
} from './rights-shapes.ts'
import { empty, role } from './shapes.ts'
import { visible } from './visible-rows.ts'

const organisationView = z.object({
  id: z.number(),
  name: z.string(),
  isMain: z.boolean(),
  /** Left out when the caller may not know of it. */
  parentId: z.number().optional(),
  canEditSites: z.boolean(),
  canCreateSuborganisations: z.boolean(),
  maxOpenemsRole: role,
  publicAccess: z.boolean(),
  strictRoles: z.boolean(),
})

function toView(look: Look & { askerId: number }, row: OrganisationRow): z.input<typeof organisationView> {
  const { parentId, ...columns } = row
  return { ...columns, isMain: parentId === null, parentId: mention(look, parentId) }
}

/** The owner of a new organisation: the caller, unless he names somebody of whom he may know. */
function ownerOf(call: Call, ownerLogin: string | undefined): number | undefined {
  if (ownerLogin === undefined) return undefined
  const look = lookOf(call)
  const user = findVisibleUser(look, ownerLogin)
  if (user === undefined)
    throw managesUsers(look) ? problem(`There is no user ${ownerLogin}`) : refused(look, ownerLogin)
  return user.id
}

const createOrganisation = defineMethod({
  name: 'createOrganisation',
  summary: 'Creates a main organisation, the root of a tenant. Its owner is the caller or who is named.',
  clients,
  params: z.strictObject({ name, owner: login.optional() }),
  result: z.object({ id: z.number() }),
  access: { permission: 'createSub', resource: () => PLATFORM_RESOURCE_ID },
  handler: async (call, params) => ({
    id: (await newOrganisation(call.ctx, actorOf(call), params.name, ownerOf(call, params.owner))).id,
  }),
})

const createSuborganisation = defineMethod({
  name: 'createSuborganisation',
  summary: 'Creates an organisation below another, with both gates shut.',
  clients,
  params: z.strictObject({ parentId: id, name, owner: login.optional() }),
  result: z.object({ id: z.number() }),
  access: 'signedIn',
  handler: async (call, params) => {
    const owner = ownerOf(call, params.owner)
    return { id: (await newSuborganisation(call.ctx, actorOf(call), params.parentId, params.name, owner)).id }
  },
})

const renameOrganisation = defineMethod({
  name: 'renameOrganisation',
  summary: 'Gives an organisation another name.',
  clients,
  params: z.strictObject({ organisationId: id, name }),
  result: empty,
  access: { permission: 'discover', resource: (params) => params.organisationId },
  handler: async (call, params) => {
    await rename(call.ctx, actorOf(call), params.organisationId, params.name)
    return {}
  },
})

const moveOrganisation = defineMethod({
  name: 'moveOrganisation',
  summary: 'Puts a sub-organisation, with all that lies below it, below another organisation of the same main one.',
  clients,
  params: z.strictObject({ organisationId: id, parentId: id }),
  result: empty,
  access: { permission: 'discover', resource: (params) => params.organisationId },
  handler: async (call, params) => {
    await move(call.ctx, actorOf(call), params.organisationId, params.parentId)
    return {}
  },
})

const setOrganisationGates = defineMethod({
  name: 'setOrganisationGates',
  summary: 'Opens or shuts the gates of a sub-organisation, which is for the organisation above it.',
  clients,
  params: z.strictObject({
    organisationId: id,
    canEditSites: z.boolean().optional(),
    canCreateSuborganisations: z.boolean().optional(),
  }),
  result: empty,
  access: { permission: 'discover', resource: (params) => params.organisationId },
  handler: async (call, { organisationId, ...gates }) => {
    await setGates(call.ctx, actorOf(call), organisationId, gates)
    return {}
  },
})

const setTenantPolicies = defineMethod({
  name: 'setTenantPolicies',
  summary: 'Policies of a tenant: public access, whether a mere overview is a role, the strongest role.',
  clients,
  params: z.strictObject({
    organisationId: id,
    publicAccess: z.boolean().optional(),
    strictRoles: z.boolean().optional(),
    maxOpenemsRole: role.optional(),
  }),
  result: empty,
  access: { permission: 'manageGroup', resource: (params) => params.organisationId },
  handler: async (call, { organisationId, ...policies }) => {
    await setPolicies(call.ctx, actorOf(call), organisationId, policies)
    return {}
  },
})

const deleteOrganisation = defineMethod({
  name: 'deleteOrganisation',
  summary: 'Deletes an organisation in which nothing is left; else the answer says what stops it.',
  clients,
  params: z.strictObject({ organisationId: id }),
  result: empty,
  access: { permission: 'discover', resource: (params) => params.organisationId },
  handler: async (call, params) => {
    await remove(call.ctx, actorOf(call), params.organisationId)
    return {}
  },
})

const listOrganisations = defineMethod({
  name: 'listOrganisations',
  summary: 'The organisations the caller may know of; below one of them if that is named.',
  clients,
  params: z.strictObject({ parentId: id.optional(), ...paging }),
  result: z.object({ organisations: z.array(organisationView), total }),
  scope: 'read',
  access: 'signedIn',
  handler: (call, { parentId, ...query }) => {
    const look = lookOf(call)
    const rows = visible(look, 'organisation').filter((row) => parentId === undefined || row.parentId === parentId)
    const { items, total } = pageOfSorted(rows, (row) => row, query)
    return { organisations: items.map((row) => toView(look, row)), total }
  },
})

const memberRole = z.enum(organisationRoles)
const member = z.strictObject({ organisationId: id, login, role: memberRole, ...period })

const addOrganisationMember = defineMethod({
  name: 'addOrganisationMember',
  summary: 'Makes somebody a member, or invites him by login or e-mail address if he is not for sharing.',
  clients,
  params: member,
  result: z.object({ state: z.enum(['active', 'invited']), grantId: z.number().optional() }),
  access: { permission: 'manageMembers', resource: (params) => params.organisationId },
  handler: async (call, params) => addMember(call.ctx, actorOf(call), { ...params, ...periodOf(params) }),
})

const setOrganisationRole = defineMethod({
  name: 'setOrganisationRole',
  summary: 'Gives a member of an organisation another role; the last owner stays one.',
  clients,
  params: member,
  result: z.object({ grantId: z.number() }),
  access: { permission: 'manageMembers', resource: (params) => params.organisationId },
  handler: async (call, params) => ({
    grantId: (await setRole(call.ctx, actorOf(call), { ...params, ...periodOf(params) })).id,
  }),
})

const removeOrganisationMember = defineMethod({
  name: 'removeOrganisationMember',
  summary: 'Ends a membership, or the own one; not that of the last owner.',
  clients,
  params: z.strictObject({ organisationId: id, login }),
  result: empty,
  access: { permission: 'discover', resource: (params) => params.organisationId },
  handler: async (call, params) => {
    await removeMember(call.ctx, actorOf(call), params)
    return {}
  },
})

const listOrganisationMembers = defineMethod({
  name: 'listOrganisationMembers',
  summary: 'Who has which role in an organisation, for those who handle its members.',
  clients,
  params: z.strictObject({ organisationId: id, ...paging }),
  result: z.object({
    members: z.array(
      z.object({
        login: z.string(),
        name: z.string(),
        role: memberRole,
        validFrom: z.string().nullable(),
        validTo: z.string().nullable(),
        addedBy: z.string().nullable(),
      }),
    ),
    total,
  }),
  scope: 'read',
  access: { permission: 'manageMembers', resource: (params) => params.organisationId },
  handler: async (call, { organisationId, ...query }) => {
    const grantIds = await listGrantIdsOn(call.ctx.db, organisationId)
    const { index } = lookOf(call)
    // Asked again, and once more below: the right may have ended meanwhile.
    requirePermission(call.ctx, call.caller, 'manageMembers', organisationId, call.now)
    const memberBy = (grantId: number) => {
      const grant = index.row('grant', grantId)
      const user = grant && index.user(grant.principalId)
      const inRole = grant && organisationRoleOf(index.row('role', grant.roleId)?.name)
      return user && inRole ? { grant, user, inRole } : null
    }
    const { items, total } = await longPageOf(
      grantIds,
      memberBy,
      ({ user }) => ({ id: user.id, name: user.login }),
      query,
    )
    requirePermission(call.ctx, call.caller, 'manageMembers', organisationId, call.now)
    return {
      members: items.map(({ grant, user, inRole }) => ({
        login: user.login,
        name: user.name,
        role: inRole,
        validFrom: toIso(grant.validFrom),
        validTo: toIso(grant.validTo),
        addedBy: loginOf(index, grant.grantedBy),
      })),
      total,
    }
  },
})

export const organisationMethods = [
  createOrganisation,
  createSuborganisation,
  renameOrganisation,
  moveOrganisation,
  setOrganisationGates,
  setTenantPolicies,
  deleteOrganisation,
  listOrganisations,
  addOrganisationMember,
  setOrganisationRole,
  removeOrganisationMember,
  listOrganisationMembers,
]
