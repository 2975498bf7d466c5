import { AccessIndex } from '../access/access-index.ts'
import { type Change, type EntityName, emptySnapshot } from '../access/model.ts'
import type { Pace } from './pace.ts'

const CHUNK = 200

/** A copy of the graph that nobody else sees, to be moved forward by what a file brings. Takes as much memory again. */
export async function forkIndex(index: AccessIndex, pace: Pace): Promise<AccessIndex> {
  const { revision: _, ...tables } = emptySnapshot()
  const fork = AccessIndex.fromSnapshot(emptySnapshot())
  let chunk: Change[] = []
  for (const entity of Object.keys(tables) as EntityName[]) {
    for (const after of index.rows(entity)) {
      chunk.push({ revision: fork.revision + 1, entity, id: after.id, before: null, after } as Change)
      if (chunk.length < CHUNK) continue
      fork.apply(chunk)
      chunk = []
      if (pace.isOver) await pace.rest()
    }
  }
  fork.apply(chunk)
  return fork
}
