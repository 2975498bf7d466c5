import { TokenType } from '@streamparser/json'

/** Follows the tokens of JSON and finds a member that stands twice in one object: which of the two is meant nobody knows. */
export class MemberNames {
  readonly #open: (Set<string> | undefined)[] = []
  #last = ''

  /** The name that is there a second time; undefined: none. */
  follow(token: TokenType, value: unknown): string | undefined {
    if (token === TokenType.STRING) this.#last = String(value)
    else if (token === TokenType.LEFT_BRACE) this.#open.push(new Set())
    else if (token === TokenType.LEFT_BRACKET) this.#open.push(undefined)
    else if (token === TokenType.RIGHT_BRACE || token === TokenType.RIGHT_BRACKET) this.#open.pop()
    else if (token === TokenType.COLON) {
      const names = this.#open.at(-1)
      if (names?.has(this.#last)) return this.#last
      names?.add(this.#last)
    }
    return undefined
  }
}

/** What to say of it. */
export function repeatedText(name: string): string {
  return `The member ${name.slice(0, 100)} stands twice in one object: leave one`
}
