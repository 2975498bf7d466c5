import type { AccessIndex } from './access-index.ts'

/** The main organisation that a resource belongs to, if it belongs to one. */
export function tenantOf(index: AccessIndex, resourceId: number): number | undefined {
  const edge = index.edge(resourceId)
  const site = index.row('site', edge?.siteId ?? resourceId)
  const group = index.row('edgeGroup', resourceId)
  let at = site?.organisationId ?? edge?.organisationId ?? group?.organisationId ?? resourceId
  for (let row = index.row('organisation', at); row?.parentId; row = index.row('organisation', at)) at = row.parentId
  return index.row('organisation', at) && at
}
