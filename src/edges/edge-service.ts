import { insertGrant } from '../access/grant-service.ts'
import { type EdgeKeyRow, type EdgeRow, openemsRoles } from '../access/model.ts'
import type { AppContext } from '../context.ts'
import type { Actor } from '../db/write.ts'
import { AppError, problem } from '../errors.ts'
import { startInDefaultEdgeGroup } from '../groups/default-edge-group.ts'
import { generateApiKey, generateSetupPassword, keyedHash } from '../lib/secrets.ts'

export interface NewEdge {
  edgeId: string
  comment?: string | undefined
  producttype?: string | undefined
  siteId?: number | null | undefined
  organisationId?: number | null | undefined
  /** Given keys are for moving a fleet here; else made at random. */
  apiKey?: string | undefined
  setupPassword?: string | undefined
}

/** Registers an edge. The key and the setup password are returned once and never again: keyed hashes are kept, and a sealed copy if opted in. */
export async function createEdge(
  ctx: AppContext,
  actor: Actor,
  edge: NewEdge,
): Promise<{ edge: EdgeRow; apiKey: string; setupPassword: string }> {
  const apiKey = edge.apiKey ?? generateApiKey()
  const setupPassword = edge.setupPassword ?? generateSetupPassword()
  return ctx.write(actor, async (write) => {
    if (edge.siteId != null && write.index.row('site', edge.siteId) === undefined)
      throw problem(`There is no site ${edge.siteId}`)
    const { id } = await write.tx
      .insertInto('resource')
      .values({ kind: 'edge' })
      .returning('id')
      .executeTakeFirstOrThrow()
    const row: EdgeRow = {
      id,
      edgeId: edge.edgeId,
      comment: edge.comment ?? '',
      producttype: edge.producttype ?? '',
      siteId: edge.siteId ?? null,
      organisationId: edge.organisationId ?? null,
      settings: {},
    }
    await write.tx
      .insertInto('edge')
      .values({
        ...row,
        settings: '{}',
        createdAt: write.now,
        setupPasswordHash: setupPasswordHash(ctx, setupPassword),
      })
      .execute()
    write.inserted('edge.created', 'edge', row)
    const key = await insertKey(write.tx, {
      edgeId: id,
      keyHash: ctx.credentials.hash(apiKey),
      createdAt: write.now,
      validTo: null,
    })
    await ctx.keyCopies?.store(write.tx, key.id, apiKey)
    write.inserted('edgeKey.created', 'edgeKey', key)
    return { edge: row, apiKey, setupPassword }
  })
}

/** Gives an edge a new key; the old ones stay valid for `overlapHours`, so that the edge can be told in time. */
export async function rotateEdgeKey(
  ctx: AppContext,
  actor: Actor,
  edge: EdgeRow,
  overlapHours: number,
): Promise<{ apiKey: string; oldKeysValidTo: Date }> {
  return ctx.write(actor, (write) => renewEdgeKey(ctx, write, edge, overlapHours))
}

/** The same as part of a write. */
export async function renewEdgeKey(
  ctx: Pick<AppContext, 'credentials' | 'keyCopies'>,
  write: Write,
  edge: EdgeRow,
  overlapHours: number,
): Promise<{ apiKey: string; oldKeysValidTo: Date }> {
  const apiKey = generateApiKey()
  const oldKeysValidTo = new Date(write.now.getTime() + overlapHours * 3_600_000)
  for (const before of await keysOf(write, edge.id)) {
    if (before.validTo !== null && before.validTo <= oldKeysValidTo.getTime()) continue
    await write.tx.updateTable('edgeKey').set({ validTo: oldKeysValidTo }).where('id', '=', before.id).execute()
    write.updated('edgeKey.expires', 'edgeKey', before, { ...before, validTo: oldKeysValidTo.getTime() })
  }
  const key = await insertKey(write.tx, {
    edgeId: edge.id,
    keyHash: ctx.credentials.hash(apiKey),
    createdAt: write.now,
    validTo: null,
  })
  await ctx.keyCopies?.store(write.tx, key.id, apiKey)
  write.inserted('edgeKey.created', 'edgeKey', key)
  return { apiKey, oldKeysValidTo }
}

