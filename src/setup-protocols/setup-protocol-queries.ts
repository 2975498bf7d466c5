import type { Db, Tx } from '../db/database.ts'
import type { SetupProtocolContent, SetupProtocolType } from './setup-protocol.ts'

/** What lists show of a protocol. */
export interface ProtocolRow {
  id: number
  edgeId: number
  type: SetupProtocolType
  createdAt: Date
}

export async function insertProtocol(
  tx: Tx,
  protocol: Omit<ProtocolRow, 'id'> & { createdBy: number | null; content: SetupProtocolContent },
): Promise<number> {
  const { id } = await tx
    .insertInto('setupProtocol')
    .values({ ...protocol, content: JSON.stringify(protocol.content) })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

/** The first commissioning is the lower bound of the history that UIs offer. */
export async function updateFirstSetup(tx: Tx, edgeId: number, at: Date): Promise<void> {
  await tx
    .updateTable('edge')
    .set({ firstSetupAt: at })
    .where('id', '=', edgeId)
    .where('firstSetupAt', 'is', null)
    .execute()
}

export async function findProtocol(
  db: Db,
  id: number,
): Promise<(ProtocolRow & { content: SetupProtocolContent }) | undefined> {
  const row = await db
    .selectFrom('setupProtocol')
    .select(['id', 'edgeId', 'type', 'createdAt', 'content'])
    .where('id', '=', id)
    .executeTakeFirst()
  return row && { ...row, type: row.type as SetupProtocolType, content: row.content as SetupProtocolContent }
}

/** Newest first; index setup_protocol_edge. */
export async function listProtocols(db: Db, edgeId: number, limit: number): Promise<ProtocolRow[]> {
  const rows = await db
    .selectFrom('setupProtocol')
    .select(['id', 'edgeId', 'type', 'createdAt'])
    .where('edgeId', '=', edgeId)
    .orderBy('id', 'desc')
    .limit(limit)
    .execute()
  return rows.map((row) => ({ ...row, type: row.type as SetupProtocolType }))
}
