import type { AccessStore, LoggedChange } from '../access/access-store.ts'
import type { ServiceRow } from '../access/model.ts'
import type { Db } from '../db/database.ts'
import type { Clock } from '../lib/clock.ts'
import { keyedHash } from '../lib/secrets.ts'
import type { Scope } from './scopes.ts'
import { findServiceToken, updateServiceTokensUsed } from './service-queries.ts'

const MAX_TOKEN_LENGTH = 200

/** A token that was found valid; one object for each token, shared by everybody who came with it. */
export interface ServiceTokenHolder {
  readonly tokenId: number
  readonly serviceId: number
  readonly scopes: ReadonlySet<Scope>
  readonly expiresAt: number | null
}
type Known = { -readonly [K in keyof ServiceTokenHolder]: ServiceTokenHolder[K] } & { hash: string }
export type TokenEndListener = (holder: ServiceTokenHolder) => void

/**
 * The service tokens in use on this node, kept current by the log: whether one is still valid is answered without a query.
 * Only valid tokens are remembered, so there are never more than were handed out.
 */
export class ServiceTokenRegistry implements Disposable {
  readonly #db: Db
  readonly #clock: Clock
  readonly #pepper: Uint8Array
  readonly #byHash = new Map<string, Known>()
  readonly #byId = new Map<number, Known>()
  readonly #listeners = new Set<TokenEndListener>()
  readonly #unsubscribe: () => void
  /** Tokens used since the last stamp. */
  #used = new Set<number>()
  /** Counts changes of tokens: what a query found before one of them counts for nothing. */
  #generation = 0

  constructor({
    db,
    store,
    clock,
    pepper,
  }: {
    db: Db
    store: Pick<AccessStore, 'onChange'>
    clock: Clock
    pepper: Uint8Array
  }) {
    this.#db = db
    this.#clock = clock
    this.#pepper = pepper
    this.#unsubscribe = store.onChange((changes, graph) => {
      for (const change of changes) if (change.noted && change.entity === 'service') this.#onNoted(change)
      for (const change of graph) if (change.entity === 'service') this.#onService(change.id, change.after)
    })
  }

  /** Who holds this token; undefined if there is none, or the token or its service is not valid (any more). */
  async verify(token: string): Promise<ServiceTokenHolder | undefined> {
    if (token === '' || token.length > MAX_TOKEN_LENGTH) return undefined
    const hash = keyedHash(this.#pepper, token)
    const holder = this.#byHash.get(hash) ?? (await this.#find(hash))
    return holder !== undefined && this.isValid(holder) ? holder : undefined
  }

  /** True when the token would be found without asking the database. */
  knows(token: string): boolean {
    return token.length <= MAX_TOKEN_LENGTH && this.#byHash.has(keyedHash(this.#pepper, token))
  }

  /** Whether the token may still be used; asked for each call, which is its use. */
  isValid(holder: ServiceTokenHolder): boolean {
    if (this.#byId.get(holder.tokenId) !== holder || this.#isExpired(holder)) return false
    this.#used.add(holder.tokenId)
    return true
  }

  /** Hears of each token used here that ends, on whatever node, so that its sockets can be closed. */
  onEnded(listener: TokenEndListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Ends what has expired; to be called every second or so. */
  endExpired(): void {
    for (const known of this.#byId.values()) if (this.#isExpired(known)) this.#end(known)
  }

  /** Stamps the tokens used since the last time, all in one statement; what fails is stamped the next time. */
  async writeUses(): Promise<void> {
    if (this.#used.size === 0) return
    const used = this.#used
    this.#used = new Set()
    try {
      await updateServiceTokensUsed(this.#db, [...used], this.#clock())
    } catch (error) {
      for (const id of used) this.#used.add(id)
      throw error
    }
  }

  [Symbol.dispose](): void {
    this.#unsubscribe()
    this.#listeners.clear()
  }

  async #find(hash: string): Promise<Known | undefined> {
    for (;;) {
      const generation = this.#generation
      const found = await findServiceToken(this.#db, hash, this.#clock())
      if (found === undefined) return undefined
      if (generation !== this.#generation) continue
      const known = this.#byHash.get(hash) ?? { ...found, hash }
      this.#byHash.set(hash, known)
      this.#byId.set(known.tokenId, known)
      return known
    }
  }

  #onNoted({ action, after }: LoggedChange): void {
    this.#generation++
    const told = (after ?? {}) as { tokenId?: number; expiresAt?: number }
    const known = this.#byId.get(told.tokenId ?? -1)
    if (known === undefined) return
    if (action === 'serviceToken.ended') this.#end(known)
    else if (action === 'serviceToken.expires') known.expiresAt = told.expiresAt ?? null
  }

  #onService(serviceId: number, after: ServiceRow | null): void {
    this.#generation++
    if (after?.disabledAt === null) return
    for (const known of this.#byId.values()) if (known.serviceId === serviceId) this.#end(known)
  }

  #isExpired({ expiresAt }: ServiceTokenHolder): boolean {
    return expiresAt !== null && this.#clock().getTime() >= expiresAt
  }

  #end(known: Known): void {
    this.#byId.delete(known.tokenId)
    this.#byHash.delete(known.hash)
    for (const listener of this.#listeners) listener(known)
  }
}
