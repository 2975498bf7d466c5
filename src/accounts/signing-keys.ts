import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose'
import { type Selectable, sql } from 'kysely'
import { ConfigError } from '../config.ts'
import type { Db, Tx } from '../db/database.ts'
import type { SigningKeyTable } from '../db/schema.ts'
import type { Clock } from '../lib/clock.ts'
import { seal, unseal } from '../lib/secrets.ts'

/** Signature algorithm of new keys: ES256 is in every JOSE library and in the Java runtime. */
export const signingAlgorithm = 'ES256'

const DAY_MS = 86_400_000
const RELOAD_AT_MOST_EVERY_MS = 10_000

interface LoadedKey {
  kid: string
  publicJwk: JWK
  publicKey: CryptoKey
  /** Only while the key may sign. */
  privateKey: CryptoKey | undefined
  signsUntil: number
  verifiesUntil: number
}
export interface Signer {
  kid: string
  privateKey: CryptoKey
  verifiesUntil: number
}
export interface Verifier {
  publicKey: CryptoKey
  verifiesUntil: number
}

export interface SigningKeyOptions {
  db: Db
  clock: Clock
  /** From `deriveKey(secret, 'signing-keys')`. */
  sealKey: Uint8Array
  /** How long a key signs. */
  signingDays?: number
  /** How long a token lives at most: a key verifies that much longer than it signs. */
  tokenDays: number
}

/**
 * The keys of session tokens. A new key is published a while before it signs and goes on verifying as long as the last
 * token it signed lives, so a change of keys is noticed by nobody.
 */
export class SigningKeys {
  readonly #db: Db
  readonly #clock: Clock
  readonly #sealKey: Uint8Array
  readonly #signingMs: number
  readonly #tokenMs: number
  #keys: ReadonlyMap<string, LoadedKey> = new Map()
  #loadedAt = 0
  #reloading: Promise<void> | undefined

  constructor({ db, clock, sealKey, signingDays = 90, tokenDays }: SigningKeyOptions) {
    this.#db = db
    this.#clock = clock
    this.#sealKey = sealKey
    this.#signingMs = signingDays * DAY_MS
    this.#tokenMs = tokenDays * DAY_MS
  }

