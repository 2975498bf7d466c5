/**
 * A result that is JSON already: a reply put together from texts that are kept. It goes out as it is; that it has the shape
 * the method declares is for its maker to prove.
 */
export class Written<T> {
  readonly text: string
  /** For the compiler only: what the text is. */
  declare readonly value: T

  constructor(text: string) {
    this.text = text
  }

  toJSON(): unknown {
    return JSON.parse(this.text)
  }
}
