import type { AccessIndex } from '../access/access-index.ts'
import { termsOf } from '../access/grant-rules.ts'
import type { ContainmentRow, EdgeKeyRow } from '../access/model.ts'
import type { Pace } from './pace.ts'

/** What lies in what, in one word. */
export function linkName({ parentId, childId }: Omit<ContainmentRow, 'id'>): string {
  return `${parentId} ${childId}`
}

/** Everything that lies in something, gone through in turns with others. */
export async function linksIn(index: AccessIndex, pace: Pace): Promise<Set<string>> {
  const links = new Set<string>()
  for (const row of index.rows('containment')) {
    links.add(linkName(row))
    if (pace.isOver) await pace.rest()
  }
  return links
}

/** Every key of an edge by its hash, likewise. */
export async function keysIn(index: AccessIndex, pace: Pace): Promise<Map<string, EdgeKeyRow>> {
  const keys = new Map<string, EdgeKeyRow>()
  for (const row of index.rows('edgeKey')) {
    keys.set(row.keyHash, row)
    if (pace.isOver) await pace.rest()
  }
  return keys
}

/** What principals have been granted: each looked through once, when first asked for, in turns with others. */
export class Granted {
  readonly #index: AccessIndex
  readonly #pace: Pace
  readonly #terms = new Map<number, Set<string>>()

  constructor(index: AccessIndex, pace: Pace) {
    this.#index = index
    this.#pace = pace
  }

  /** The terms of all that somebody holds; whoever grants him more adds them. */
  async of(principalId: number): Promise<Set<string>> {
    const known = this.#terms.get(principalId)
    if (known !== undefined) return known
    const terms = new Set<string>()
    for (const id of this.#index.grantIdsOf(principalId)) {
      const row = this.#index.row('grant', id)
      if (row !== undefined) terms.add(termsOf(row))
      if (this.#pace.isOver) await this.#pace.rest()
    }
    this.#terms.set(principalId, terms)
    return terms
  }
}
