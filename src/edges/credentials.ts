import type { AccessStore } from '../access/access-store.ts'
import type { Change, EdgeKeyRow } from '../access/model.ts'
import { keyedHash } from '../lib/secrets.ts'

/**
 * API keys of all edges by keyed hash, in memory and kept current by the log: a handshake costs one hash and one look-up,
 * no database (OC-07..09: keys are never stored, logged or sent in clear).
 */
export class EdgeCredentials {
  readonly #pepper: Uint8Array
  readonly #byHash = new Map<string, EdgeKeyRow>()
  /** Keys with an end, by id: the few that are being rotated. */
  readonly #ending = new Map<number, EdgeKeyRow>()
  readonly #revoked: (edgeId: number) => void

  /** `revoked` is called when a key that may be in use stopped being valid. */
  constructor(pepper: Uint8Array, revoked: (edgeId: number) => void) {
    this.#pepper = pepper
    this.#revoked = revoked
  }

  /** Reads the keys of the store and follows it from then on. */
  follow(store: AccessStore): void {
    for (const row of store.index.rows('edgeKey')) this.#keep(row)
    store.onChange((_, graph) => this.#apply(graph))
  }

  hash(key: string): string {
    return keyedHash(this.#pepper, key)
  }

  /** The key's row when it is valid now. */
  find(key: string, now: number): EdgeKeyRow | undefined {
    const row = this.#byHash.get(this.hash(key))
    return row !== undefined && (row.validTo === null || row.validTo > now) ? row : undefined
  }

  /** Whether a key that was accepted earlier still is. */
  isValid(keyHash: string, now: number): boolean {
    const row = this.#byHash.get(keyHash)
    return row !== undefined && (row.validTo === null || row.validTo > now)
  }

  /** Ends connections whose key has run out; to be called every second. */
  expire(now: number): void {
    for (const row of this.#ending.values()) {
      if (row.validTo !== null && row.validTo > now) continue
      this.#ending.delete(row.id)
      this.#revoked(row.edgeId)
    }
  }

  #keep(row: EdgeKeyRow): void {
    this.#byHash.set(row.keyHash, row)
    if (row.validTo === null) this.#ending.delete(row.id)
    else this.#ending.set(row.id, row)
  }

  #apply(changes: readonly Change[]): void {
    for (const change of changes) {
      if (change.entity !== 'edgeKey') continue
      const { before, after } = change
      if (before) this.#byHash.delete(before.keyHash)
      if (after) this.#keep(after)
      const edgeId = after?.edgeId ?? before?.edgeId
      if (before && edgeId !== undefined) this.#revoked(edgeId)
    }
  }
}
