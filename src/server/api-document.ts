import { setImmediate as turn } from 'node:timers/promises'
import { describeMethod, wrapMethods } from '../rpc/describe.ts'
import type { Method } from '../rpc/method.ts'

/** The OpenRPC document as text, made when first asked for: method by method, because all at once would hold up frames. */
export class ApiDocument {
  readonly #methods: readonly Method[]
  #text: Promise<string> | undefined

  constructor(methods: readonly Method[]) {
    this.#methods = methods
  }

  text(): Promise<string> {
    this.#text ??= this.#write()
    return this.#text
  }

  async #write(): Promise<string> {
    const described: ReturnType<typeof describeMethod>[] = []
    for (const method of this.#methods) {
      described.push(describeMethod(method))
      await turn()
    }
    return JSON.stringify(wrapMethods(described))
  }
}
