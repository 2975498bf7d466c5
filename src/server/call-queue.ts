const MAX_RUNNING = 64
const MAX_WAITING = 512

/** A call as the queue needs it: none begins while one that is exclusive is under way. */
interface QueuedCall {
  method: { exclusive?: boolean | undefined }
}

/**
 * The calls of one socket: started in their order, so many at a time, and none after one that is exclusive until that is
 * done. What began before it goes on beside it, or a log-in would wait for a slow edge: who calls is fixed when a call begins.
 */
export class CallQueue<C extends QueuedCall> {
  /** Starts a call; undefined when it is done already. The promise must not be rejected. */
  readonly #start: (call: C) => Promise<void> | undefined
  #waiting: C[] = []
  #running = 0
  #exclusive = false

  constructor(start: (call: C) => Promise<void> | undefined) {
    this.#start = start
  }

  get idle(): boolean {
    return this.#running === 0 && this.#waiting.length === 0
  }

  /** Starts a call, now or in its turn; false when too many wait already. */
  take(call: C): boolean {
    if (this.#isFree() && this.#waiting.length === 0) this.#run(call)
    else if (this.#waiting.length < MAX_WAITING) this.#waiting.push(call)
    else return false
    return true
  }

  /** Forgets what waits. */
  clear(): void {
    this.#waiting = []
  }

  #isFree(): boolean {
    return !this.#exclusive && this.#running < MAX_RUNNING
  }

  #run(call: C): void {
    const isExclusive = call.method.exclusive === true
    if (isExclusive) this.#exclusive = true
    const done = this.#start(call)
    if (done === undefined) {
      if (isExclusive) this.#exclusive = false
      return
    }
    this.#running++
    void done.then(() => {
      this.#running--
      if (isExclusive) this.#exclusive = false
      this.#next()
    })
  }

  #next(): void {
    while (this.#isFree()) {
      const call = this.#waiting.shift()
      if (call === undefined) return
      this.#run(call)
    }
  }
}
