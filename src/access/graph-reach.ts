import { conveysDiscover } from './graph-expand.ts'
import type { ResourceGraph } from './graph-resources.ts'
import type { View } from './graph-view.ts'

const cachedReaches = 200_000

/** Whether a view's own grants let it know of whatever a container holds: the same as all that flows there, but cheaper. */
export function reachesContent(resources: ResourceGraph, view: View, container: number): boolean {
  const known = view.reached.get(container)
  if (known !== undefined) return known
  if (view.reached.size >= cachedReaches) view.reached.clear()
  const passed: number[] = []
  const isReached = isReachedFromAbove(resources, view, container, passed)
  // What was passed in vain on a way that led up in the end is open: it may lie in a circle.
  if (isReached) for (const node of passed) if (view.reached.get(node) === false) view.reached.delete(node)
  return isReached
}

function isReachedFromAbove(resources: ResourceGraph, view: View, container: number, passed: number[]): boolean {
  const known = view.reached.get(container)
  if (known !== undefined) return known
  view.reached.set(container, false)
  passed.push(container)
  const isReached = isGranted(resources, view, container) || isParentReached(resources, view, container, passed)
  if (isReached) view.reached.set(container, true)
  return isReached
}

function isParentReached(resources: ResourceGraph, view: View, container: number, passed: number[]): boolean {
  const { parents } = resources.links
  for (let at = parents.start(container), end = at + parents.count(container); at < end; at++) {
    const parent = parents.value(at)
    if (resources.contains(parent, container) && isReachedFromAbove(resources, view, parent, passed)) return true
  }
  return false
}

/** Whether a grant on the container itself or on an organisation above it says so. */
function isGranted(resources: ResourceGraph, view: View, container: number): boolean {
  const held = view.held.get(container)
  if (held && conveysDiscover(held.content)) return true
  if (!resources.kinds.isOrganisation(container)) return false
  return resources.superorganisations(container).some((above) => {
    const heldAbove = view.held.get(above)
    return heldAbove !== undefined && conveysDiscover(heldAbove.suborganisation)
  })
}
