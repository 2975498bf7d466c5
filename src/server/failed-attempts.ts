import { networkOf } from '../accounts/throttle.ts'
import { RateLimit } from './rate-limit.ts'

const PER_SECOND = 1
const BURST = 100
const MAX_NETWORKS = 10_000

/**
 * Refused credentials by network, in memory: who guesses is refused before the database or a password is asked. Tokens that
 * are known are never held up, so that nobody is locked out by his neighbour.
 */
export class FailedAttempts {
  readonly #byNetwork = new Map<string, RateLimit>()

  mayTry(clientAddress: string): boolean {
    return this.#byNetwork.get(networkOf(clientAddress))?.hasRoom(performance.now()) ?? true
  }

  failed(clientAddress: string): void {
    const network = networkOf(clientAddress)
    const limit = this.#byNetwork.get(network) ?? new RateLimit(PER_SECOND, BURST)
    limit.take(performance.now())
    this.#byNetwork.delete(network)
    this.#byNetwork.set(network, limit)
    if (this.#byNetwork.size <= MAX_NETWORKS) return
    for (const oldest of this.#byNetwork.keys()) {
      this.#byNetwork.delete(oldest)
      break
    }
  }
}
