import type { OrganisationRow, SiteRow } from '../access/model.ts'
import type { AppContext } from '../context.ts'
import { problem } from '../errors.ts'

/** A main organisation: the root of a tenant (P-01, P-03). */
export async function createOrganisation(
  ctx: AppContext,
  actor: { actorId: number | null },
  name: string,
): Promise<OrganisationRow> {
  return ctx.write(actor, async (write) => {
    const { id } = await write.tx
      .insertInto('resource')
      .values({ kind: 'organisation' })
      .returning('id')
      .executeTakeFirstOrThrow()
    const row: OrganisationRow = {
      id,
      name,
      parentId: null,
      canEditSites: true,
      canCreateSuborganisations: true,
      maxOpenemsRole: 'admin',
      publicAccess: false,
      strictRoles: true,
    }
    await write.tx.insertInto('organisation').values(row).execute()
    write.inserted('organisation.created', 'organisation', row)
    return row
  })
}

/** A site of a main organisation; sub-organisations cannot have their own (P-04). */
export async function createSite(
  ctx: AppContext,
  actor: { actorId: number | null },
  site: { organisationId: number; name: string; location: string },
): Promise<SiteRow> {
  return ctx.write(actor, async (write) => {
    const organisation = write.index.row('organisation', site.organisationId)
    if (organisation === undefined || organisation.parentId !== null)
      throw problem('Sites are created in a main organisation only')
    const { id } = await write.tx
      .insertInto('resource')
      .values({ kind: 'site' })
      .returning('id')
      .executeTakeFirstOrThrow()
    const row: SiteRow = { id, ...site, isVirtual: false, labels: [] }
    await write.tx
      .insertInto('site')
      .values({ ...row, labels: '[]' })
      .execute()
    write.inserted('site.created', 'site', row)
    return row
  })
}
