import type { AccessIndex } from '../access/access-index.ts'
import type { EdgeGroupRow } from '../access/model.ts'
import { insertResource } from '../access/resource-queries.ts'
import { addContainment, removeContainment, removeLinks, removeResource } from '../access/resource-service.ts'
import { grantOwnership } from '../access/role-grant-service.ts'
import { tenantOf } from '../access/tenant.ts'
import { changeRow, hasRight, refusal, requireResource, requireRight, rightsHolder } from '../access/write-door.ts'
import type { AppContext } from '../context.ts'
import type { Actor } from '../db/write.ts'
import { problem } from '../errors.ts'
import { deleteEdgeGroupRow, insertEdgeGroup, updateEdgeGroup } from './edge-group-queries.ts'
import { checkedText, type GroupText, ownerOf, withDefaults } from './group-rules.ts'

/** What an edge group holds: edges, sites and other groups (G-25). */
export type Content = { edgeId: string } | { siteId: number } | { edgeGroupId: number }

/** Creates an edge group; whoever does it administers it (G-02). One of an organisation takes the right to group there. */
export async function createEdgeGroup(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  group: GroupText & { name: string; organisationId?: number | null | undefined },
): Promise<EdgeGroupRow> {
  const text = checkedText(group)
  const organisationId = group.organisationId ?? null
  return ctx.write(actor, async (w) => {
    if (organisationId !== null) requireRight(w, actor, 'manageGroup', organisationId)
    const row = { id: await insertResource(w.tx, 'edgeGroup'), ...text, organisationId, ownerId: ownerOf(w, actor) }
    await insertEdgeGroup(w.tx, row)
    w.inserted('edgeGroup.created', 'edgeGroup', row)
    const creator = rightsHolder(actor)
    if (creator !== null) await grantOwnership(w, creator, row.id, 'group.administration')
    return row
  })
}

/** Changes the name of an edge group and what else describes it (GD-01). */
export async function renameEdgeGroup(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  groupId: number,
  change: GroupText,
): Promise<EdgeGroupRow> {
  return ctx.write(actor, async (w) => {
    const before = requireResource(w, actor, 'manageGroup', 'edgeGroup', groupId)
    const after = { ...before, ...checkedText(withDefaults(change, before)) }
    await changeRow(w, 'edgeGroup.renamed', 'edgeGroup', { before, after }, (tx) => updateEdgeGroup(tx, after))
    return after
  })
}

/** Deletes an edge group with the grants on it; what was in it stays. */
export async function deleteEdgeGroup(ctx: Pick<AppContext, 'write'>, actor: Actor, groupId: number): Promise<void> {
  await ctx.write(actor, async (w) => {
    const group = requireResource(w, actor, 'delete', 'edgeGroup', groupId)
    await removeLinks(w, group.id)
    await deleteEdgeGroupRow(w.tx, group.id)
    w.deleted('edgeGroup.deleted', 'edgeGroup', group)
    await removeResource(w, group.id)
  })
}

/**
 * Puts an edge, a site or another group into an edge group. That grants what the group's people may do, so it takes the
 * right to grant on what is put in: knowing its number is not a right (T4, G-30).
 */
export async function addToEdgeGroup(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  groupId: number,
  content: Content,
): Promise<void> {
  await ctx.write(actor, async (w) => {
    const group = requireResource(w, actor, 'manageGroup', 'edgeGroup', groupId)
    const childId = contentId(w.index, content)
    if (childId === undefined) throw refusal(w, actor, 'share', nameOf(content))
    requireRight(w, actor, 'share', childId)
    const tenant = tenantOf(w.index, childId)
    if (group.organisationId !== null && tenant !== undefined && tenant !== tenantOf(w.index, group.id)) {
      throw problem('It belongs to another organisation than the group')
    }
    await addContainment(w, actor, 'edgeGroup.added', { parentId: group.id, childId })
  })
}

/** Takes something out of an edge group: whoever decides about the group or may grant on the thing itself (G-22). */
export async function removeFromEdgeGroup(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  groupId: number,
  content: Content,
): Promise<void> {
  await ctx.write(actor, async (w) => {
    const group = requireResource(w, actor, 'discover', 'edgeGroup', groupId)
    const childId = contentId(w.index, content)
    if (childId === undefined || !hasRight(w, actor, 'discover', childId))
      throw refusal(w, actor, 'manageGroup', childId === undefined && nameOf(content))
    if (!hasRight(w, actor, 'share', childId)) requireRight(w, actor, 'manageGroup', group.id)
    const isIn = await removeContainment(w, 'edgeGroup.removed', { parentId: group.id, childId })
    if (!isIn) throw problem('It is not in this group')
  })
}

/** The resource somebody names as content, of that kind. */
export function contentId(index: AccessIndex, content: Content): number | undefined {
  if ('edgeId' in content) return index.edgeByName(content.edgeId)?.id
  if ('siteId' in content) return index.row('site', content.siteId)?.id
  return index.row('edgeGroup', content.edgeGroupId)?.id
}

/** What it is called, for who is told that there is none. */
function nameOf(content: Content): string {
  if ('edgeId' in content) return `edge ${content.edgeId}`
  return 'siteId' in content ? `site ${content.siteId}` : `edge group ${content.edgeGroupId}`
}
