import type { EntityName } from '../access/model.ts'
import type { BatchPart } from '../db/change-log.ts'
import type { Db } from '../db/database.ts'
import { reserveIds } from './import-rows.ts'

/** Taken at once at least, so that the database is asked seldom; what is left over is never used. */
const RESERVE = 2000

/** Gives new rows the ids they will have. */
export class Numbers {
  readonly #db: Db
  readonly #free = new Map<EntityName, number[]>()

  constructor(db: Db) {
    this.#db = db
  }

  /** Numbers the new rows among these that have no id yet. */
  async give(parts: readonly BatchPart[]): Promise<void> {
    const fresh = parts.filter(({ before, id }) => before === null && id === 0)
    const counts = new Map<EntityName, number>()
    for (const { entity } of fresh) counts.set(entity, (counts.get(entity) ?? 0) + 1)
    for (const [entity, count] of counts) await this.#reserve(entity, count)
    for (const part of fresh) {
      part.id = this.#free.get(part.entity)?.pop() ?? 0
      if (part.after !== null) part.after.id = part.id
    }
  }

  async #reserve(entity: EntityName, count: number): Promise<void> {
    const free = this.#free.get(entity) ?? []
    if (free.length >= count) return
    const taken = await reserveIds(this.#db, entity, Math.max(RESERVE, count))
    this.#free.set(entity, [...free, ...taken.reverse()])
  }
}
