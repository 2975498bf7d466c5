import { isIPv6 } from 'node:net'
import { sql } from 'kysely'
import type { Db } from '../db/database.ts'
import type { Clock } from '../lib/clock.ts'
import { keyedHash } from '../lib/secrets.ts'

/** A wrong attempt repeated within this time is the UI's own second try (ui.md section 2) and counts once. */
const REPEAT_WITHIN_MS = 5_000
const REMEMBERED_FAILURES = 10_000

export interface ThrottleOptions {
  db: Db
  clock: Clock
  /** Keys the hashes of names and addresses in the table. */
  pepper: Uint8Array
  /** Failures until a bucket is full. */
  burst?: number
  /** Seconds until a full bucket has room for one more. */
  refillSeconds?: number
  /** An address, which many may share, may fail so many times as often as an account. */
  addressShare?: number
}

/** Who tries to sign in, and from where. */
export interface SignInTry {
  /** Stable name of the account, the same for its login and its e-mail address. */
  account: string
  password: string
  clientAddress: string
  /** Whether this address has signed in to the account before; asked only when the account's bucket is full. */
  isKnownAddress: () => Promise<boolean>
}

/** An attempt that may go on; disposing of it says that it is over. */
export interface Attempt extends Disposable {
  failed(): Promise<void>
}

/**
 * Leaky buckets of failed attempts: per account, per address, and per both. A full account bucket stops only addresses
 * that never signed in to it, so strangers cannot lock anybody out of his usual places; and it leaks steadily, so
 * nobody is locked out for long. All buckets have one size and one leak; a failure weighs less in that of an address.
 */
export class Throttle {
  readonly #db: Db
  readonly #clock: Clock
  readonly #pepper: Uint8Array
  readonly #burst: number
  readonly #refillSeconds: number
  readonly #addressShare: number
  /** Weight of attempts that are being computed; without it a thousand at once would all find room. */
  readonly #pending = new Map<string, number>()
  readonly #failures = new Map<string, { at: number; repeated: boolean }>()

  constructor({ db, clock, pepper, burst = 10, refillSeconds = 30, addressShare = 10 }: ThrottleOptions) {
    this.#db = db
    this.#clock = clock
    this.#pepper = pepper
    this.#burst = burst
    this.#refillSeconds = refillSeconds
    this.#addressShare = addressShare
  }

