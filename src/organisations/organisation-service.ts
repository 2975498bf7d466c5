import { openedTo } from '../access/grant-rules.ts'
import { guardGate, guardGrant, guardOrganisation, guardSuborganisation } from '../access/guard-door.ts'
import type { OpenemsRole, OrganisationRow } from '../access/model.ts'
import { PLATFORM_RESOURCE_ID } from '../access/model.ts'
import { insertResource } from '../access/resource-queries.ts'
import { removeLinks, removeResource } from '../access/resource-service.ts'
import { grantOwnership } from '../access/role-grant-service.ts'
import { tenantOf } from '../access/tenant.ts'
import { changeRow, hasRight, requireName, requireResource, requireRight, rightsHolder } from '../access/write-door.ts'
import type { AppContext } from '../context.ts'
import type { Actor, Write } from '../db/write.ts'
import { problem } from '../errors.ts'
import {
  type Belonging,
  deleteOrganisationRow,
  insertOrganisation,
  listBelongings,
  updateOrganisation,
} from './organisation-queries.ts'

/** A main organisation: the root of a tenant (P-01, P-03). Its owner is who is named, else who makes it (P-09). */
export async function createOrganisation(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  name: string,
  ownerId: number | null = rightsHolder(actor),
): Promise<OrganisationRow> {
  const row = { name: requireName(name), parentId: null, canEditSites: true, canCreateSuborganisations: true }
  return ctx.write(actor, async (w) => {
    requireRight(w, actor, 'createSub', PLATFORM_RESOURCE_ID)
    return addOrganisation(w, { ...row, maxOpenemsRole: 'admin', publicAccess: false, strictRoles: true }, ownerId)
  })
}

/** An organisation below another, with both its gates shut (P-06, P-07). */
export async function createSuborganisation(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  parentId: number,
  name: string,
  ownerId: number | null = rightsHolder(actor),
): Promise<OrganisationRow> {
  const row = { name: requireName(name), parentId, canEditSites: false, canCreateSuborganisations: false }
  return ctx.write(actor, async (w) => {
    requirePlaceBelow(w, actor, parentId)
    guardSuborganisation(w, actor, parentId)
    return addOrganisation(w, { ...row, maxOpenemsRole: 'installer', publicAccess: false, strictRoles: true }, ownerId)
  })
}

/**
 * Puts a sub-organisation, with all that lies below it, below another one of its tenant. Who decides about the organisation above
 * lets it go; below the new one it must be as if it were made there: its owners and gates come with it (P-06, P-08, P-18).
 */
export async function moveOrganisation(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  organisationId: number,
  parentId: number,
): Promise<void> {
  await ctx.write(actor, async (w) => {
    const before = requireResource(w, actor, 'discover', 'organisation', organisationId)
    if (before.parentId === null) throw problem('A main organisation lies below no other')
    const parent = requireResource(w, actor, 'discover', 'organisation', parentId)
    if (tenantOf(w.index, parent.id) !== tenantOf(w.index, before.id)) {
      throw problem('An organisation moves inside its own main organisation only')
    }
    requireRight(w, actor, 'manageGroup', before.parentId)
    requirePlaceBelow(w, actor, parent.id)
    if (before.canEditSites) requireRight(w, actor, 'edit', parent.id)
    if (parent.id === before.parentId) return
    await guardOrganisation(w, actor, { parentId: parent.id, childId: before.id })
    await changeOrganisation(w, 'organisation.moved', before, { parentId: parent.id })
  })
}

/** Whether the actor may have an organisation below this one (P-06). */
function requirePlaceBelow(w: Write, actor: Actor, parentId: number): void {
  const parent = requireResource(w, actor, 'discover', 'organisation', parentId)
  if (parent.parentId !== null && !parent.canCreateSuborganisations) {
    throw problem('This sub-organisation is not permitted to create further ones')
  }
  requireRight(w, actor, 'createSub', parentId)
}

async function addOrganisation(
  w: Write,
  organisation: Omit<OrganisationRow, 'id'>,
  ownerId: number | null,
): Promise<OrganisationRow> {
  // Only the service itself makes one without: seeds and imports name the owners later.
  if (ownerId !== null && w.index.user(ownerId)?.disabledAt !== null) {
    throw problem('An organisation needs an owner who is a person')
  }
  const row = { id: await insertResource(w.tx, 'organisation'), ...organisation }
  await insertOrganisation(w.tx, row)
  w.inserted('organisation.created', 'organisation', row)
  if (ownerId !== null) await grantOwnership(w, ownerId, row.id, 'org.owner')
  return row
}

/** Gives an organisation another name; what its owner may do at any time, and whoever may edit there. */
export async function renameOrganisation(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  organisationId: number,
  name: string,
): Promise<void> {
  const line = requireName(name)
  await ctx.write(actor, async (w) => {
    const before = requireResource(w, actor, 'discover', 'organisation', organisationId)
    if (!hasRight(w, actor, 'edit', before.id)) requireRight(w, actor, 'manageGroup', before.id)
    await changeOrganisation(w, 'organisation.renamed', before, { name: line })
  })
}

