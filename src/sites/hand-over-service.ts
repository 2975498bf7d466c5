import { guardContainment, guardGrant } from '../access/guard-door.ts'
import { type EdgeRow, type GrantRow, permissionBits, type SiteRow, type UserRow } from '../access/model.ts'
import { findVisibleUser } from '../access/people-door.ts'
import { insertGrantRow, insertGrantRows, type NewGrant } from '../access/resource-queries.ts'
import { storeRestriction } from '../access/restriction-service.ts'
import { roleNamed } from '../access/role-grant-service.ts'
import { tenantOf } from '../access/tenant.ts'
import { type Ended, endTies, HAND_OVER_SOURCE } from '../access/tie-service.ts'
import { intersectWindows, normalWindows } from '../access/windows.ts'
import { refusal, requireEdge, requireResource, requireRight, rightsHolder, rowOf } from '../access/write-door.ts'
import type { AppContext } from '../context.ts'
import type { Actor, Write } from '../db/write.ts'
import { renewEdgeKey, renewSetupPassword } from '../edges/edge-service.ts'
import { problem } from '../errors.ts'
import { deleteOffersOf } from '../invitations/invitation-queries.ts'
import { listEdgeIdsOfSite, updateEdgePlace } from './site-queries.ts'
import { changeSite, release, requireMain } from './site-service.ts'

export interface HandOver {
  on: { edgeId: string } | { siteId: number }
  to: { login: string } | { organisationId: number }
  /** Earlier owners by login, beside those whose own grant made them one. */
  from: readonly string[]
  /** The earlier owners go on reading what was recorded until now (D-25). */
  keepHistory: boolean
  /** The new owner reads what was recorded before, too. */
  showPast: boolean
  /** An edge that is handed to a person does not stay with its organisation. */
  leaveOrganisation: boolean
  /** Whoever knows the setup password gets in with it: so it ends, unless said otherwise. */
  setupPassword: 'end' | 'renew' | 'keep'
  /** New API keys for the edges; old ones stay valid so long. */
  newApiKeys: { overlapHours: number } | undefined
}

export interface HandedOver {
  at: Date
  ended: Ended
  /** What earlier owners keep. */
  kept: GrantRow[]
  /** Shown once. */
  secrets: { edgeId: string; apiKey?: string; setupPassword?: string }[]
}

/** What new secrets of an edge are made with. */
type KeyParts = 'credentials' | 'keyCopies' | 'pepper'

const ownerRole = 'resource.administration'
const pastRole = 'resource.detail'

/**
 * Hands an edge, or a site with its edges, to somebody else in one step (C-17): the new owner administers it from now on, all
 * earlier grants, shares and places in groups end now, earlier owners keep what was recorded until now. For whoever may
 * grant there and delete it; to accounts of which he may know, or to an organisation that lets him create sites.
 */
export async function handOver(
  ctx: Pick<AppContext, 'write' | KeyParts>,
  actor: Actor,
  given: HandOver,
): Promise<HandedOver> {
  return ctx.write(actor, async (w) => {
    const owned = await requireOwned(w, actor, given.on)
    const to = 'login' in given.to ? requireReceiver(w, actor, given.to.login) : given.to
    const earlier = given.from.map((login) => requireReceiver(w, actor, login).id)
    const done = await carryOut(w, actor, owned, { ...given, earlier, to })
    return { ...done, secrets: await renewSecrets(ctx, w, actor, owned.edges, given) }
  })
}

/** What is done with it, and to whom it goes. */
export interface Terms {
  to: UserRow | { organisationId: number }
  earlier: readonly number[]
  keepHistory: boolean
  showPast: boolean
  leaveOrganisation: boolean
  setupPassword: HandOver['setupPassword']
}

