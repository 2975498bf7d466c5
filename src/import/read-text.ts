import { setImmediate as turn } from 'node:timers/promises'
import { TextDecoder } from 'node:util'
import type { ImportInput, ImportLimits } from './model.ts'
import { Unreadable } from './unreadable.ts'

/** So much is worked on in one turn of the event loop. */
const PIECE_BYTES = 8_192
/** The first pieces are smaller, as code that runs for the first time is slow; they grow with what was read. */
const FIRST_BYTES = 512
const GROWTH = 16

const saveAs = 'save the file as UTF-8 and import it again'

/** The bytes of a file in small pieces, a turn of the event loop between them, and never more than the limit allows. */
export async function* readPieces(input: ImportInput, limits: ImportLimits): AsyncGenerator<Buffer> {
  let size = 0
  let done = 0
  for await (const chunk of input.open()) {
    size += chunk.length
    if (size > limits.maxFileBytes) {
      throw new Unreadable(
        { file: input.name },
        'limit',
        `The file is larger than ${limits.maxFileBytes} bytes: split it`,
      )
    }
    for (let at = 0, end = 0; at < chunk.length; at = end) {
      end = at + Math.min(PIECE_BYTES, Math.max(FIRST_BYTES, Math.floor(done / GROWTH)))
      yield chunk.subarray(at, end)
      done += end - at
      await turn()
    }
  }
}

/**
 * The text of a file, piece by piece: UTF-8 with or without byte order mark, UTF-16 with one. Anything else is refused, for
 * a wrong guess turns names into something else without anybody noticing.
 */
export async function* readText(input: ImportInput, limits: ImportLimits): AsyncGenerator<string> {
  let decoder: TextDecoder | undefined
  let line = 1
  for await (const piece of atLeastTwoBytes(readPieces(input, limits))) {
    decoder ??= new TextDecoder(encodingOf(piece), { fatal: true })
    const text = decode(decoder, piece, { file: input.name, row: line })
    const nul = text.indexOf('\0')
    if (nul !== -1) {
      const row = line + newlines(text.slice(0, nul))
      throw new Unreadable({ file: input.name, row }, 'format', `There is a NUL character in the text: ${saveAs}`)
    }
    line += newlines(text)
    if (text !== '') yield text
  }
  if (decoder) decode(decoder, undefined, { file: input.name, row: line })
}

/** The text of a small file as a whole. */
export async function readWhole(input: ImportInput, limits: ImportLimits): Promise<string> {
  let text = ''
  for await (const piece of readText(input, limits)) text += piece
  return text
}

/** What one record may take altogether: as much as some large values. */
export function recordBytes({ maxCellBytes }: ImportLimits): number {
  return maxCellBytes * 8
}

/** A byte order mark is told from its first two bytes. */
async function* atLeastTwoBytes(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer | undefined
  let isOpen = false
  for await (const piece of pieces) {
    const whole: Buffer = held === undefined ? piece : Buffer.concat([held, piece])
    isOpen ||= whole.length >= 2
    held = isOpen ? undefined : whole
    if (isOpen) yield whole
  }
  if (held) yield held
}

function encodingOf(start: Buffer): string {
  if (start[0] === 0xff && start[1] === 0xfe) return 'utf-16le'
  if (start[0] === 0xfe && start[1] === 0xff) return 'utf-16be'
  return 'utf-8'
}

function decode(decoder: TextDecoder, piece: Buffer | undefined, place: { file: string; row: number }): string {
  try {
    return piece === undefined ? decoder.decode() : decoder.decode(piece, { stream: true })
  } catch {
    const before = new TextDecoder(decoder.encoding).decode(piece).split('\ufffd', 1)[0] ?? ''
    const row = place.row + newlines(before)
    throw new Unreadable({ file: place.file, row }, 'format', `The text is not ${decoder.encoding}: ${saveAs}`)
  }
}

/** How many lines end in the text. */
export function newlines(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count++
  return count
}
