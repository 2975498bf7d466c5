import type { EntityName } from '../access/model.ts'
import { inPages } from './fleet-order.ts'

/** What goes by a key in import files; the rest has a name of its own that never changes. */
export type KeyedKind = Extract<EntityName, 'organisation' | 'site' | 'edgeGroup' | 'userGroup' | 'service'>
export const keyedKinds: readonly KeyedKind[] = ['organisation', 'site', 'edgeGroup', 'userGroup', 'service']

const MAX_DERIVED = 60
const PAGE = 1000

/**
 * A key for each row of one kind, unique among them: the one it is known by, else one made from its name. Rows come in the
 * order of their ids, so that of two that want the same key the older one gets it.
 */
export async function assignKeys(
  kind: KeyedKind,
  rows: readonly { id: number; name: string }[],
  known: ReadonlyMap<number, string>,
): Promise<Map<number, string>> {
  const keys = new Map<number, string>()
  const taken = new Set<string>()
  const assign = (id: number, wanted: string) => {
    let key = wanted
    for (let next = 2; taken.has(key); next++) key = `${wanted}-${next}`
    taken.add(key)
    keys.set(id, key)
  }
  for (const { id } of rows) {
    const key = known.get(id)
    if (key !== undefined) assign(id, key)
  }
  for await (const page of inPages(rows, PAGE)) {
    for (const { id, name } of page) if (!keys.has(id)) assign(id, derived(kind, name))
  }
  return keys
}

function derived(kind: KeyedKind, name: string): string {
  const slug = name
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, '-')
    .slice(0, MAX_DERIVED)
    .replaceAll(/^-+|-+$/g, '')
  return slug === '' ? kind : slug
}
