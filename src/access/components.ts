/** Which components of an edge, as patterns of their ids (`meter*`): null all, [] none. */
export type Components = readonly string[] | null

/** Whether patterns like `meter*` cover a component id or another pattern; null is all of them. */
export function coversComponent(patterns: Components, wanted: string | null): boolean {
  if (patterns === null) return true
  if (wanted === null) return false
  return patterns.some((one) => one === wanted || (one.endsWith('*') && wanted.startsWith(one.slice(0, -1))))
}

/** Whether they cover the component of a channel (`meter0/ActivePower`); an address of no component takes all. */
export function coversChannel(patterns: Components, channel: string): boolean {
  return patterns === null || coversComponent(patterns, componentOf(channel) ?? null)
}

/** The component in the address of a channel. */
export function componentOf(channel: string): string | undefined {
  const end = channel.indexOf('/')
  return end < 0 ? undefined : channel.slice(0, end)
}

/** What either covers: null is every component. */
export function unionComponents(a: string[] | null, b: string[] | null): string[] | null {
  return a === null || b === null ? null : [...new Set([...a, ...b])]
}
