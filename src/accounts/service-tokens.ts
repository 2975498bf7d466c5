import { type AccessGrant, addAccess } from '../access/grant-service.ts'
import { guardEntry } from '../access/guard-door.ts'
import {
  LOCAL_OPERATOR_PRINCIPAL_ID,
  type OpenemsRole,
  PLATFORM_RESOURCE_ID,
  type ServiceRow,
} from '../access/model.ts'
import { rowOf } from '../access/write-door.ts'
import type { Actor, Write } from '../db/write.ts'
import { AppError, problem } from '../errors.ts'
import { generateToken, keyedHash } from '../lib/secrets.ts'
import { requireLine } from './account-rules.ts'
import type { AccountsContext } from './accounts-context.ts'
import { everyScope, type Scope } from './scopes.ts'
import {
  deleteServiceRow,
  endTokensOf,
  findOpenToken,
  findTokens,
  insertService,
  insertServiceToken,
  type ListedToken,
  updateServiceDisabled,
  updateServiceName,
  updateServiceTokenEnded,
  updateServiceTokenExpiry,
} from './service-queries.ts'
import { deleteGrantsOf, deleteMembershipsOf } from './user-deletion-queries.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

/** A token that was just made: the only time it can be seen. */
export interface MadeToken {
  principalId: number
  tokenId: number
  token: string
  expiresAt: Date | null
}

/**
 * Makes a token for the service of this name, which is created if there is none: a holder of tokens and grants that is not
 * a person. The token is shown once and stored as a keyed hash. Earlier ones stay valid. 1002 for scopes beyond `within`, those
 * of the token that asks.
 */
export async function createServiceToken(
  ctx: Pick<AccountsContext, 'write' | 'pepper'>,
  actor: Actor,
  given: {
    name: string
    scopes: readonly Scope[]
    validDays?: number | undefined
    within?: ReadonlySet<Scope>
    /** Granted to the service on the platform, by the rights of whoever asks. */
    role?: OpenemsRole | undefined
  },
): Promise<MadeToken> {
  const { name, scopes, validDays, within = everyScope, role } = given
  requireWithin(scopes, within)
  const line = requireServiceName(name)
  return await ctx.write(actor, async (w) => {
    const service = await ensureService(w, line)
    guardEntry(w, actor, service.id)
    if (role !== undefined) await addAccess(w, actor, platformRole(service.id, role))
    const expiresAt = validDays === undefined ? null : new Date(w.now.getTime() + validDays * DAY_MS)
    return await addToken(ctx, w, { serviceId: service.id, scopes, expiresAt })
  })
}

/**
 * Makes a token like this one, for as long as it was made for; the old one stays valid for `overlapHours`, so that whoever
 * uses it can be told in time, or ends at once with 0. Throws when the token is not valid any more; 1002 as above.
 */
export async function rotateServiceToken(
  ctx: Pick<AccountsContext, 'write' | 'pepper'>,
  actor: Actor,
  given: { tokenId: number; overlapHours: number; within?: ReadonlySet<Scope> },
): Promise<MadeToken & { service: string; oldTokenValidTo: Date }> {
  const { tokenId, overlapHours, within = everyScope } = given
  return await ctx.write(actor, async (w) => {
    const old = await findOpenToken(w.tx, tokenId, w.now)
    const service = old && w.index.row('service', old.serviceId)
    if (old === undefined || service === undefined) throw problem(`There is no valid token ${tokenId}`)
    const { serviceId, scopes } = old
    guardEntry(w, actor, serviceId)
    requireWithin([...scopes], within)
    const lifetimeMs = old.expiresAt && old.expiresAt.getTime() - old.createdAt.getTime()
    const expiresAt = lifetimeMs === null ? null : new Date(w.now.getTime() + lifetimeMs)
    const made = await addToken(ctx, w, { serviceId, scopes, expiresAt })
    const overlap = new Date(w.now.getTime() + overlapHours * HOUR_MS)
    const oldTokenValidTo = old.expiresAt !== null && old.expiresAt < overlap ? old.expiresAt : overlap
    if (overlapHours === 0) await endToken(w, tokenId)
    else {
      await updateServiceTokenExpiry(w.tx, tokenId, oldTokenValidTo)
      const expiry = { tokenId, expiresAt: oldTokenValidTo.getTime(), replacedBy: made.tokenId }
      w.noted('serviceToken.expires', 'service', String(serviceId), expiry)
    }
    return { ...made, service: service.name, oldTokenValidTo }
  })
}

/** The newest tokens, without the tokens themselves; of one service if named, ended and expired ones only if wanted. */
export async function listServiceTokens(
  ctx: Pick<AccountsContext, 'db' | 'clock' | 'store'>,
  { name, all, limit }: { name?: string | undefined; all: boolean; limit: number },
): Promise<ListedToken[]> {
  const service = name === undefined ? undefined : ctx.store.index.serviceByName(name)
  if (name !== undefined && service === undefined) throw problem(`There is no service ${name}`)
  return await findTokens(ctx.db, { serviceId: service?.id, now: ctx.clock(), all, limit })
}

