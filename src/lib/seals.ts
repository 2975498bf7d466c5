import { createHash } from 'node:crypto'
import { deriveKey, seal, unseal } from './secrets.ts'

/** A sealed text and the name of the key it was sealed with. */
export interface Sealed {
  sealedWith: string
  sealed: string
}

/** Keys to seal texts with, newest first: all of them open, the newest seals, so that a key can be changed in peace. */
export class Seals {
  readonly newest: string
  readonly #keys = new Map<string, Uint8Array>()

  /** `secrets` are what the operator configured, at least one; `purpose` makes the keys differ from those of other uses. */
  constructor(secrets: readonly [string, ...string[]], purpose: string) {
    for (const secret of secrets) this.#keys.set(...named(deriveKey(secret, purpose)))
    ;[this.newest] = named(deriveKey(secrets[0], purpose))
  }

  /** Names of the keys there are. */
  get names(): string[] {
    return [...this.#keys.keys()]
  }

  seal(text: string): Sealed {
    const key = this.#keys.get(this.newest)
    if (key === undefined) throw new Error('there is no key to seal with')
    return { sealedWith: this.newest, sealed: seal(key, text) }
  }

  /** The text; undefined when the key is not there any more or the sealed text was changed. */
  open({ sealedWith, sealed }: Sealed): string | undefined {
    const key = this.#keys.get(sealedWith)
    if (key === undefined) return undefined
    try {
      return unseal(key, sealed)
    } catch {
      return undefined
    }
  }
}

/** A name that tells keys apart and nothing about them. */
function named(key: Uint8Array): [string, Uint8Array] {
  return [createHash('sha256').update('name of ').update(key).digest('base64url').slice(0, 12), key]
}
