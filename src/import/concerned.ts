import type { AccessIndex } from '../access/access-index.ts'
import type { Change } from '../access/model.ts'
import type { Pace } from './pace.ts'

/** Whom more than that a file concerns beside those it names is not looked at. */
const MAX_PRINCIPALS = 50_000
const MAX_KEPT = 1_000_000

/** Whom and what an import concerns, found in turns with others. */
export class Concerned {
  readonly #before: AccessIndex
  readonly #after: AccessIndex
  readonly #pace: Pace
  readonly #maxEdges: number
  /** What lies in containers, or how much where it is too much. */
  readonly #inside = new Map<number, readonly number[] | number>()
  #kept = 0

  constructor(parts: { before: AccessIndex; after: AccessIndex; pace: Pace; maxEdges: number }) {
    this.#before = parts.before
    this.#after = parts.after
    this.#pace = parts.pace
    this.#maxEdges = parts.maxEdges
  }

  /** The edges inside a resource, or how many where there are more than are followed. */
  async edgesIn(resourceId: number): Promise<readonly number[] | number> {
    if (this.#after.isEdge(resourceId)) return [resourceId]
    const known = this.#inside.get(resourceId)
    if (known !== undefined) return known
    const found: number[] = []
    let count = 0
    for (const some of this.#after.edgesInside(resourceId)) {
      count += some.length
      if (count <= this.#maxEdges) found.push(...some)
      if (this.#pace.isOver) await this.#pace.rest()
    }
    const inside = count <= this.#maxEdges ? found : count
    this.#kept += typeof inside === 'number' ? 1 : inside.length + 1
    if (this.#kept > MAX_KEPT) {
      this.#inside.clear()
      this.#kept = 0
    }
    this.#inside.set(resourceId, inside)
    return inside
  }

  /** Everybody whom changes concern, groups taken apart into their members, and where the changes are. */
  async by(
    named: Iterable<number>,
    changes: AsyncIterable<readonly Change[]>,
  ): Promise<{ principals: ReadonlySet<number>; resources: ReadonlySet<number>; isAll: boolean }> {
    const principals = new Set(named)
    const limit = principals.size + MAX_PRINCIPALS
    const resources = new Set<number>()
    for await (const some of changes) {
      for (const index of [this.#before, this.#after])
        for (const id of index.concernedBy(some)) if (principals.size < limit) principals.add(id)
      for (const change of some) placesOf(change, resources)
      if (this.#pace.isOver) await this.#pace.rest()
    }
    const groups = [...principals].filter((id) => this.#isGroup(id))
    for (const id of groups) {
      for (const index of [this.#before, this.#after]) {
        for (const { memberId } of index.membersOf(id)) {
          if (principals.has(memberId) || principals.size >= limit) continue
          principals.add(memberId)
          if (this.#isGroup(memberId)) groups.push(memberId)
        }
      }
      if (this.#pace.isOver) await this.#pace.rest()
    }
    const isAll = principals.size < limit
    for (const id of groups) principals.delete(id)
    return { principals, resources, isAll }
  }

  #isGroup(id: number): boolean {
    return (this.#after.row('userGroup', id) ?? this.#before.row('userGroup', id)) !== undefined
  }
}

function placesOf({ entity, before, after }: Change, into: Set<number>): void {
  const row = after ?? before
  if (row === null) return
  if (entity === 'edge' || entity === 'site' || entity === 'organisation') into.add(row.id)
  else if (entity === 'containment') into.add((row as { childId: number }).childId)
  else if (entity === 'grant') into.add((row as { resourceId: number }).resourceId)
}
