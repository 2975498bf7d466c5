import { type CryptoKey, createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { SigningKeys } from '../../../src/accounts/signing-keys.ts'
import { SessionTokens } from '../../../src/accounts/tokens.ts'
import { ConfigError } from '../../../src/config.ts'
import type { OpenDatabase } from '../../../src/db/database.ts'
import { deriveKey } from '../../../src/lib/secrets.ts'
import { testClock } from '../../harness/clock.ts'
import { eachEngine } from '../../harness/database.ts'

const DAY_MS = 86_400_000
const claims = { sessionId: '0a517f4d-f2a6-4b0d-a2a1-9e93a9b41275', userId: 7 }

eachEngine('session tokens', (engine) => {
  let database: OpenDatabase
  let time: ReturnType<typeof testClock>
  beforeAll(async () => {
    database = await engine.open()
  })
  afterAll(() => database[Symbol.asyncDispose]())
  beforeEach(async () => {
    time = testClock()
    await database.db.deleteFrom('signingKey').execute()
  })

  function newNode(secret = 'secret', issuer = 'ems-metadata', audience = 'ems-metadata') {
    const clock = time.now
    const sealKey = deriveKey(secret, 'signing-keys')
    const keys = new SigningKeys({ db: database.db, clock, sealKey, signingDays: 90, tokenDays: 365 })
    return { keys, tokens: new SessionTokens({ keys, clock, issuer, audience, cacheSize: 3 }) }
  }
  const inDays = (days: number) => new Date(time.now().getTime() + days * DAY_MS)
  const storedKeys = () => database.db.selectFrom('signingKey').selectAll().orderBy('signsUntil').execute()

  it('hold what was signed until they expire', async () => {
    const { keys, tokens } = newNode()
    await keys.ensureSigningKey()
    const token = await tokens.sign(claims, inDays(365))
    for (let again = 0; again < 2; again += 1) expect(await tokens.verify(token)).toEqual(claims)
    time.advance(365 * DAY_MS - 1000)
    expect(await tokens.verify(token)).toEqual(claims)
    time.advance(1000)
    expect(await tokens.verify(token)).toBeUndefined()
    expect(await tokens.verify(token)).toBeUndefined()
  })

  it('are verified by others with the public keys, which are all that is given out', async () => {
    const { keys, tokens } = newNode()
    await keys.ensureSigningKey()
    const token = await tokens.sign(claims, inDays(1))
    const jwks = tokens.jwks()
    expect(jwks.keys.map((key) => Object.keys(key).sort())).toEqual([['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']])
    const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(jwks), { currentDate: time.now() })
    expect(payload).toMatchObject({ sub: '7', sid: claims.sessionId, iss: 'ems-metadata', aud: 'ems-metadata' })
    expect(protectedHeader).toEqual({ alg: 'ES256', kid: jwks.keys[0]?.kid, typ: 'session+jwt' })
    const [row] = await storedKeys()
    expect(JSON.stringify(row)).not.toContain('"d"')
  })

  it('change their key without anybody noticing', async () => {
    const [a, b] = [newNode(), newNode()]
    await a.keys.ensureSigningKey()
    await b.keys.ensureSigningKey()
    const old = await a.tokens.sign(claims, inDays(365))
    const kidOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid
    time.advance(84 * DAY_MS)
    await a.keys.ensureSigningKey()
    expect(a.tokens.jwks().keys).toHaveLength(2)
    expect(b.tokens.jwks().keys).toHaveLength(1)
    // Published, but not signing yet: the other node has time to learn of it.
    expect(kidOf(await a.tokens.sign(claims, inDays(1)))).toBe(kidOf(old))
    time.advance(6 * DAY_MS)
    const young = await a.tokens.sign(claims, inDays(365))
    expect(kidOf(young)).not.toBe(kidOf(old))
    expect(await b.tokens.verify(young)).toEqual(claims)
    time.advance(274 * DAY_MS)
    for (const { tokens } of [a, b]) expect(await tokens.verify(old)).toEqual(claims)
    for (const { keys } of [a, b]) await keys.ensureSigningKey()
    time.advance(95 * DAY_MS)
    await a.keys.ensureSigningKey()
    expect((await storedKeys()).map(({ kid }) => kid)).not.toContain(kidOf(old))
  })

  it('make one key however many nodes start at once', async () => {
    const nodes = Array.from({ length: 10 }, () => newNode())
    // Connections that are open already, so that all of them really start at once.
    await Promise.all(nodes.map(() => sql`select pg_sleep(0.05)`.execute(database.db)))
    await Promise.all(nodes.map(({ keys }) => keys.ensureSigningKey()))
    expect(await storedKeys()).toHaveLength(1)
    const token = await nodes[0]?.tokens.sign(claims, inDays(1))
    for (const { tokens } of nodes) expect(await tokens.verify(token ?? '')).toEqual(claims)
  })

  it('are signed even if nobody made the next key in time', async () => {
    const { keys, tokens } = newNode()
    await keys.ensureSigningKey()
    time.advance(400 * DAY_MS)
    expect(await tokens.verify(await tokens.sign(claims, inDays(365)))).toEqual(claims)
  })

  it('stop the start when the secret is another, and say what to do', async () => {
    await newNode('one secret').keys.ensureSigningKey()
    const error = await newNode('another')
      .keys.ensureSigningKey()
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ConfigError)
    expect(String(error)).toContain('Start with the earlier secret')
    time.advance(1000 * DAY_MS)
    await expect(newNode('another').keys.ensureSigningKey()).rejects.toThrow(ConfigError)
  })

  it('count only with our issuer, audience, type, algorithm and key', async () => {
    const { keys, tokens } = newNode()
    await keys.ensureSigningKey()
    const expiresAt = inDays(1)
    for (const other of [newNode('secret', 'other'), newNode('secret', 'ems-metadata', 'other')]) {
      await other.keys.ensureSigningKey()
      expect(await tokens.verify(await other.tokens.sign(claims, expiresAt))).toBeUndefined()
    }
    const { kid, privateKey } = await keys.signer()
    const foreign = await generateKeyPair('ES256', { extractable: true })
    const hmac = new TextEncoder().encode(JSON.stringify(await exportJWK(foreign.publicKey)))
    const forge = (header: { alg: string; typ?: string; kid?: string }, key: CryptoKey | Uint8Array, sub = '7') =>
      new SignJWT({ sid: claims.sessionId })
        .setProtectedHeader(header)
        .setSubject(sub)
        .setIssuer('ems-metadata')
        .setAudience('ems-metadata')
        .setIssuedAt(time.now())
        .setExpirationTime(expiresAt)
        .sign(key)
    const right = { alg: 'ES256', kid, typ: 'session+jwt' }
    expect(await tokens.verify(await forge(right, privateKey))).toEqual(claims)
    const forged = [
      await forge({ ...right, typ: 'JWT' }, privateKey),
      await forge({ alg: 'ES256', kid }, privateKey),
      await forge({ alg: 'ES256', typ: 'session+jwt' }, privateKey),
      await forge({ ...right, kid: 'unknown' }, privateKey),
      await forge(right, foreign.privateKey),
      await forge({ ...right, alg: 'HS256' }, hmac),
      await forge(right, privateKey, 'seven'),
    ]
    for (const token of forged) expect(await tokens.verify(token)).toBeUndefined()
  })

  it('of a key that another node has just made are accepted', async () => {
    const early = newNode()
    expect(early.tokens.jwks().keys).toEqual([])
    const late = newNode()
    await late.keys.ensureSigningKey()
    expect(await early.tokens.verify(await late.tokens.sign(claims, inDays(1)))).toEqual(claims)
  })
})
