import { LOCAL_OPERATOR_PRINCIPAL_ID, type ServiceRow } from '../access/model.ts'
import type { Actor, Write } from '../db/write.ts'
import { problem } from '../errors.ts'
import { generateToken, keyedHash } from '../lib/secrets.ts'
import { requireLine } from './account-rules.ts'
import type { AccountsContext } from './accounts-context.ts'
import {
  findServiceOfToken,
  insertService,
  insertServiceToken,
  updateServiceDisabled,
  updateServiceTokenEnded,
} from './service-queries.ts'

const DAY_MS = 86_400_000
const MAX_TOKEN_LENGTH = 200

/**
 * Makes a token for the service of this name, which is created if there is none: a holder of tokens and grants that is not
 * a person. The token is shown once and stored as a keyed hash. Earlier ones stay valid, to change them in peace.
 */
export async function createServiceToken(
  ctx: Pick<AccountsContext, 'write' | 'pepper'>,
  actor: Actor,
  { name, validDays }: { name: string; validDays?: number | undefined },
): Promise<{ principalId: number; tokenId: number; token: string; expiresAt: Date | null }> {
  const line = requireLine(name, 'The name')
  if (line === '') throw problem('A service needs a name')
  const token = generateToken()
  return await ctx.write(actor, async (w) => {
    const service = await ensureService(w, line)
    const expiresAt = validDays === undefined ? null : new Date(w.now.getTime() + validDays * DAY_MS)
    const tokenHash = keyedHash(ctx.pepper, token)
    const tokenId = await insertServiceToken(w.tx, { serviceId: service.id, tokenHash, createdAt: w.now, expiresAt })
    w.noted('serviceToken.created', 'service', String(service.id), { tokenId })
    return { principalId: service.id, tokenId, token, expiresAt }
  })
}

/** The service that holds a token, as principal id; undefined if the token or the service is not valid (any more). */
export async function verifyServiceToken(
  ctx: Pick<AccountsContext, 'db' | 'clock' | 'pepper'>,
  token: string,
): Promise<number | undefined> {
  if (token === '' || token.length > MAX_TOKEN_LENGTH) return undefined
  return await findServiceOfToken(ctx.db, keyedHash(ctx.pepper, token), ctx.clock())
}

/** Ends a token. Who is connected with it is told by `serviceToken.ended` in the log. */
export async function endServiceToken(
  ctx: Pick<AccountsContext, 'write'>,
  actor: Actor,
  tokenId: number,
): Promise<void> {
  await ctx.write(actor, async (w) => {
    const serviceId = await updateServiceTokenEnded(w.tx, tokenId, w.now)
    if (serviceId !== undefined) w.noted('serviceToken.ended', 'service', String(serviceId), { tokenId })
  })
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

async function ensureService(w: Write, name: string): Promise<ServiceRow> {
  for (const service of w.index.rows('service')) {
    if (service.name !== name) continue
    if (service.id === LOCAL_OPERATOR_PRINCIPAL_ID) throw problem('This name is reserved')
    return service
  }
  const row = await insertService(w.tx, { name, organisationId: null })
  w.inserted('service.created', 'service', row)
  return row
}
