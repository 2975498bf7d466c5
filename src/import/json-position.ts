import { newlines } from './read-text.ts'

/** Which line of a JSON file is at work, for whoever reads it piece by piece and hears at which byte a token begins. */
export class JsonPosition {
  #row = 1
  #piece = ''
  #pieceAt = 0
  /** Bytes until the last token. */
  offset = 0
  /** Bytes until the end of the piece at work. */
  end = 0

  begin(piece: string): void {
    this.#row += newlines(this.#piece)
    this.#pieceAt = this.end
    this.#piece = piece
    this.end += Buffer.byteLength(piece)
  }

  /** The line of what comes after the last token: the next one, if that one ends here. Counts from 1. */
  get row(): number {
    const bytes = Buffer.from(this.#piece)
    const at = Math.max(0, this.offset - this.#pieceAt)
    const next = /^\S?\s*/.exec(bytes.subarray(at).toString())?.[0] ?? ''
    return this.#row + newlines(bytes.subarray(0, at).toString() + next)
  }
}
