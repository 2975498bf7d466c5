import { problem } from '../errors.ts'

/** The first id that no row of the graph has: positions in typed arrays are ids, and a stray one must not ask for gigabytes. */
export const END_OF_IDS = 1 << 27

/** Whether a row of the graph may have this id. */
export function isId(id: number): boolean {
  return Number.isInteger(id) && id > 0 && id < END_OF_IDS
}

/** Refuses before it is written what could not be applied afterwards: the index of every node would stand still. */
export function requireIds(kind: string, ids: readonly number[]): void {
  if (!ids.every(isId))
    throw problem(`There are no ids left for a new ${kind}: export everything and import it into a new database`)
}
