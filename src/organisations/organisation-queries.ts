import type { OrganisationRow } from '../access/model.ts'
import type { Db, Tx } from '../db/database.ts'

export async function insertOrganisation(tx: Tx, row: OrganisationRow): Promise<void> {
  await tx.insertInto('organisation').values(row).execute()
}

export async function updateOrganisation(tx: Tx, row: OrganisationRow): Promise<void> {
  const { id, ...columns } = row
  await tx.updateTable('organisation').set(columns).where('id', '=', id).execute()
}

export async function deleteOrganisationRow(tx: Tx, id: number): Promise<void> {
  await tx.deleteFrom('organisation').where('id', '=', id).execute()
}

/** What belongs to an organisation and would be left without it, by table. Indexes <table>_organisation. */
const tables = ['site', 'edge', 'userGroup', 'edgeGroup', 'service', 'role'] as const
export type Belonging = { entity: (typeof tables)[number] | 'organisation'; id: number }

/** Everything that belongs to an organisation. */
export async function listBelongings(db: Db, organisationId: number): Promise<Belonging[]> {
  const below = await db.selectFrom('organisation').select('id').where('parentId', '=', organisationId).execute()
  const found: Belonging[] = below.map(({ id }) => ({ entity: 'organisation', id }))
  for (const entity of tables) {
    const rows = await db.selectFrom(entity).select('id').where('organisationId', '=', organisationId).execute()
    for (const { id } of rows) found.push({ entity, id })
  }
  return found
}