  /**
   * Loads the keys and makes the next one when it is time; at start and then every hour or so. Any number of nodes may
   * call it at once. Throws ConfigError when the keys were sealed with another secret.
   */
  async ensureSigningKey(): Promise<void> {
    let rows = await findSigningKeys(this.#db)
    this.#requireOurSecret(rows)
    if (!this.#hasSuccessor(rows)) {
      const made = await this.#generate()
      rows = await this.#db.transaction().execute(async (tx) => {
        await sql`lock table signing_key in share row exclusive mode`.execute(tx)
        await deleteOutlivedKeys(tx, this.#clock())
        if (!this.#hasSuccessor(await findSigningKeys(tx))) await insertSigningKey(tx, made)
        return await findSigningKeys(tx)
      })
    }
    await this.#load(rows)
  }

  /** The key to sign with: the oldest that still may, so that its successor is known everywhere first. */
  async signer(): Promise<Signer> {
    return this.#findSigner() ?? (await this.ensureSigningKey().then(() => this.#findSigner())) ?? missingSigner()
  }

  /** The key with this id; one unknown here may be new from another node, so the database is asked, but not often. */
  async verifier(kid: string): Promise<Verifier | undefined> {
    const now = this.#clock().getTime()
    if (!this.#keys.has(kid) && Math.abs(now - this.#loadedAt) >= RELOAD_AT_MOST_EVERY_MS) await this.#reload()
    const key = this.#keys.get(kid)
    return key !== undefined && now < key.verifiesUntil ? key : undefined
  }

  /** The public halves of all keys that verify, as a JWK set. */
  publicJwks(): { keys: JWK[] } {
    const now = this.#clock().getTime()
    const valid = [...this.#keys.values()].filter((key) => now < key.verifiesUntil)
    return { keys: valid.map((key) => ({ ...key.publicJwk, kid: key.kid, alg: signingAlgorithm, use: 'sig' })) }
  }

  #findSigner(): Signer | undefined {
    const now = this.#clock().getTime()
    let oldest: (Signer & { signsUntil: number }) | undefined
    for (const { kid, privateKey, signsUntil, verifiesUntil } of this.#keys.values()) {
      if (privateKey === undefined || now >= signsUntil) continue
      if (oldest === undefined || signsUntil < oldest.signsUntil)
        oldest = { kid, privateKey, signsUntil, verifiesUntil }
    }
    return oldest
  }

  /** Whether a key signs beyond the time that a new one needs to become known. */
  #hasSuccessor(rows: readonly Selectable<SigningKeyTable>[]): boolean {
    const enough = this.#clock().getTime() + Math.min(7 * DAY_MS, this.#signingMs / 4)
    return rows.some((row) => row.signsUntil.getTime() > enough)
  }

  async #generate(): Promise<Selectable<SigningKeyTable>> {
    const pair = await generateKeyPair(signingAlgorithm, { extractable: true })
    const publicJwk = await exportJWK(pair.publicKey)
    const createdAt = this.#clock()
    const signsUntil = new Date(createdAt.getTime() + this.#signingMs)
    return {
      kid: await calculateJwkThumbprint(publicJwk),
      algorithm: signingAlgorithm,
      publicJwk: { ...publicJwk },
      sealedPrivateJwk: seal(this.#sealKey, JSON.stringify(await exportJWK(pair.privateKey))),
      createdAt,
      signsUntil,
      verifiesUntil: new Date(signsUntil.getTime() + this.#tokenMs + DAY_MS),
    }
  }

  #requireOurSecret(rows: readonly Selectable<SigningKeyTable>[]): void {
    const newest = rows.at(-1)
    if (newest !== undefined) this.#open(newest)
  }

  #open(row: Selectable<SigningKeyTable>): JWK {
    try {
      return JSON.parse(unseal(this.#sealKey, row.sealedPrivateJwk)) as JWK
    } catch (cause) {
      throw new ConfigError(
        'The secret is not the one this database was set up with: its signing keys cannot be opened. Start with the ' +
          'earlier secret. If that is lost for good, delete all rows of the table signing_key; then everybody has to ' +
          'sign in again, and every API key, setup password, service token and invitation has to be issued anew.',
        { cause },
      )
    }
  }

  /** One at a time, however many ask. A failure is not remembered: without the database nothing is known about a key. */
  #reload(): Promise<void> {
    this.#reloading ??= findSigningKeys(this.#db)
      .then((rows) => this.#load(rows))
      .finally(() => {
        this.#reloading = undefined
      })
    return this.#reloading
  }

  async #load(rows: readonly Selectable<SigningKeyTable>[]): Promise<void> {
    const now = this.#clock().getTime()
    const loaded = await Promise.all(rows.map((row) => this.#keys.get(row.kid) ?? this.#import(row, now)))
    this.#keys = new Map(loaded.map((key) => [key.kid, key]))
    this.#loadedAt = now
  }

  async #import(row: Selectable<SigningKeyTable>, now: number): Promise<LoadedKey> {
    const signs = now < row.signsUntil.getTime()
    return {
      kid: row.kid,
      publicJwk: row.publicJwk,
      publicKey: await toCryptoKey(row.publicJwk, row.algorithm),
      privateKey: signs ? await toCryptoKey(this.#open(row), row.algorithm) : undefined,
      signsUntil: row.signsUntil.getTime(),
      verifiesUntil: row.verifiesUntil.getTime(),
    }
  }
}

async function toCryptoKey(jwk: JWK, algorithm: string): Promise<CryptoKey> {
  const key = await importJWK(jwk, algorithm)
  if (key instanceof Uint8Array) throw new Error('a signing key is not an asymmetric one')
  return key
}

function missingSigner(): never {
  throw new Error('no key may sign although one was just made: the clocks of the nodes differ by months')
}

/** Oldest first. */
async function findSigningKeys(db: Db): Promise<Selectable<SigningKeyTable>[]> {
  return await db.selectFrom('signingKey').selectAll().orderBy('signsUntil').orderBy('kid').execute()
}

async function insertSigningKey(tx: Tx, key: Selectable<SigningKeyTable>): Promise<void> {
  await tx
    .insertInto('signingKey')
    .values({ ...key, publicJwk: JSON.stringify(key.publicJwk) })
    .execute()
}

async function deleteOutlivedKeys(tx: Tx, now: Date): Promise<void> {
  await tx.deleteFrom('signingKey').where('verifiesUntil', '<', now).execute()
}
