import { managesUsers, refusalTo } from '../access/people-door.ts'
import { rightsHolder } from '../access/write-door.ts'
import type { AppContext } from '../context.ts'
import type { Actor } from '../db/write.ts'
import { problem } from '../errors.ts'

/** Who may import: owners of a main organisation into it, and whoever looks after all accounts anywhere. */
export function requireImporter(
  ctx: Pick<AppContext, 'store' | 'clock'>,
  actor: Actor,
  organisationId: number | null,
): void {
  ctx.store.assertFresh()
  const { index } = ctx.store
  const look = { index, askerId: rightsHolder(actor), at: ctx.clock().getTime() }
  const { askerId, at } = look
  const organisation = organisationId === null ? undefined : index.row('organisation', organisationId)
  const isOwner = askerId === null || index.allows(askerId, 'manageGroup', organisationId ?? 0, at)
  if (organisationId === null ? managesUsers(look) : organisation !== undefined && isOwner) {
    if (organisation?.parentId) throw problem('Import into the main organisation: what is shared stays shared')
    return
  }
  throw refusalTo(look, 'import', organisationId !== null && !organisation && `organisation ${organisationId}`)
}

/** Whether somebody may import anything at all: whoever may not has no files to send. */
export function mayImport(ctx: Pick<AppContext, 'store' | 'clock'>, principalId: number): boolean {
  const { index } = ctx.store
  const at = ctx.clock().getTime()
  if (managesUsers({ index, askerId: principalId, at })) return true
  const holders = new Set([principalId])
  for (const id of holders) for (const { groupId } of index.membershipsOf(id)) holders.add(groupId)
  return [...holders]
    .flatMap((id) => index.grantsOf(id))
    .some(
      ({ resourceId }) =>
        index.row('organisation', resourceId)?.parentId === null &&
        index.allows(principalId, 'manageGroup', resourceId, at),
    )
}