/** Gives an edge a new setup password as part of a write; the old one lets nobody in any more. */
export async function renewSetupPassword(
  ctx: Pick<AppContext, 'pepper'>,
  write: Write,
  edge: EdgeRow,
): Promise<string> {
  const setupPassword = generateSetupPassword()
  const hash = setupPasswordHash(ctx, setupPassword)
  await write.tx.updateTable('edge').set({ setupPasswordHash: hash }).where('id', '=', edge.id).execute()
  return setupPassword
}

/**
 * Gives the user an edge whose setup password he knows (OC-10, without its holes: attempts are limited, the role is
 * configured, the log tells). A user who has the role or more already changes nothing. Throws 1003 for a wrong password.
 */
export async function addEdgeToUser(
  ctx: AppContext,
  userId: number,
  clientAddress: string,
  setupPassword: string,
  actor: Actor = { actorId: userId },
): Promise<EdgeRow> {
  const account = `user ${userId}`
  using attempt = await ctx.throttle.begin({
    account: `setupPassword ${account}`,
    password: setupPassword,
    clientAddress,
    isKnownAddress: async () => false,
  })
  if (attempt === undefined) throw new AppError('tooManyRequests')
  const edge = await findBySetupPassword(ctx, setupPassword)
  if (edge === undefined) {
    await attempt.failed()
    throw new AppError('authenticationFailed', ['addEdgeToUser'])
  }
  const role = ctx.config.setupPasswordRole
  await ctx.write(actor, async (write) => {
    const current = write.index.componentRole(userId, edge.id, null, write.now.getTime())
    if (current !== undefined && openemsRoles.indexOf(current) >= openemsRoles.indexOf(role)) return
    await insertGrant(
      write,
      { principalId: userId, resourceId: edge.id, role, source: 'setupPassword', grantedBy: userId },
      'edge.addedBySetupPassword',
    )
    await startInDefaultEdgeGroup(write, userId, edge.id)
  })
  return edge
}

/** The edge this setup password belongs to; index edge_setup_password_hash_unique. */
export async function findBySetupPassword(ctx: AppContext, setupPassword: string): Promise<EdgeRow | undefined> {
  const row = await ctx.db
    .selectFrom('edge')
    .select('id')
    .where('setupPasswordHash', '=', setupPasswordHash(ctx, setupPassword))
    .executeTakeFirst()
  return row && ctx.store.index.edge(row.id)
}

/** Details of an edge that no list shows. */
export async function edgeDetails(ctx: AppContext, edgeId: number): Promise<{ emsType: string; serialNumber: string }> {
  return ctx.db
    .selectFrom('edge')
    .select(['emsType', 'serialNumber'])
    .where('id', '=', edgeId)
    .executeTakeFirstOrThrow()
}

/** Typed from a label by hand: case and spaces around it do not count. */
function setupPasswordHash(ctx: Pick<AppContext, 'pepper'>, setupPassword: string): string {
  return keyedHash(ctx.pepper, setupPassword.trim().toUpperCase())
}

type Write = Parameters<Parameters<AppContext['write']>[1]>[0]

/** Index edge_key_edge: a look through the keys of all edges would keep everybody waiting. */
async function keysOf({ tx, index }: Write, edgeId: number): Promise<EdgeKeyRow[]> {
  const found = await tx.selectFrom('edgeKey').select('id').where('edgeId', '=', edgeId).execute()
  return found.flatMap(({ id }) => index.row('edgeKey', id) ?? [])
}

async function insertKey(
  tx: Write['tx'],
  key: { edgeId: number; keyHash: string; createdAt: Date; validTo: Date | null },
): Promise<EdgeKeyRow> {
  const { id } = await tx.insertInto('edgeKey').values(key).returning('id').executeTakeFirstOrThrow()
  return { id, edgeId: key.edgeId, keyHash: key.keyHash, validTo: key.validTo?.getTime() ?? null }
}
