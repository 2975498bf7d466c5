import type { EdgeRow } from '../access/model.ts'
import { refusalTo } from '../access/people-door.ts'
import { addGrant, roleNamed } from '../access/role-grant-service.ts'
import { requireRight, rightsHolder } from '../access/write-door.ts'
import { requireEmail } from '../accounts/account-rules.ts'
import { addProfile, displayName, toProfile } from '../accounts/profile-service.ts'
import { addUser, prepareUser } from '../accounts/user-service.ts'
import type { AppContext } from '../context.ts'
import type { Actor, Write } from '../db/write.ts'
import { problem } from '../errors.ts'
import type { Contact, Item, Lot, SetupProtocolContent, SetupProtocolType } from './setup-protocol.ts'
import { protocolPdf } from './setup-protocol-pdf.ts'
import {
  findProtocol,
  insertProtocol,
  listProtocols,
  type ProtocolRow,
  updateFirstSetup,
} from './setup-protocol-queries.ts'

/** Minutes after which a new customer hears that his edge is offline, as in OpenEMS. */
const CUSTOMER_OFFLINE_DELAY = 60
const LISTED = 100

/**
 * Keeps what an installer wrote down and makes the customer owner of the edge; an account he does not have yet is created
 * without a password. Needs `install` on the edge, and the installer conveys no more than he holds (G-01). Returns the number
 * of the protocol.
 */
export async function submitSetupProtocol(
  ctx: Pick<AppContext, 'write' | 'passwords' | 'settings'>,
  actor: Actor,
  edge: EdgeRow,
  content: SetupProtocolContent & { customer: Contact },
): Promise<number> {
  const email = requireEmail(content.customer.email)
  if (email === null) throw problem('The customer needs an e-mail address')
  const profile = toProfile(content.customer)
  const name = displayName(profile)
  const prepared = await prepareUser(ctx, { login: email, email, name, globalRole: 'owner' })
  return await ctx.write(actor, async (w) => {
    requireRight(w, actor, 'install', edge.id)
    const known = w.index.userByEmail(email) ?? w.index.userByLogin(prepared.login)
    const customer = known ?? (await addUser(w, prepared))
    if (known === undefined) await addProfile(w, customer.id, profile)
    await makeOwner(w, actor, customer.id, edge.id)
    return await keep(w, actor, edge, 'SETUP_PROTOCOL', content)
  })
}

/** Keeps the serial numbers of parts that were added. Needs `install` on the edge. */
export async function extendSetup(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  edge: EdgeRow,
  { lots, items }: { lots: Lot[]; items: Item[] },
): Promise<number> {
  return await ctx.write(actor, async (w) => {
    requireRight(w, actor, 'install', edge.id)
    return await keep(w, actor, edge, 'CAPACITY_EXTENSION', { lots, items, oem: '' })
  })
}

/** Protocols of an edge, newest first, as far as the principal's rights reach back. */
export async function listSetupProtocols(ctx: AppContext, principalId: number, edge: EdgeRow): Promise<ProtocolRow[]> {
  const rows = await listProtocols(ctx.db, edge.id, LISTED)
  const shown = shownTo(ctx, principalId, edge.id)
  return rows.filter(shown)
}

/** The newest commissioning of an edge; undefined when there is none or it lies before what the principal may read. */
export async function latestSetup(
  ctx: AppContext,
  principalId: number,
  edge: EdgeRow,
): Promise<SetupProtocolContent | undefined> {
  const newest = (await listSetupProtocols(ctx, principalId, edge)).find(({ type }) => type === 'SETUP_PROTOCOL')
  return newest && (await findProtocol(ctx.db, newest.id))?.content
}

/** A protocol to print. One that does not exist and one the principal may not read give the same answer (OC-12 mended). */
export async function printSetupProtocol(ctx: AppContext, principalId: number, id: number): Promise<Buffer> {
  const protocol = await findProtocol(ctx.db, id)
  const edge = protocol && ctx.store.index.edge(protocol.edgeId)
  ctx.store.assertFresh()
  if (protocol === undefined || edge === undefined || !shownTo(ctx, principalId, edge.id)(protocol)) {
    const look = { index: ctx.store.index, askerId: principalId, at: ctx.clock().getTime() }
    throw refusalTo(look, 'setup protocol', protocol === undefined && `setup protocol ${id}`)
  }
  return await protocolPdf({ ...protocol, edgeName: edge.edgeId })
}

/** Owner or more, and of the time it was written: who takes a house over does not read who lived there before (T2). */
function shownTo(ctx: AppContext, principalId: number, edgeId: number): (protocol: ProtocolRow) => boolean {
  const now = ctx.clock().getTime()
  const { role, windows } = ctx.store.index.access(principalId, edgeId, now)
  if (role === undefined || role === 'guest') return () => false
  return ({ createdAt }) => {
    const at = createdAt.getTime()
    return windows === null || windows.some(([from, to]) => (from ?? at) <= at && at < (to ?? Number.POSITIVE_INFINITY))
  }
}

async function makeOwner(w: Write, actor: Actor, userId: number, edgeId: number): Promise<void> {
  const role = w.index.componentRole(userId, edgeId, null, w.now.getTime())
  if (role === undefined || role === 'guest') {
    const grant = {
      principalId: userId,
      resourceId: edgeId,
      roleId: roleNamed(w.index, 'openems.owner').id,
      components: null,
      validFrom: null,
      validTo: null,
      dataWindows: null,
      source: 'setupProtocol',
      grantedBy: rightsHolder(actor),
    }
    await addGrant(w, actor, 'grant.created', grant, 'install')
  }
  await w.tx
    .insertInto('userAlerting')
    .values({ userId, edgeId, offlineDelayMinutes: CUSTOMER_OFFLINE_DELAY })
    .onConflict((conflict) => conflict.columns(['edgeId', 'userId']).doNothing())
    .execute()
}

async function keep(
  w: Write,
  actor: Actor,
  edge: EdgeRow,
  type: SetupProtocolType,
  content: SetupProtocolContent,
): Promise<number> {
  const protocol = { edgeId: edge.id, type, createdAt: w.now, createdBy: rightsHolder(actor), content }
  const id = await insertProtocol(w.tx, protocol)
  await updateFirstSetup(w.tx, edge.id, w.now)
  w.noted('setupProtocol.kept', 'edge', String(edge.id), { protocolId: id, type })
  return id
}