/** Hands over as part of a write; only new secrets are made after that. */
export async function carryOut(
  w: Write,
  actor: Actor,
  owned: Owned,
  terms: Terms,
): Promise<Omit<HandedOver, 'secrets'>> {
  const { kind, row, edges } = owned
  const action = `${kind}.handedOver`
  const user = 'login' in terms.to ? terms.to : undefined
  await place(w, actor, action, terms, owned)
  const grant = user && ownership(w, actor, user.id, row.id, terms)
  if (grant) guardGrant(w, actor, grant, 'share')
  const edgeIds = edges.map(({ id }) => id)
  const resourceIds = [...new Set([row.id, ...edgeIds])]
  const ended = await endTies(w, action, { resourceIds, edgeIds, keepsSetupPassword: terms.setupPassword === 'keep' })
  await deleteOffersOf(w.tx, resourceIds)
  if (grant) await insert(w, action, grant)
  if (user) await admit(w, action, user, edgeIds, terms.showPast)
  const isEarlier = (id: number, isOwner: boolean) => id !== user?.id && (isOwner || terms.earlier.includes(id))
  const kept = terms.keepHistory ? await keepHistory(w, action, ended.grants, edgeIds, isEarlier) : []
  const { keepHistory: keeps, showPast, setupPassword } = terms
  const note = { keepHistory: keeps, showPast, setupPassword, ended: ended.grants.length, kept: kept.length }
  w.noted(action, kind, String(row.id), { to: grant?.principalId ?? null, ...note })
  return { at: w.now, ended, kept }
}

export type Owned = { kind: 'edge'; row: EdgeRow; edges: EdgeRow[] } | { kind: 'site'; row: SiteRow; edges: EdgeRow[] }

/** What is handed over, if the actor has all of it to give; else the one refusal. */
export async function requireOwned(w: Write, actor: Actor, on: HandOver['on']): Promise<Owned> {
  if ('edgeId' in on) {
    const row = requireEdge(w, actor, 'share', on.edgeId)
    requireRight(w, actor, 'delete', row.id)
    return { kind: 'edge', row, edges: [row] }
  }
  const row = requireResource(w, actor, 'share', 'site', on.siteId)
  const edges = (await listEdgeIdsOfSite(w.tx, row.id)).map((edgeId) => rowOf(w, 'edge', edgeId))
  for (const { id: owned } of [row, ...edges]) {
    requireRight(w, actor, 'share', owned)
    requireRight(w, actor, 'delete', owned)
  }
  return { kind: 'site', row, edges }
}

/** An account that is available for sharing; a private one does not exist for the actor (G-17, G-19). */
export function requireReceiver(w: Write, actor: Actor, login: string): UserRow {
  const user = findVisibleUser({ index: w.index, askerId: rightsHolder(actor), at: w.now.getTime() }, login)
  if (user === undefined || user.disabledAt !== null) throw refusal(w, actor, 'grantee')
  return user
}

/** Where it belongs from now on. */
async function place(w: Write, actor: Actor, action: string, given: Terms, owned: Owned): Promise<void> {
  const { row, edges } = owned
  if ('organisationId' in given.to) {
    const organisation = requireResource(w, actor, 'discover', 'organisation', given.to.organisationId)
    requireMain(organisation)
    requireRight(w, actor, 'createSite', organisation.id)
    if (!given.showPast) throw problem('An organisation reads all that is recorded: say "showPast": true')
    await guardContainment(w, actor, { parentId: organisation.id, childId: row.id })
    if (owned.kind === 'edge') return moveEdgeTo(w, action, owned.row, organisation.id)
    for (const edge of edges) await release(w, action, edge.id)
    await changeSite(w, action, owned.row, { organisationId: organisation.id })
    return
  }
  if (owned.kind === 'site') {
    if (given.leaveOrganisation) throw problem('A site belongs to an organisation: hand it to another one')
    return
  }
  // Off its site, whose people would keep it otherwise.
  const home = given.leaveOrganisation ? null : (owned.row.organisationId ?? tenantOf(w.index, row.id) ?? null)
  await moveEdgeTo(w, action, owned.row, home)
}

async function moveEdgeTo(w: Write, action: string, edge: EdgeRow, organisationId: number | null): Promise<void> {
  if (edge.siteId === null && edge.organisationId === organisationId) return
  const after = { ...edge, siteId: null, organisationId }
  await updateEdgePlace(w.tx, after)
  w.updated(action, 'edge', edge, after)
}

