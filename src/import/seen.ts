import type { Place } from './model.ts'

/** Where in the file an e-mail address or a login has been first: a row or a path, and the sheet where there are several. */
export class Seen {
  /** Numbers of rows as they are: of these there may be very many. */
  readonly #places = new Map<string, string | number>()

  /** Where it stands already, for a sentence; undefined: it is new, and stands here. */
  add(name: string, { sheet, row, path }: Place): string | undefined {
    const first = this.#places.get(name)
    if (first !== undefined) return typeof first === 'number' ? `row ${first}` : first
    this.#places.set(name, sheet === undefined ? (path ?? row ?? 0) : `${sheet}, row ${row}`)
    return undefined
  }
}
