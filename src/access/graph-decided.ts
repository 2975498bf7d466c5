import type { GraphState } from './graph-state.ts'
import { maskOf, type Permission, PLATFORM_RESOURCE_ID } from './model.ts'

/** What somebody may decide about, and whoever holds a grant on some of it: all there are and maybe some more. */
export interface Decided {
  resources: ReadonlySet<number>
  holders: ReadonlySet<number>
}

/** Resources and grants looked at: a few milliseconds. */
const maxSteps = 20_000

/** What lies where a principal holds one of these permissions, and who else holds something there; undefined where that is very much. */
export function decidedBy(
  { resources, people, views }: GraphState,
  principalId: number,
  permissions: readonly Permission[],
  at: number,
): Decided | undefined {
  const mask = maskOf(...permissions)
  const view = views.get(principalId, at)
  const found = new Set<number>()
  for (const held of [view.held, view.everybody?.held ?? []]) {
    for (const [node, conveyances] of held) {
      const isHeld = Object.values(conveyances).some((some) => some.some((one) => (one.mask & mask) !== 0))
      if (isHeld) found.add(node)
    }
  }
  if (found.has(PLATFORM_RESOURCE_ID)) return undefined
  const holders = new Set<number>()
  let grants = 0
  for (const id of found) {
    // Most are edges, which hold nothing.
    if (!resources.kinds.isEdge(id)) {
      for (const below of [...resources.contentOf(id, maxSteps), ...resources.suborganisations(id)]) found.add(below)
    }
    for (const principalId of people.holdersOn(id)) {
      holders.add(principalId)
      grants++
    }
    if (found.size + grants > maxSteps) return undefined
  }
  return { resources: found, holders }
}