/** What the new owner is granted. */
export function ownership(
  w: Write,
  actor: Actor,
  principalId: number,
  resourceId: number,
  { showPast }: Pick<Terms, 'showPast'>,
): NewGrant {
  return {
    principalId,
    resourceId,
    roleId: roleNamed(w.index, ownerRole).id,
    components: null,
    validFrom: null,
    validTo: null,
    dataWindows: showPast ? null : [[w.now.getTime(), null]],
    source: 'manual',
    grantedBy: rightsHolder(actor),
  }
}

/** A restriction from an earlier time must not shut the new owner out of what is his now. */
async function admit(w: Write, action: string, user: UserRow, edgeIds: readonly number[], showPast: boolean) {
  const restrictions = w.index.restrictionsOf(user.id)
  for (const edgeId of edgeIds) {
    const row = restrictions.get(edgeId)
    const windows = row && normalWindows([...row.windows, [showPast ? null : w.now.getTime(), null]])
    if (row) await storeRestriction(w, action, row, { userId: user.id, edgeId }, windows ?? [])
  }
}

/** Gives those who were owners a grant of the time until now: on each edge, so that nothing added later is shown. */
async function keepHistory(
  w: Write,
  action: string,
  ended: readonly GrantRow[],
  edgeIds: readonly number[],
  isEarlier: (principalId: number, isOwner: boolean) => boolean,
): Promise<GrantRow[]> {
  const now = w.now.getTime()
  const role = roleNamed(w.index, pastRole)
  const kept: NewGrant[] = []
  for (const grant of ended) {
    const { selfMask = 0, contentMask = 0 } = w.index.row('role', grant.roleId) ?? {}
    const isPerson = w.index.user(grant.principalId) ?? w.index.row('userGroup', grant.principalId)
    const hadAll = (mask: number) => (mask & role.selfMask) === role.selfMask
    const isRunning = (grant.validFrom ?? now) <= now && now < (grant.validTo ?? Number.POSITIVE_INFINITY)
    const isOnEdge = w.index.edge(grant.resourceId) !== undefined
    if (!isPerson || !isRunning || !hadAll(isOnEdge ? selfMask : contentMask)) continue
    if (!isEarlier(grant.principalId, (selfMask & permissionBits.share) !== 0)) continue
    const dataWindows = [...(intersectWindows(grant.dataWindows, [[null, now]]) ?? [])]
    if (dataWindows.length === 0) continue
    for (const resourceId of isOnEdge ? [grant.resourceId] : edgeIds) {
      const { id: _ended, ...rest } = grant
      kept.push({ ...rest, resourceId, roleId: role.id, validFrom: null, dataWindows, source: HAND_OVER_SOURCE })
    }
  }
  const rows = await insertGrantRows(w.tx, kept)
  for (const row of rows) w.inserted(action, 'grant', row)
  return rows
}

async function insert(w: Write, action: string, grant: NewGrant): Promise<GrantRow> {
  const row = await insertGrantRow(w.tx, grant)
  w.inserted(action, 'grant', row)
  return row
}

async function renewSecrets(
  ctx: Pick<AppContext, KeyParts>,
  w: Write,
  actor: Actor,
  edges: readonly EdgeRow[],
  { setupPassword, newApiKeys }: HandOver,
): Promise<HandedOver['secrets']> {
  const secrets: HandedOver['secrets'] = []
  if (newApiKeys === undefined && setupPassword !== 'renew') return secrets
  for (const edge of edges) {
    if (newApiKeys) requireRight(w, actor, 'configRaw', edge.id)
    secrets.push({
      edgeId: edge.edgeId,
      ...(newApiKeys ? { apiKey: (await renewEdgeKey(ctx, w, edge, newApiKeys.overlapHours)).apiKey } : {}),
      ...(setupPassword === 'renew' ? { setupPassword: await renewSetupPassword(ctx, w, edge) } : {}),
    })
  }
  return secrets
}
