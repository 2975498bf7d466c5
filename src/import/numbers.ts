import type { EntityName } from '../access/model.ts'
import type { BatchPart } from '../db/change-log.ts'
import type { Db } from '../db/database.ts'
import { reserveIds } from './import-rows.ts'

/** Taken at once, so that the database is asked seldom; what is left over is never used. */
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
    for (const part of parts) {
      if (part.before !== null || part.id !== 0) continue
      part.id = this.#free.get(part.entity)?.pop() ?? (await this.#reserve(part.entity))
      if (part.after !== null) part.after.id = part.id
    }
  }

  async #reserve(entity: EntityName): Promise<number> {
    const [first = 0, ...rest] = await reserveIds(this.#db, entity, RESERVE)
    this.#free.set(entity, rest.reverse())
    return first
  }
}