export interface Gates {
  canEditSites?: boolean | undefined
  canCreateSuborganisations?: boolean | undefined
}

/**
 * Opens or shuts the gates of a sub-organisation (P-06, P-13). That is for the organisation above: nobody lets himself
 * through, nor anybody through a gate that he has not passed.
 */
export async function setOrganisationGates(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  organisationId: number,
  gates: Gates,
): Promise<void> {
  await ctx.write(actor, async (w) => {
    const before = requireResource(w, actor, 'discover', 'organisation', organisationId)
    const above = before.parentId
    if (above === null) throw problem('A main organisation has no gates')
    requireRight(w, actor, 'manageGroup', above)
    const { canEditSites = before.canEditSites, canCreateSuborganisations = before.canCreateSuborganisations } = gates
    if (canEditSites && !before.canEditSites) {
      requireRight(w, actor, 'edit', above)
      guardGate(w, actor, before.id)
    }
    if (canCreateSuborganisations && !before.canCreateSuborganisations) requireRight(w, actor, 'createSub', above)
    await changeOrganisation(w, 'organisation.gatesSet', before, { canEditSites, canCreateSuborganisations })
  })
}

export interface TenantPolicies {
  publicAccess?: boolean | undefined
  strictRoles?: boolean | undefined
  maxOpenemsRole?: OpenemsRole | undefined
}

/** Policies of a whole tenant (K7, K10). The strongest OpenEMS role in it is for the platform to decide. */
export async function setTenantPolicies(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  organisationId: number,
  policies: TenantPolicies,
): Promise<void> {
  await ctx.write(actor, async (w) => {
    const before = requireResource(w, actor, 'manageGroup', 'organisation', organisationId)
    if (before.parentId !== null) throw problem('Policies are those of the main organisation')
    const { publicAccess = before.publicAccess, strictRoles = before.strictRoles } = policies
    const { maxOpenemsRole = before.maxOpenemsRole } = policies
    if (maxOpenemsRole !== before.maxOpenemsRole) requireRight(w, actor, 'createSub', PLATFORM_RESOURCE_ID)
    const opens = (publicAccess && !before.publicAccess) || (!strictRoles && before.strictRoles)
    if (opens) guardGrant(w, actor, openedTo(w.index, before.id), 'share')
    await changeOrganisation(w, 'organisation.policiesSet', before, { publicAccess, strictRoles, maxOpenemsRole })
  })
}

/**
 * Deletes an organisation in which nothing is left; memberships and shares go with it. A main organisation is deleted by
 * the platform, another by the one above it.
 */
export async function deleteOrganisation(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  organisationId: number,
): Promise<void> {
  await ctx.write(actor, async (w) => {
    const row = requireResource(w, actor, 'discover', 'organisation', organisationId)
    if (row.parentId === null) requireRight(w, actor, 'createSub', PLATFORM_RESOURCE_ID)
    else requireRight(w, actor, 'manageGroup', row.parentId)
    const left = await listBelongings(w.tx, row.id)
    if (left.length > 0) throw problem(`The organisation still has ${describe(w, actor, row.id, left)}`)
    await removeLinks(w, row.id)
    await deleteOrganisationRow(w.tx, row.id)
    w.deleted('organisation.deleted', 'organisation', row)
    await removeResource(w, row.id)
  })
}

async function changeOrganisation(
  w: Write,
  action: string,
  before: OrganisationRow,
  change: Partial<OrganisationRow>,
): Promise<void> {
  const after = { ...before, ...change }
  await changeRow(w, action, 'organisation', { before, after }, (tx) => updateOrganisation(tx, after))
}

const words: Record<Belonging['entity'], readonly [one: string, many: string]> = {
  organisation: ['sub-organisation', 'sub-organisations'],
  site: ['site', 'sites'],
  edge: ['edge', 'edges'],
  userGroup: ['user group', 'user groups'],
  edgeGroup: ['edge group', 'edge groups'],
  service: ['service', 'services'],
  role: ['role', 'roles'],
}

/** What stands in the way, in words; of what the asker may not see only that there is something. */
function describe(w: Write, actor: Actor, organisationId: number, left: readonly Belonging[]): string {
  const seesPeople = hasRight(w, actor, 'manageMembers', organisationId)
  const parts: string[] = []
  let hidden = 0
  for (const [entity, [one, many]] of Object.entries(words)) {
    const ofKind = left.filter((belonging) => belonging.entity === entity)
    const isResource = ['organisation', 'site', 'edge', 'edgeGroup'].includes(entity)
    const isSeen = ({ id }: Belonging) => (isResource ? hasRight(w, actor, 'discover', id) : seesPeople)
    const seen = ofKind.filter(isSeen).length
    hidden += ofKind.length - seen
    if (seen > 0) parts.push(`${seen} ${seen === 1 ? one : many}`)
  }
  if (hidden > 0) parts.push('things you cannot see')
  return `${parts.join(', ')}: move or delete them first`
}
