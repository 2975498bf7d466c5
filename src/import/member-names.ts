import { TokenType } from '@streamparser/json'

/** Of one object; more belong into a list. */
const MAX_MEMBERS = 100_000

/**
 * Follows the tokens of JSON and finds what makes an object useless: a member that stands in it twice, for which of the two is
 * meant nobody knows, and more members than can be remembered.
 */
export class MemberNames {
  readonly #open: (Set<string> | undefined)[] = []
  #last = ''

  /** The rule that is broken and what to say of it; undefined: nothing. */
  follow(token: TokenType, value: unknown): [rule: string, text: string] | undefined {
    if (token === TokenType.STRING) this.#last = String(value)
    else if (token === TokenType.LEFT_BRACE) this.#open.push(new Set())
    else if (token === TokenType.LEFT_BRACKET) this.#open.push(undefined)
    else if (token === TokenType.RIGHT_BRACE || token === TokenType.RIGHT_BRACKET) this.#open.pop()
    else if (token === TokenType.COLON) {
      const names = this.#open.at(-1)
      if (names?.has(this.#last)) return ['format', repeatedText(this.#last)]
      names?.add(this.#last)
      if (names && names.size > MAX_MEMBERS)
        return ['limit', `An object has more than ${MAX_MEMBERS} members: split it`]
    }
    return undefined
  }
}

/** What to say of a member that stands twice. */
export function repeatedText(name: string): string {
  return `The member ${name.slice(0, 100)} stands twice in one object: leave one`
}
