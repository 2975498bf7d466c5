import { Column } from './graph-column.ts'

/** Two bits for each three bytes of a text that stand side by side, each in a number of its own. */
export type Sign = readonly [first: number, second: number]

/**
 * Says of most texts that they do not hold another without a look at them: whatever holds it has all bits of its sign. That
 * takes one look at memory where the texts themselves take several.
 */
export class TextSigns {
  /** Both numbers of a text side by side. */
  readonly #numbers = new Column()

  set(id: number, [first, second]: Sign): void {
    this.#numbers.set(2 * id, first)
    this.#numbers.set(2 * id + 1, second)
  }

  /** False only when a text is known not to hold one of this sign. */
  mayHold(id: number, [first, second]: Sign): boolean {
    const own = this.#numbers.get(2 * id)
    return own === 0 || ((own & first) === first && (this.#numbers.get(2 * id + 1) & second) === second)
  }
}

/** The sign of a text in small letters; of fewer than three bytes that of none, which every text has. */
export function signOf(text: Uint8Array): Sign {
  let [first, second] = [0, 0]
  for (let at = 2; at < text.length; at++) {
    const three = ((text[at - 2] as number) << 16) | ((text[at - 1] as number) << 8) | (text[at] as number)
    const hash = Math.imul(three, 0x9e3779b1)
    first |= 1 << (hash >>> 27)
    second |= 1 << (hash >>> 22)
  }
  return [first, second]
}
