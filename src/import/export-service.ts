import { type Asker, principalOf, requirePermission } from '../access/door.ts'
import { PLATFORM_RESOURCE_ID } from '../access/model.ts'
import type { AppContext } from '../context.ts'
import { problem } from '../errors.ts'
import { type ExportWish, exportFleet } from './export-fleet.ts'
import { keepNewKeys, listDelays, listEdgeDetails, listKnownKeys, listPersonDetails } from './export-queries.ts'
import type { KeyedKind } from './fleet-keys.ts'

type Context = Pick<AppContext, 'store' | 'db' | 'write' | 'clock'>

/**
 * Who may export what: whoever looks after all accounts the whole service, an owner what belongs to his main organisation.
 * Throws 1005 for everybody else, whether there is such an organisation or not.
 */
export function requireExport(ctx: Pick<AppContext, 'store'>, asker: Asker, wish: ExportWish, now: Date): void {
  const { organisationId } = wish
  if (organisationId === null) return requirePermission(ctx, asker, 'manageUser', PLATFORM_RESOURCE_ID, now)
  // Of the roles of an organisation only its owner may read the audit (P-08).
  requirePermission(ctx, asker, 'auditRead', organisationId, now)
  const organisation = ctx.store.index.row('organisation', organisationId)
  if (organisation === undefined || organisation.parentId !== null) {
    throw problem('An export is of a main organisation, with all that belongs to its tree')
  }
}

/** The fleet file for somebody who may have it, piece by piece; the log remembers who took it. */
export async function exportMasterData(ctx: Context, asker: Asker, wish: ExportWish): Promise<AsyncGenerator<string>> {
  requireExport(ctx, asker, wish, ctx.clock())
  const { organisationId, format } = wish
  await ctx.write({ actorId: principalOf(asker) }, async (w) => {
    const entity = organisationId === null ? 'platform' : 'organisation'
    w.noted('masterData.exported', entity, String(organisationId ?? PLATFORM_RESOURCE_ID), { format })
  })
  const source = {
    index: ctx.store.index,
    knownKeys: (kind: KeyedKind) => listKnownKeys(ctx.db, organisationId, kind),
    keepKeys: (kind: KeyedKind, keys: readonly { key: string; targetId: number }[]) =>
      keepNewKeys(ctx.db, organisationId, kind, keys),
    people: (ids: readonly number[]) => listPersonDetails(ctx.db, ids),
    delays: (ids: readonly number[]) => listDelays(ctx.db, ids),
    edges: (ids: readonly number[]) => listEdgeDetails(ctx.db, ids),
  }
  return exportFleet(source, wish)
}
