import bcrypt from 'bcrypt'
import { AppError, problem } from '../errors.ts'

/** bcrypt reads this many bytes of a password and ignores the rest: longer ones are refused, never cut. */
const MAX_PASSWORD_BYTES = 72

const bcryptHash = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/

export interface PasswordPoolOptions {
  /** log2 of the rounds. */
  cost: number
  /**
   * Computations at a time. They occupy threads that signatures, files and name look-ups need as well: with four
   * threads, 2 at a time leave a signature check at 0.4 ms while 4 make it 30 ms, for the same rate on two cores.
   */
  concurrency?: number
  /** How many may wait; the next one is answered `unavailable` at once. */
  maxQueue?: number
}

export interface PasswordPool {
  /** A new bcrypt hash. */
  hash(password: string): Promise<string>
  /** Compares; `null` (nobody to compare with) costs as much as a comparison and is always false. */
  verify(password: string, hash: string | null): Promise<boolean>
  /** True if the hash was made with another cost than today's. */
  needsRehash(hash: string): boolean
  /** How many wait for their turn. */
  readonly queueLength: number
  /** How many comparisons were computed since the start. */
  readonly compareCount: number
}

/** Passwords off the event loop, a few at a time, with a short queue: a flood is refused instead of piling up. */
export function createPasswordPool({ cost, concurrency = 2, maxQueue = 64 }: PasswordPoolOptions): PasswordPool {
  const waiting: (() => void)[] = []
  const dummyHash = `${bcrypt.genSaltSync(cost)}${'.'.repeat(31)}`
  let running = 0
  let compareCount = 0

  async function inTurn<T>(compute: () => Promise<T>): Promise<T> {
    if (running < concurrency) running += 1
    else await turn()
    try {
      return await compute()
    } finally {
      // The place is handed on rather than freed, so that nobody can slip in between.
      const next = waiting.shift()
      if (next === undefined) running -= 1
      else next()
    }
  }

  async function turn(): Promise<void> {
    if (waiting.length >= maxQueue) throw new AppError('unavailable', [], new Error('password queue is full'))
    const { promise, resolve } = Promise.withResolvers<void>()
    waiting.push(resolve)
    await promise
  }

  return {
    async hash(password) {
      requireFits(password)
      return await inTurn(() => bcrypt.hash(password, cost))
    },
    async verify(password, hash) {
      const comparable = hash !== null && bcryptHash.test(hash) && fits(password)
      return await inTurn(async () => {
        compareCount += 1
        const equal = await bcrypt.compare(comparable ? password : '', comparable ? toBcrypt2b(hash) : dummyHash)
        return comparable && equal
      })
    },
    needsRehash: (hash) => Number(bcryptHash.exec(hash)?.[1]) !== cost,
    get queueLength() {
      return waiting.length
    },
    get compareCount() {
      return compareCount
    },
  }
}

function fits(password: string): boolean {
  return Buffer.byteLength(password, 'utf8') <= MAX_PASSWORD_BYTES
}

/** Refuses a password that bcrypt would cut. */
export function requireFits(password: string): void {
  if (fits(password)) return
  throw problem(
    `The password is too long: at most ${MAX_PASSWORD_BYTES} bytes, of which ä, é or ß take two and € three`,
  )
}

/** Other systems write `2y` for the same algorithm; the library knows only `2a` and `2b`. */
function toBcrypt2b(hash: string): string {
  return hash.startsWith('$2y$') ? `$2b$${hash.slice(4)}` : hash
}
