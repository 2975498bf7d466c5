import { createHash } from 'node:crypto'
import { errors, jwtVerify, SignJWT } from 'jose'
import type { Clock } from '../lib/clock.ts'
import { type SigningKeys, signingAlgorithm } from './signing-keys.ts'

/** `typ` of our tokens: no other kind of JWT passes for a session. */
const tokenType = 'session+jwt'
const MAX_TOKEN_LENGTH = 2048

/** What a session token says. */
export interface TokenClaims {
  sessionId: string
  userId: number
}
/** Who gets a token; `actorId` while he acts as the user. */
export interface TokenHolder extends TokenClaims {
  actorId?: number
}

export interface SessionTokensOptions {
  keys: SigningKeys
  clock: Clock
  issuer: string
  audience: string
  /** Verified tokens remembered at most. */
  cacheSize?: number
}

/** Signs and verifies session tokens. A valid token says who it was given to; whether the session is open, the table says. */
export class SessionTokens {
  readonly #keys: SigningKeys
  readonly #clock: Clock
  readonly #issuer: string
  readonly #audience: string
  readonly #cacheSize: number
  readonly #verified = new Map<string, { claims: TokenClaims; until: number }>()

  constructor({ keys, clock, issuer, audience, cacheSize = 10_000 }: SessionTokensOptions) {
    this.#keys = keys
    this.#clock = clock
    this.#issuer = issuer
    this.#audience = audience
    this.#cacheSize = cacheSize
  }

  /** Makes a token that is valid until the session expires. Others who verify it see who acts (RFC 8693 section 4.1). */
  async sign({ sessionId, userId, actorId }: TokenHolder, expiresAt: Date): Promise<string> {
    const signer = await this.#keys.signer()
    return await new SignJWT({ sid: sessionId, ...(actorId === undefined ? {} : { act: { sub: String(actorId) } }) })
      .setProtectedHeader({ alg: signingAlgorithm, kid: signer.kid, typ: tokenType })
      .setSubject(String(userId))
      .setIssuer(this.#issuer)
      .setAudience(this.#audience)
      .setIssuedAt(this.#clock())
      .setExpirationTime(new Date(Math.min(expiresAt.getTime(), signer.verifiesUntil)))
      .sign(signer.privateKey)
  }

  /** What a token says, or undefined if it is not one of ours or has expired. */
  async verify(token: string): Promise<TokenClaims | undefined> {
    if (token.length > MAX_TOKEN_LENGTH) return undefined
    const digest = createHash('sha256').update(token).digest('base64')
    const known = this.#verified.get(digest)
    if (known !== undefined) {
      this.#verified.delete(digest)
      if (this.#clock().getTime() >= known.until) return undefined
      this.#verified.set(digest, known)
      return known.claims
    }
    const verified = await this.#check(token)
    if (verified !== undefined) this.#remember(digest, verified)
    return verified?.claims
  }

  /** The public keys, for others who verify our tokens (/.well-known/jwks.json). */
  jwks(): ReturnType<SigningKeys['publicJwks']> {
    return this.#keys.publicJwks()
  }

  async #check(token: string): Promise<{ claims: TokenClaims; until: number } | undefined> {
    let keyValidUntil = 0
    try {
      const { payload } = await jwtVerify(
        token,
        async ({ kid }) => {
          const verifier = await this.#keys.verifier(kid ?? '')
          if (verifier === undefined) throw new errors.JWKSNoMatchingKey()
          keyValidUntil = verifier.verifiesUntil
          return verifier.publicKey
        },
        {
          algorithms: [signingAlgorithm],
          issuer: this.#issuer,
          audience: this.#audience,
          typ: tokenType,
          requiredClaims: ['sub', 'sid', 'exp', 'iat'],
          currentDate: this.#clock(),
        },
      )
      const { sid, sub, exp = 0 } = payload
      const userId = Number(sub)
      if (typeof sid !== 'string' || !Number.isSafeInteger(userId)) return undefined
      return { claims: { sessionId: sid, userId }, until: Math.min(exp * 1000, keyValidUntil) }
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined
      throw error
    }
  }

  /** The map keeps the order of use, so its first entry is the one not used for longest. */
  #remember(digest: string, verified: { claims: TokenClaims; until: number }): void {
    if (this.#verified.size >= this.#cacheSize) {
      for (const oldest of this.#verified.keys()) {
        this.#verified.delete(oldest)
        break
      }
    }
    this.#verified.set(digest, verified)
  }
}
