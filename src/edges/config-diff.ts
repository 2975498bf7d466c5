import { createHash } from 'node:crypto'

/** What changed between two edge configurations, component by component. */
export interface ConfigChange {
  component: string
  kind: 'created' | 'deleted' | 'updated'
  /** Property -> [before, after]; passwords arrive as "xxx" from the edge and stay so. */
  properties: Record<string, [unknown, unknown]>
}

type Components = Record<string, { alias?: unknown; factoryId?: unknown; properties?: Record<string, unknown> }>

/** Digest of a configuration; member order does not matter. */
export function configDigest(config: unknown): string {
  return createHash('sha256').update(canonical(config)).digest('base64url')
}

/** Compares two configurations (protocol B.2 `edgeConfig`). Pure. */
export function diffConfigs(before: unknown, after: unknown): ConfigChange[] {
  const old = componentsOf(before)
  const current = componentsOf(after)
  const changes: ConfigChange[] = []
  for (const component of new Set([...Object.keys(old), ...Object.keys(current)])) {
    const was = old[component]
    const is = current[component]
    const properties = diffProperties(flat(was), flat(is))
    if (was === undefined) changes.push({ component, kind: 'created', properties })
    else if (is === undefined) changes.push({ component, kind: 'deleted', properties })
    else if (Object.keys(properties).length > 0) changes.push({ component, kind: 'updated', properties })
  }
  return changes
}

/** What a configuration says of the components shown, and of what makes them. */
export function cutConfig(config: unknown, shows: (component: string) => boolean): Record<string, unknown> {
  const components = Object.entries(componentsOf(config)).filter(([id]) => shows(id))
  const makers = new Set(components.map(([, component]) => component.factoryId))
  const { factories } = (config ?? {}) as { factories?: unknown }
  const made = Object.entries(factories ?? {}).filter(([id]) => makers.has(id))
  return { components: Object.fromEntries(components), factories: Object.fromEntries(made) }
}

/** One line for people: `ess0 updated, meter7 created`. */
export function summarise(changes: readonly ConfigChange[]): string {
  const shown = changes.slice(0, 5).map((change) => `${change.component} ${change.kind}`)
  if (changes.length > 5) shown.push(`and ${changes.length - 5} more`)
  return shown.join(', ')
}

function componentsOf(config: unknown): Components {
  const components = (config as { components?: unknown } | null)?.components
  return typeof components === 'object' && components !== null ? (components as Components) : {}
}

function flat(component: Components[string] | undefined): Record<string, unknown> {
  if (typeof component !== 'object' || component === null) return {}
  return { alias: component.alias, factoryId: component.factoryId, ...component.properties }
}

function diffProperties(
  before: Record<string, unknown>,
  after: Record<string, unknown>,
): Record<string, [unknown, unknown]> {
  const different: Record<string, [unknown, unknown]> = {}
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (canonical(before[name]) !== canonical(after[name]))
      different[name] = [before[name] ?? null, after[name] ?? null]
  }
  return different
}

function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_key, member: unknown) =>
      typeof member === 'object' && member !== null && !Array.isArray(member)
        ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
        : member,
    ) ?? 'null'
  )
}
