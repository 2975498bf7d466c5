import type { AccessIndex } from '../access/access-index.ts'
import type { GrantRow } from '../access/model.ts'

/** What becomes of what a user owns. */
export interface OwnershipChange {
  id: number
  isDisabled: boolean
  /** Grants of the ownership of an organisation that end. */
  ownershipsLost: readonly GrantRow[]
  /** Organisations that get an owner in him who may sign in. */
  ownershipsGained: readonly number[]
}

/** No organisation loses its last owner, whichever users of a file that would come from together (P-09). */
export class Owners {
  readonly #lost: GrantRow[] = []
  readonly #disabled: number[] = []
  readonly #gained = new Set<number>()

  add({ id, isDisabled, ownershipsLost, ownershipsGained }: OwnershipChange): void {
    this.#lost.push(...ownershipsLost)
    if (isDisabled) this.#disabled.push(id)
    for (const organisationId of ownershipsGained) this.#gained.add(organisationId)
  }

  /** The organisations of a graph that all of this would leave without an owner. */
  ownerless(index: AccessIndex, at: number): number[] {
    if (this.#lost.length === 0 && this.#disabled.length === 0) return []
    const without = index.ownerlessAfter({ grantsRemoved: this.#lost, usersRemoved: this.#disabled }, at)
    return without.filter((organisationId) => !this.#gained.has(organisationId))
  }
}
