import { componentOf, coversComponent } from './components.ts'
import type { GraphState } from './graph-state.ts'
import { type Permission, permissionBits, type Window } from './model.ts'
import { intersectWindows, normalWindows, type Windows } from './windows.ts'

/** Stored values that may be read: these components at these times. */
export interface DataPart {
  /** Patterns of component ids; null: all. */
  components: string[] | null
  windows: Window[]
}

/**
 * Which part of [from, to) of an edge's stored values a principal may read (domain rules 2.5); nothing: []. Parts stay apart,
 * so that a window of one component does not open another. The restriction comes last (D-14..24).
 */
export function authorizeData(
  graph: GraphState,
  principalId: number,
  edgeId: number,
  from: number,
  to: number,
  at: number,
): DataPart[] {
  return dataParts(graph, principalId, edgeId, at)
    .map(({ components, windows }) => ({ components, windows: [...(intersectWindows(windows, [[from, to]]) ?? [])] }))
    .filter(({ windows }) => windows.length > 0)
}

/** The windows of stored values by components, null: all time. */
function dataParts(graph: GraphState, principalId: number, edgeId: number, at: number) {
  const view = graph.views.get(principalId, at)
  if ((graph.evaluator.decide(view, edgeId) & permissionBits.history) === 0) return []
  const parts = new Map<string, { components: string[] | null; windows: Windows }>()
  for (const { mask, windows, grant } of graph.evaluator.conveyances(view, edgeId)) {
    if ((mask & permissionBits.history) === 0) continue
    const components = grant.components && [...grant.components].sort()
    const key = JSON.stringify(components)
    const known = parts.get(key)?.windows
    const isAll = windows === null || known === null
    parts.set(key, { components, windows: isAll ? null : normalWindows([...(known ?? []), ...windows]) })
  }
  return [...parts.values()]
}

/** The times of one component in the parts. */
export function windowsOfComponent(parts: readonly DataPart[], component: string): Window[] {
  const fitting = parts.filter(({ components }) => coversComponent(components, component))
  return normalWindows(fitting.flatMap(({ windows }) => windows))
}

/** Channels that may be read at the same times. */
export interface ChannelPart {
  channels: string[]
  windows: Window[]
}

/** The channels (`meter0/ActivePower`) that may be read at all, put together by the times at which they may. */
export function channelParts(parts: readonly DataPart[], channels: readonly string[]): ChannelPart[] {
  const windowsOf = new Map<string, Window[]>()
  const found = new Map<string, ChannelPart>()
  for (const channel of new Set(channels)) {
    const component = componentOf(channel) ?? ''
    const windows = windowsOf.get(component) ?? windowsOfComponent(parts, component)
    windowsOf.set(component, windows)
    if (windows.length === 0) continue
    const key = JSON.stringify(windows)
    const part = found.get(key) ?? { channels: [], windows }
    part.channels.push(channel)
    found.set(key, part)
  }
  return [...found.values()]
}

/** The names of the permissions in a mask. */
export function permissionsIn(mask: number): Permission[] {
  const all = Object.entries(permissionBits) as [Permission, number][]
  return all.filter(([, bit]) => (mask & bit) !== 0).map(([name]) => name)
}
