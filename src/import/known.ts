import type { AccessIndex } from '../access/access-index.ts'
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
