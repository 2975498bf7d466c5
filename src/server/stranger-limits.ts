const FRAME_BYTES = 64 * 1024
const TOTAL_BYTES = 1024 * 1024

/** What somebody may take who has not logged in: so much to read, and so long to do it. Traffic does not extend it. */
export class StrangerLimits {
  readonly #deadlineMs: number
  readonly #onDeadline: () => void
  #bytes = 0
  #deadline: NodeJS.Timeout | undefined

  constructor(deadlineMs: number, onDeadline: () => void) {
    this.#deadlineMs = deadlineMs
    this.#onDeadline = onDeadline
  }

  /** Counts from now on. */
  begin(): void {
    this.end()
    this.#bytes = 0
    this.#deadline = setTimeout(this.#onDeadline, this.#deadlineMs).unref()
  }

  /** He is no stranger any more, or gone. */
  end(): void {
    clearTimeout(this.#deadline)
  }

  /** Takes a frame; false when it is too much. */
  take(bytes: number): boolean {
    this.#bytes += bytes
    return bytes <= FRAME_BYTES && this.#bytes <= TOTAL_BYTES
  }
}
