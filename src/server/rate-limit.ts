/** A token bucket: `perSecond` on average, bursts of `burst`. 0 per second: no limit. */
export class RateLimit {
  readonly #perMs: number
  readonly #burst: number
  #tokens: number
  #at = 0

  constructor(perSecond: number, burst: number) {
    this.#perMs = perSecond / 1000
    this.#burst = burst
    this.#tokens = burst
  }

  /** Whether a token could be taken now. */
  hasRoom(now: number): boolean {
    return this.#perMs === 0 || this.#tokens + (now - this.#at) * this.#perMs >= 1
  }

  /** Takes one token; false when there is none. `now` in milliseconds, monotonic. */
  take(now: number): boolean {
    if (this.#perMs === 0) return true
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs)
    this.#at = now
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}
