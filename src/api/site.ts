import { z } from 'zod'
import { PUBLIC_PRINCIPAL_ID, type SiteRow } from '../access/model.ts'
import { listChildIds } from '../access/resource-queries.ts'
import { longPageOf, pageOfSorted } from '../lib/page.ts'
import { defineMethod } from '../rpc/method.ts'
import { listEdgeIdsOfSite } from '../sites/site-queries.ts'
import {
  createSite as newSite,
  moveEdge as putEdge,
  deleteSite as remove,
  renameSite as rename,
  shareSite as share,
  unshareSite as unshare,
} from '../sites/site-service.ts'
import {
  actorOf,
  operatorClients as clients,
  id,
  lookOf,
  may,
  mention,
  name,
  paging,
  refused,
  total,
} from './rights-shapes.ts'
import { edgeId, empty } from './shapes.ts'
import { visible } from './visible-rows.ts'

const location = z.string().max(500)
const labels = z.array(z.string().trim().min(1).max(50)).max(50)

const siteView = z.object({
  id: z.number(),
  /** Empty for strangers whom a public grant lets know of it: a name is identity (G-04). */
  name: z.string(),
  isVirtual: z.boolean(),
  organisationId: z.number().optional(),
  /** These two with the permission `detail` only (G-29). */
  location: z.string().optional(),
  labels: z.array(z.string()).optional(),
})

type Looking = ReturnType<typeof lookOf>

function shownName(look: Looking, site: SiteRow): string {
  const isPublic = look.index.allows(PUBLIC_PRINCIPAL_ID, 'discover', site.id, look.at)
  return !isPublic || may(look, 'detail', site.id) ? site.name : ''
}

function toView(look: Looking, site: SiteRow): z.input<typeof siteView> {
  const { location, labels, isVirtual } = site
  return {
    id: site.id,
    name: shownName(look, site),
    isVirtual,
    organisationId: mention(look, site.organisationId),
    ...(may(look, 'detail', site.id) ? { location, labels } : {}),
  }
}

const createSite = defineMethod({
  name: 'createSite',
  summary: 'Creates a site in a main organisation; in a sub-organisation that is refused whatever the role.',
  clients,
  params: z.strictObject({
    organisationId: id,
    name,
    location: location.default(''),
    labels: labels.default([]),
    isVirtual: z.boolean().default(false),
  }),
  result: z.object({ id: z.number() }),
  access: { permission: 'discover', resource: (params) => params.organisationId },
  handler: async (call, params) => ({ id: (await newSite(call.ctx, actorOf(call), params)).id }),
})

const renameSite = defineMethod({
  name: 'renameSite',
  summary: 'Changes the name, location or labels of a site.',
  clients,
  params: z.strictObject({
    siteId: id,
    name: name.optional(),
    location: location.optional(),
    labels: labels.optional(),
  }),
  result: empty,
  access: { permission: 'edit', resource: (params) => params.siteId },
  handler: async (call, { siteId, ...change }) => {
    await rename(call.ctx, actorOf(call), siteId, change)
    return {}
  },
})

const shareSite = defineMethod({
  name: 'shareSite',
  summary: 'Shares a site with a sub-organisation of its own tree.',
  clients,
  params: z.strictObject({ siteId: id, organisationId: id }),
  result: empty,
  access: { permission: 'share', resource: (params) => params.siteId },
  handler: async (call, params) => {
    await share(call.ctx, actorOf(call), params.siteId, params.organisationId)
    return {}
  },
})

const unshareSite = defineMethod({
  name: 'unshareSite',
  summary: 'Ends the sharing of a site with a sub-organisation; the main organisation keeps it.',
  clients,
  params: z.strictObject({ siteId: id, organisationId: id }),
  result: empty,
  access: { permission: 'discover', resource: (params) => params.siteId },
  handler: async (call, params) => {
    await unshare(call.ctx, actorOf(call), params.siteId, params.organisationId)
    return {}
  },
})

const listSites = defineMethod({
  name: 'listSites',
  summary: 'The sites the caller may know of; those of one organisation, own or shared with it, if that is named.',
  clients,
  params: z.strictObject({ organisationId: id.optional(), label: z.string().max(50).optional(), ...paging }),
  result: z.object({ sites: z.array(siteView), total }),
  scope: 'read',
  access: 'signedIn',
  handler: async (call, { organisationId, label, ...query }) => {
    const shared = new Set(organisationId === undefined ? [] : await listChildIds(call.ctx.db, organisationId))
    const look = lookOf(call)
    if (organisationId !== undefined && !may(look, 'discover', organisationId)) return { sites: [], total: 0 }
    const isOf = (site: SiteRow) =>
      organisationId === undefined || site.organisationId === organisationId || shared.has(site.id)
    const isLabelled = (site: SiteRow) =>
      label === undefined || (site.labels.includes(label) && may(look, 'detail', site.id))
    const rows = visible(look, 'site').filter((site) => isOf(site) && isLabelled(site))
    const { items, total } = pageOfSorted(rows, (site) => ({ id: site.id, name: shownName(look, site) }), query)
    return { sites: items.map((site) => toView(look, site)), total }
  },
})

const listSiteContent = defineMethod({
  name: 'listSiteContent',
  summary: 'The edges of a site, as far as the caller may know of them.',
  clients,
  params: z.strictObject({ siteId: id, ...paging }),
  result: z.object({ content: z.array(z.object({ edgeId: z.string(), name: z.string() })), total }),
  scope: 'read',
  access: { permission: 'discover', resource: (params) => params.siteId },
  handler: async (call, { siteId, ...query }) => {
    const edgeIds = await listEdgeIdsOfSite(call.ctx.db, siteId)
    const look = lookOf(call)
    const mayAsk = () => {
      if (look.index.row('site', siteId) === undefined) throw refused(look, 'discover', `site ${siteId}`)
      if (!may(look, 'discover', siteId)) throw refused(look, 'discover')
    }
    mayAsk()
    const viewOf = (edgeId: number) => {
      const edge = may(look, 'discover', edgeId) ? look.index.edge(edgeId) : undefined
      return edge ? { id: edgeId, edgeId: edge.edgeId, name: may(look, 'detail', edgeId) ? edge.comment : '' } : null
    }
    const { items, total } = await longPageOf(edgeIds, viewOf, (view) => view, query)
    mayAsk()
    return { content: items, total }
  },
})

const deleteSite = defineMethod({
  name: 'deleteSite',
  summary: 'Deletes a site without edges; else the answer says what stops it.',
  clients,
  params: z.strictObject({ siteId: id }),
  result: empty,
  access: { permission: 'delete', resource: (params) => params.siteId },
  handler: async (call, params) => {
    await remove(call.ctx, actorOf(call), params.siteId)
    return {}
  },
})

const moveEdge = defineMethod({
  name: 'moveEdge',
  summary:
    'Puts an edge on a site of its organisation, or with null takes it off; to another organisation it is handed over.',
  clients,
  params: z.strictObject({ edgeId, siteId: id.nullable() }),
  result: empty,
  access: 'signedIn',
  handler: async (call, params) => {
    await putEdge(call.ctx, actorOf(call), params.edgeId, params.siteId)
    return {}
  },
})

export const siteMethods = [
  createSite,
  renameSite,
  shareSite,
  unshareSite,
  listSites,
  listSiteContent,
  deleteSite,
  moveEdge,
]
