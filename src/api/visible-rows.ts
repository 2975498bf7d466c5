import type { EntityRows } from '../access/model.ts'
import type { lookOf } from './rights-shapes.ts'

/** The rows of a kind of resource that the caller may know of, in the natural order of their names. */
export function visible<E extends 'organisation' | 'site' | 'edgeGroup'>(
  { index, askerId, at }: ReturnType<typeof lookOf>,
  entity: E,
): EntityRows[E][] {
  return index.listContainers(askerId, entity, { offset: 0, limit: Number.MAX_SAFE_INTEGER }, at)
}