/** Ends a token. Who is connected with it is told by `serviceToken.ended` in the log. */
export async function endServiceToken(
  ctx: Pick<AccountsContext, 'write'>,
  actor: Actor,
  tokenId: number,
): Promise<void> {
  await ctx.write(actor, (w) => endToken(w, tokenId))
}

/** Refuses a service everything, or lets it in again. */
export async function setServiceDisabled(
  ctx: Pick<AccountsContext, 'write'>,
  actor: Actor,
  serviceId: number,
  disabled: boolean,
): Promise<void> {
  await ctx.write(actor, async (w) => {
    const before = w.index.row('service', serviceId)
    if (before === undefined) throw problem('There is no such service')
    if ((before.disabledAt !== null) === disabled) return
    await updateServiceDisabled(w.tx, serviceId, disabled ? w.now : null)
    const after = { ...before, disabledAt: disabled ? w.now.getTime() : null }
    w.updated(disabled ? 'service.disabled' : 'service.enabled', 'service', before, after)
  })
}

/** Gives a service another name; its tokens go on. */
export async function renameService(
  ctx: Pick<AccountsContext, 'write'>,
  actor: Actor,
  serviceId: number,
  name: string,
): Promise<void> {
  const line = requireServiceName(name)
  await ctx.write(actor, async (w) => {
    const before = w.index.row('service', serviceId)
    if (before === undefined) throw problem('There is no such service')
    if (before.name === line) return
    await updateServiceName(w.tx, serviceId, line)
    w.updated('service.renamed', 'service', before, { ...before, name: line })
  })
}

/** Deletes a service: its tokens, open sockets, grants and memberships end. */
export async function deleteService(
  ctx: Pick<AccountsContext, 'write'>,
  actor: Actor,
  serviceId: number,
): Promise<void> {
  await ctx.write(actor, async (w) => {
    const row = w.index.row('service', serviceId)
    if (row === undefined) throw problem('There is no such service')
    for (const tokenId of await endTokensOf(w.tx, serviceId, w.now)) {
      w.noted('serviceToken.ended', 'service', String(serviceId), { tokenId })
    }
    for (const id of await deleteGrantsOf(w.tx, serviceId)) w.deleted('grant.deleted', 'grant', rowOf(w, 'grant', id))
    for (const id of await deleteMembershipsOf(w.tx, serviceId)) {
      w.deleted('membership.deleted', 'membership', rowOf(w, 'membership', id))
    }
    await deleteServiceRow(w.tx, serviceId)
    w.deleted('service.deleted', 'service', row)
  })
}

function platformRole(principalId: number, role: OpenemsRole): AccessGrant {
  return { principalId, resourceId: PLATFORM_RESOURCE_ID, role, validFrom: null, validTo: null }
}

function requireServiceName(name: string): string {
  const line = requireLine(name, 'The name')
  // A colon would end the name in an HTTP Basic header (RFC 7617 section 2).
  if (line === '' || line.includes(':')) throw problem('A service needs a name, without a colon')
  return line
}

function requireWithin(scopes: readonly Scope[], within: ReadonlySet<Scope>): void {
  const lacking = scopes.filter((scope) => !within.has(scope))
  if (lacking.length > 0)
    throw new AppError('roleDenied', ['token', `service token without scope ${lacking.join(', ')}`])
}

async function addToken(
  ctx: Pick<AccountsContext, 'pepper'>,
  w: Write,
  given: { serviceId: number; scopes: readonly Scope[]; expiresAt: Date | null },
): Promise<MadeToken> {
  const { serviceId, expiresAt } = given
  const scopes = [...new Set(given.scopes)]
  if (scopes.length === 0) throw problem('A token needs at least one scope')
  const token = generateToken()
  const tokenId = await insertServiceToken(w.tx, {
    serviceId,
    expiresAt,
    tokenHash: keyedHash(ctx.pepper, token),
    scopes: JSON.stringify(scopes),
    createdAt: w.now,
  })
  w.noted('serviceToken.created', 'service', String(serviceId), { tokenId, scopes })
  return { principalId: serviceId, tokenId, token, expiresAt }
}

async function endToken(w: Write, tokenId: number): Promise<void> {
  const serviceId = await updateServiceTokenEnded(w.tx, tokenId, w.now)
  if (serviceId !== undefined) w.noted('serviceToken.ended', 'service', String(serviceId), { tokenId })
}

async function ensureService(w: Write, name: string): Promise<ServiceRow> {
  const service = w.index.serviceByName(name)
  if (service?.id === LOCAL_OPERATOR_PRINCIPAL_ID) throw problem('This name is reserved')
  if (service !== undefined) return service
  const row = await insertService(w.tx, { name, organisationId: null })
  w.inserted('service.created', 'service', row)
  return row
}
