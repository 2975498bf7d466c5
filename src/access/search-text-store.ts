const encoder = new TextEncoder()

/** Texts by id as UTF-8, all in one array: a million of them cost neither objects nor time of the garbage collector. */
export class TextStore {
  #bytes = new Uint8Array(4096)
  #used = 0
  /** Bytes that belong to no text any more. */
  #wasted = 0
  #starts = new Int32Array(1024)
  #lengths = new Int32Array(1024)

  /** The bytes of a text; only until the next change. */
  get(id: number): Uint8Array {
    const start = this.#starts[id] ?? 0
    return this.#bytes.subarray(start, start + (this.#lengths[id] ?? 0))
  }

  /** Puts a text in place of the one before; an empty one takes it away. */
  set(id: number, text: string): void {
    this.#reserve(id, text.length * 3)
    this.#wasted += this.#lengths[id] as number
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(this.#used))
    this.#starts[id] = this.#used
    this.#lengths[id] = written
    this.#used += written
  }

  /** Whether the text holds these bytes, side by side. */
  includes(id: number, wanted: Uint8Array): boolean {
    const bytes = this.#bytes
    const first = wanted[0] as number
    const start = this.#starts[id] ?? 0
    const last = start + (this.#lengths[id] ?? 0) - wanted.length
    for (let at = start; at <= last; at++) {
      if (bytes[at] !== first) continue
      let same = 1
      while (same < wanted.length && bytes[at + same] === wanted[same]) same++
      if (same === wanted.length) return true
    }
    return false
  }

  #reserve(id: number, room: number): void {
    if (id >= this.#starts.length) {
      const size = Math.max(id + 1, this.#starts.length * 2)
      this.#starts = resized(this.#starts, new Int32Array(size))
      this.#lengths = resized(this.#lengths, new Int32Array(size))
    }
    if (this.#used + room <= this.#bytes.length) return
    if (this.#wasted > this.#used / 2) this.#tidy()
    if (this.#used + room > this.#bytes.length) {
      this.#bytes = resized(this.#bytes, new Uint8Array(Math.ceil((this.#used + room) * 1.25)))
    }
  }

  /** Moves all texts together. */
  #tidy(): void {
    const tidied = new Uint8Array(this.#bytes.length)
    let used = 0
    for (let id = 0; id < this.#starts.length; id++) {
      const text = this.get(id)
      tidied.set(text, used)
      this.#starts[id] = used
      used += text.length
    }
    this.#bytes = tidied
    this.#used = used
    this.#wasted = 0
  }
}

function resized<A extends Int32Array | Uint8Array>(from: A, to: A): A {
  to.set(from)
  return to
}
