/** A piece of an endless sequence: what happened after `from` and up to `to`, ready to be sent when first asked for. */
export interface FeedFrame {
  readonly from: number
  readonly to: number
  readonly size: number
  /** The notifications; written once, whoever asks. */
  readonly texts: () => readonly string[]
}

/** How many pieces may be past their time before the list is made anew. */
const SLACK = 1024

/** The newest pieces of a sequence, so many that they are about at most `capacity` things. */
export class FrameRing {
  readonly #capacity: number
  #frames: FeedFrame[] = []
  /** Where what is kept begins. */
  #first = 0
  #size = 0

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  add(frame: Omit<FeedFrame, 'texts'> & { write: () => readonly string[] }): void {
    const { from, to, size, write } = frame
    let written: readonly string[] | undefined
    const texts = () => {
      written ??= write()
      return written
    }
    this.#frames.push({ from, to, size, texts })
    this.#size += size
    while (this.#size > this.#capacity && this.#first < this.#frames.length - 1)
      this.#size -= this.#frames[this.#first++]?.size ?? 0
    if (this.#first < SLACK) return
    this.#frames = this.#frames.slice(this.#first)
    this.#first = 0
  }

  /** The piece that goes on from a position; undefined when that lies before what is kept, or at the end. */
  after(position: number): FeedFrame | undefined {
    const oldest = this.#frames[this.#first]
    if (oldest === undefined || position < oldest.from) return undefined
    let low = this.#first
    let high = this.#frames.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#frames[middle]?.to ?? 0) > position) high = middle
      else low = middle + 1
    }
    return this.#frames[low]
  }
}
