import { guardContainment } from '../access/guard-door.ts'
import type { OrganisationRow, SiteRow } from '../access/model.ts'
import { insertResource } from '../access/resource-queries.ts'
import { addContainment, removeContainment, removeLinks, removeResource } from '../access/resource-service.ts'
import { tenantOf } from '../access/tenant.ts'
import {
  changeRow,
  hasRight,
  requireEdge,
  requireName,
  requireResource,
  requireRight,
  requireText,
  rowOf,
} from '../access/write-door.ts'
import type { AppContext } from '../context.ts'
import type { Actor, Write } from '../db/write.ts'
import { problem } from '../errors.ts'
import { deleteSiteRow, insertSite, listEdgeIdsOfSite, updateEdgePlace, updateSite } from './site-queries.ts'

const MAX_LABELS = 50

export interface NewSite {
  organisationId: number
  name: string
  location?: string | undefined
  labels?: readonly string[] | undefined
  isVirtual?: boolean | undefined
}

/** A site of a main organisation; a sub-organisation cannot have its own, whatever the role (P-04). */
export async function createSite(ctx: Pick<AppContext, 'write'>, actor: Actor, site: NewSite): Promise<SiteRow> {
  const { organisationId, isVirtual = false } = site
  const columns = { organisationId, isVirtual, ...described({ location: '', labels: [], ...site }) }
  return ctx.write(actor, async (w) => {
    const organisation = requireResource(w, actor, 'discover', 'organisation', organisationId)
    requireMain(organisation)
    requireRight(w, actor, 'createSite', organisation.id)
    const row: SiteRow = { id: await insertResource(w.tx, 'site'), ...columns }
    await insertSite(w.tx, row)
    w.inserted('site.created', 'site', row)
    return row
  })
}

/** Changes the name of a site, its location or its labels (P-05, P-24). */
export async function renameSite(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  siteId: number,
  change: { name?: string | undefined; location?: string | undefined; labels?: readonly string[] | undefined },
): Promise<SiteRow> {
  return ctx.write(actor, async (w) => {
    const before = requireResource(w, actor, 'edit', 'site', siteId)
    const { name = before.name, location = before.location, labels = before.labels } = change
    return changeSite(w, 'site.renamed', before, described({ name, location, labels }))
  })
}

/** Shares a site with a sub-organisation of the same tree (P-15, P-18); to share on takes *edit sites* (P-06). */
export async function shareSite(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  siteId: number,
  organisationId: number,
): Promise<void> {
  await ctx.write(actor, async (w) => {
    const site = requireResource(w, actor, 'share', 'site', siteId)
    requireRight(w, actor, 'edit', site.id)
    const organisation = requireResource(w, actor, 'discover', 'organisation', organisationId)
    if (organisation.parentId === null) throw problem('A site is shared with sub-organisations')
    if (tenantOf(w.index, organisation.id) !== tenantOf(w.index, site.id)) {
      throw problem('A site is shared inside its own organisation only')
    }
    await addContainment(w, actor, 'site.shared', { parentId: organisation.id, childId: site.id })
  })
}

/** Ends the sharing; the main organisation keeps the site (P-21). Whoever has it may give it back. */
export async function unshareSite(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  siteId: number,
  organisationId: number,
): Promise<void> {
  await ctx.write(actor, async (w) => {
    const site = requireResource(w, actor, 'discover', 'site', siteId)
    const organisation = requireResource(w, actor, 'discover', 'organisation', organisationId)
    if (!hasRight(w, actor, 'share', site.id)) requireRight(w, actor, 'manageGroup', organisation.id)
    const isShared = await removeContainment(w, 'site.unshared', { parentId: organisation.id, childId: site.id })
    if (!isShared) throw problem('The site is not shared with this organisation')
  })
}

/** Deletes a site without edges; grants on it, shares and places in groups go with it. */
export async function deleteSite(ctx: Pick<AppContext, 'write'>, actor: Actor, siteId: number): Promise<void> {
  await ctx.write(actor, async (w) => {
    const site = requireResource(w, actor, 'delete', 'site', siteId)
    const edges = await listEdgeIdsOfSite(w.tx, site.id)
    if (edges.length > 0) {
      const seen = edges.filter((edgeId) => hasRight(w, actor, 'discover', edgeId)).length
      const parts = [
        seen > 0 && `${seen} ${seen === 1 ? 'edge' : 'edges'}`,
        seen < edges.length && 'edges you cannot see',
      ]
      throw problem(`The site still has ${parts.filter(Boolean).join(', ')}: move or delete them first`)
    }
    await removeLinks(w, site.id)
    await deleteSiteRow(w.tx, site.id)
    w.deleted('site.deleted', 'site', site)
    await removeResource(w, site.id)
  })
}

/**
 * Puts an edge on a site, or takes it off the one it is on. What the site's people may do reaches the edge by that, so it
 * takes the right to grant on the edge (G-30) and to edit the site. Into another tenant leads `handOver` alone, which ends what
 * people of the old one had of it (P-18).
 */
export async function moveEdge(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  edgeName: string,
  siteId: number | null,
): Promise<void> {
  await ctx.write(actor, async (w) => {
    const edge = requireEdge(w, actor, 'share', edgeName)
    if (edge.siteId === siteId) return
    if (siteId !== null) {
      requireResource(w, actor, 'edit', 'site', siteId)
      const tenant = tenantOf(w.index, edge.id)
      if (tenant !== undefined && tenant !== tenantOf(w.index, siteId)) {
        throw problem('The edge belongs to another organisation than the site: hand it over with handOver first')
      }
      await guardContainment(w, actor, { parentId: siteId, childId: edge.id })
    }
    // Off the site it stays with the organisation, or nobody would have it any more.
    const organisationId = edge.organisationId ?? (siteId === null ? (tenantOf(w.index, edge.id) ?? null) : null)
    const after = { ...edge, siteId, organisationId }
    await updateEdgePlace(w.tx, after)
    w.updated('edge.moved', 'edge', edge, after)
  })
}

/** Writes what is different about a site as part of a write. */
export async function changeSite(
  w: Write,
  action: string,
  before: SiteRow,
  change: Partial<SiteRow>,
): Promise<SiteRow> {
  const after = { ...before, ...change }
  await changeRow(w, action, 'site', { before, after }, (tx) => updateSite(tx, after))
  return after
}

/** An edge that also belongs to the organisation itself belongs to the site alone from now on. */
export async function release(w: Write, action: string, edgeId: number): Promise<void> {
  const before = rowOf(w, 'edge', edgeId)
  if (before.organisationId === null) return
  const after = { ...before, organisationId: null }
  await updateEdgePlace(w.tx, after)
  w.updated(action, 'edge', before, after)
}

/** Sites are those of main organisations (P-04). */
export function requireMain(organisation: OrganisationRow): void {
  if (organisation.parentId !== null) throw problem('Sites are created in a main organisation only')
}

function described(site: { name: string; location?: string | undefined; labels?: readonly string[] | undefined }) {
  const labels = (site.labels ?? []).map((label) => requireText(label, 'A label', 50)).filter((label) => label !== '')
  if (labels.length > MAX_LABELS) throw problem(`A site has at most ${MAX_LABELS} labels`)
  return {
    name: requireName(site.name),
    location: requireText(site.location ?? '', 'The location', 500),
    labels: [...new Set(labels)],
  }
}
