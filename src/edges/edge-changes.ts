import type { EdgeRow } from '../access/model.ts'
import { PLATFORM_RESOURCE_ID } from '../access/model.ts'
import { listGrantIdsFrom } from '../access/resource-queries.ts'
import { removeLinks, removeResource } from '../access/resource-service.ts'
import { HAND_OVER_SOURCE } from '../access/tie-service.ts'
import { changeRow, hasRight, isHimself, requireEdge, requireRight, requireText, rowOf } from '../access/write-door.ts'
import type { AppContext } from '../context.ts'
import type { Tx } from '../db/database.ts'
import type { Actor, Write } from '../db/write.ts'
import { problem } from '../errors.ts'

/** Changes what people read of an edge, which takes control of it (G-29); its type takes the right to install. */
export async function renameEdge(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  edgeName: string,
  change: { comment?: string | undefined; producttype?: string | undefined },
): Promise<void> {
  await ctx.write(actor, async (w) => {
    const before = requireEdge(w, actor, 'control', edgeName)
    const { comment = before.comment, producttype = before.producttype } = change
    const after: EdgeRow = {
      ...before,
      comment: requireText(comment, 'The comment', 500),
      producttype: requireText(producttype, 'The type of product'),
    }
    if (after.producttype !== before.producttype) requireRight(w, actor, 'install', before.id)
    await changeRow(w, 'edge.renamed', 'edge', { before, after }, (tx) => updateEdgeText(tx, after))
  })
}

/**
 * Deletes an edge with its keys, its state and configuration, and everything that was granted on it; a connection of it ends.
 * What a hand-over left to earlier owners is not for the new one to take away (D-25): then only the platform deletes it.
 */
export async function deleteEdge(ctx: Pick<AppContext, 'write'>, actor: Actor, edgeName: string): Promise<void> {
  await ctx.write(actor, async (w) => {
    const edge = requireEdge(w, actor, 'delete', edgeName)
    const handedOver = await listGrantIdsFrom(w.tx, edge.id, HAND_OVER_SOURCE)
    const kept = handedOver.filter((id) => !isHimself(w, actor, rowOf(w, 'grant', id).principalId))
    if (kept.length > 0 && !hasRight(w, actor, 'delete', PLATFORM_RESOURCE_ID)) {
      throw problem(
        `${kept.length} earlier owner(s) keep what was recorded in their time: the platform deletes this edge`,
      )
    }
    await removeKeysAndRestrictions(w, edge.id)
    await removeLinks(w, edge.id)
    await w.tx.deleteFrom('edge').where('id', '=', edge.id).execute()
    w.deleted('edge.deleted', 'edge', edge)
    await removeResource(w, edge.id)
  })
}

async function updateEdgeText(tx: Tx, { id, comment, producttype }: EdgeRow): Promise<void> {
  await tx.updateTable('edge').set({ comment, producttype }).where('id', '=', id).execute()
}

async function removeKeysAndRestrictions(w: Write, edgeId: number): Promise<void> {
  for (const entity of ['edgeKey', 'restriction'] as const) {
    for (const id of await deleteOfEdge(w.tx, entity, edgeId)) w.deleted('edge.deleted', entity, rowOf(w, entity, id))
  }
}

/** Indexes edge_key_edge, restriction_edge. */
async function deleteOfEdge(tx: Tx, table: 'edgeKey' | 'restriction', edgeId: number): Promise<number[]> {
  const rows = await tx.deleteFrom(table).where('edgeId', '=', edgeId).returning('id').execute()
  return rows.map(({ id }) => id)
}
