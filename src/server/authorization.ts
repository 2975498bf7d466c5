import { normalisePassword } from '../accounts/account-rules.ts'
import type { AppContext } from '../context.ts'
import type { Caller } from '../rpc/session.ts'
import type { FailedAttempts } from './failed-attempts.ts'

/** What an `Authorization` header says. */
export type Credentials = { scheme: 'bearer'; token: string } | { scheme: 'basic'; name: string; secret: string }
/** Who an `Authorization` header can say. */
export type Authenticated = Extract<Caller, { type: 'service' | 'login' }>
/** Which schemes a peer may use: services bring their token, other backends a log-in too (protocol D). */
export type Schemes = readonly Credentials['scheme'][]

const headerForm = /^\s*([A-Za-z]+) +([A-Za-z0-9._~+/-]+=*)\s*$/
const challenges = {
  bearer: 'Bearer realm="ems-metadata"',
  basic: 'Basic realm="ems-metadata", charset="UTF-8"',
} as const

/** Values of `WWW-Authenticate`: a 401 names what would be accepted (RFC 9110 section 11.6.1). */
export function challengesOf(schemes: Schemes): string[] {
  return schemes.map((scheme) => challenges[scheme])
}

/** What is answered to who sends no such header, or a wrong one too often. */
export const refusalTexts = {
  401: 'authentication needed: header Authorization, Bearer with a service token, or Basic',
  429: 'too many attempts',
} as const

/** Reads the header (RFC 6750 section 2.1, RFC 7617 section 2); undefined when it is neither of the two. */
export function readAuthorization(header: string | undefined): Credentials | undefined {
  const [, scheme = '', value = ''] = headerForm.exec(header ?? '') ?? []
  if (scheme.toLowerCase() === 'bearer') return { scheme: 'bearer', token: value }
  if (scheme.toLowerCase() !== 'basic') return undefined
  const text = Buffer.from(value, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 0) return undefined
  return { scheme: 'basic', name: text.slice(0, colon).trim(), secret: normalisePassword(text.slice(colon + 1)) }
}

/**
 * Who sends this header: a service with its token, by itself or as the password beside its name, or a person with login and
 * password. 401 for everybody else, 429 for who failed too often. A wrong secret costs the same whatever the name is. Throws
 * AppError `unavailable` when it cannot be decided now.
 */
export async function authenticate(
  ctx: AppContext,
  attempts: FailedAttempts,
  given: { header: string | undefined; clientAddress: string; schemes: Schemes },
): Promise<Authenticated | 401 | 429> {
  const { header, clientAddress, schemes } = given
  const credentials = readAuthorization(header)
  if (credentials === undefined || !schemes.includes(credentials.scheme)) return 401
  ctx.store.assertFresh()
  const token = credentials.scheme === 'bearer' ? credentials.token : credentials.secret
  const isKnown = ctx.serviceTokens.knows(token)
  if (!isKnown && !attempts.mayTry(clientAddress)) return 429
  const service = await asService(ctx, token, credentials)
  if (service !== undefined) return service
  const person = credentials.scheme === 'basic' ? await asPerson(ctx, credentials, clientAddress) : 401
  if (person === 401) attempts.failed(clientAddress)
  return person
}

async function asService(ctx: AppContext, token: string, credentials: Credentials): Promise<Authenticated | undefined> {
  const holder = await ctx.serviceTokens.verify(token)
  if (holder === undefined) return undefined
  const { serviceId: principalId, scopes } = holder
  if (credentials.scheme === 'basic' && ctx.store.index.row('service', principalId)?.name !== credentials.name)
    return undefined
  return { type: 'service', principalId, scopes, token: holder }
}

async function asPerson(
  ctx: AppContext,
  { name, secret }: { name: string; secret: string },
  clientAddress: string,
): Promise<Authenticated | 401 | 429> {
  const login = await ctx.passwordLogins.verify({ login: name, password: secret, clientAddress })
  if (login.ok) return { type: 'login', principalId: login.userId }
  return login.reason === 'throttled' ? 429 : 401
}