  /** Asks before the password is looked at; undefined: not now. */
  async begin({ account, password, clientAddress, isKnownAddress }: SignInTry): Promise<Attempt | undefined> {
    const network = networkOf(clientAddress)
    const buckets = {
      account: this.#key('account', account),
      pair: this.#key('pair', `${account} ${network}`),
      address: this.#key('address', network),
    }
    const weights = new Map([
      [buckets.account, 1],
      [buckets.pair, 1],
      [buckets.address, 1 / this.#addressShare],
    ])
    const startedAt = this.#clock().getTime()
    using reservation = new DisposableStack()
    reservation.defer(this.#reserve(weights))
    const full = await this.#fullBuckets(weights)
    if (full.has(buckets.address) || full.has(buckets.pair)) return undefined
    if (full.has(buckets.account) && !(await isKnownAddress())) return undefined
    const failure = keyedHash(this.#pepper, `failure ${account} ${network} ${password}`)
    const kept = reservation.move()
    return {
      failed: async () => {
        if (!this.#isRepetition(failure, startedAt)) await this.#add(weights)
      },
      [Symbol.dispose]: () => kept.dispose(),
    }
  }

  /** Counts one use of something dear (an account created, say) by an address; false when it had enough. */
  async take(purpose: string, clientAddress: string): Promise<boolean> {
    const weights = new Map([[this.#key(purpose, networkOf(clientAddress)), 1]])
    using reservation = new DisposableStack()
    reservation.defer(this.#reserve(weights))
    if ((await this.#fullBuckets(weights)).size > 0) return false
    await this.#add(weights)
    return true
  }

  /** Deletes buckets that are empty by now, at most `limit`; returns how many. Index sign_in_throttle_updated. */
  async deleteEmptied(limit: number): Promise<number> {
    const emptied = new Date(this.#clock().getTime() - this.#burst * this.#refillSeconds * 1000)
    const result = await this.#db
      .deleteFrom('signInThrottle')
      .where('key', 'in', (query) =>
        query.selectFrom('signInThrottle').select('key').where('updatedAt', '<', emptied).limit(limit),
      )
      .executeTakeFirstOrThrow()
    return Number(result.numDeletedRows)
  }

  /** Which buckets have no room for one more attempt. What is pending is read before the question goes out. */
  async #fullBuckets(weights: ReadonlyMap<string, number>): Promise<ReadonlySet<string>> {
    const levels = new Map([...weights.keys()].map((key) => [key, this.#pending.get(key) ?? 0]))
    const now = this.#clock().getTime()
    const rows = await this.#db
      .selectFrom('signInThrottle')
      .selectAll()
      .where('key', 'in', [...weights.keys()])
      .execute()
    for (const { key, failures, updatedAt } of rows) {
      const leaked = Math.max(0, now - updatedAt.getTime()) / (this.#refillSeconds * 1000)
      levels.set(key, (levels.get(key) ?? 0) + Math.max(0, failures - leaked))
    }
    // Sums of weights like 0.1 are not exact.
    const size = this.#burst + 1e-6
    return new Set([...levels].filter(([, level]) => level > size).map(([key]) => key))
  }

  /** One statement for all buckets; in the order of their keys, so that two of these cannot deadlock. */
  async #add(weights: ReadonlyMap<string, number>): Promise<void> {
    const now = this.#clock()
    const rows = [...weights].map(([key, failures]) => ({ key, failures, updatedAt: now }))
    await this.#db
      .insertInto('signInThrottle')
      .values(rows.sort((left, right) => (left.key < right.key ? -1 : 1)))
      .onConflict((conflict) =>
        conflict.column('key').doUpdateSet({
          failures: sql`least(${this.#burst}::float8, excluded.failures + greatest(0, sign_in_throttle.failures
            - greatest(0, extract(epoch from excluded.updated_at - sign_in_throttle.updated_at))::float8
              / ${this.#refillSeconds}::float8))`,
          updatedAt: sql`greatest(excluded.updated_at, sign_in_throttle.updated_at)`,
        }),
      )
      .execute()
  }

  #reserve(weights: ReadonlyMap<string, number>): () => void {
    for (const [key, weight] of weights) this.#pending.set(key, (this.#pending.get(key) ?? 0) + weight)
    return () => {
      for (const [key, weight] of weights) {
        const left = (this.#pending.get(key) ?? 0) - weight
        if (left > 1e-6) this.#pending.set(key, left)
        else this.#pending.delete(key)
      }
    }
  }

  /** True for the first repetition only: free attempts without end would be free work. */
  #isRepetition(failure: string, startedAt: number): boolean {
    const earlier = this.#failures.get(failure)
    if (earlier !== undefined && !earlier.repeated && startedAt - earlier.at <= REPEAT_WITHIN_MS) {
      earlier.repeated = true
      return true
    }
    this.#failures.delete(failure)
    this.#failures.set(failure, { at: this.#clock().getTime(), repeated: false })
    if (this.#failures.size > REMEMBERED_FAILURES) {
      for (const oldest of this.#failures.keys()) {
        this.#failures.delete(oldest)
        break
      }
    }
    return false
  }

  #key(kind: string, name: string): string {
    return `${kind}:${keyedHash(this.#pepper, `${kind} ${name}`)}`
  }
}

/** What stands for one customer's line: an IPv4 address, or the /64 that an IPv6 host picks its addresses from. */
export function networkOf(clientAddress: string): string {
  const address = clientAddress.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/i, '')
  if (!isIPv6(address)) return address
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [head = '', tail] = canonical.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right]
  return `${groups.slice(0, 4).join(':')}::/64`
}
