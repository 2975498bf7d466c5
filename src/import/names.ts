import type { AccessIndex } from '../access/access-index.ts'
import { tenantOf } from '../access/tenant.ts'
import type { Db } from '../db/database.ts'
import { type KeyKind, listEdgesBySerial, listImportKeys } from './import-queries.ts'
import type { Pace } from './pace.ts'

/** Several things go by the same name: none of them is meant. */
export const ambiguous = 'ambiguous'
export type Found = number | typeof ambiguous | undefined

type NamedKind = 'organisation' | 'site' | 'edgeGroup' | 'userGroup' | 'service'

/**
 * What the names in a file mean: the keys of earlier imports, what the file itself brings, and names that are unique. With an
 * organisation only what belongs to its tenant is found, so that what is another's and what is not there are the same.
 */
export class Names {
  readonly #index: AccessIndex
  readonly #db: Db
  /** Whom the import is for; null: the whole service. */
  readonly organisationId: number | null
  /** Its main organisation; undefined: the whole service. */
  readonly rootId: number | undefined
  readonly #known = new Map<KeyKind | 'edge', Map<string, Found>>()
  /** What keys of earlier imports, in this file, stand for. */
  readonly #remembered = new Map<string, number>()
  /** What was there before the file, by name and, after a blank, by place and name. */
  readonly #byName = new Map<NamedKind, Map<string, Found>>()

  constructor({ index, db, organisationId }: { index: AccessIndex; db: Db; organisationId: number | null }) {
    this.#index = index
    this.#db = db
    this.organisationId = organisationId
    this.rootId = organisationId === null ? undefined : tenantOf(index, organisationId)
  }

  /** Where things belong of which nobody says it. */
  get homeId(): number | null {
    return this.rootId ?? null
  }

  /** Looks up names that are not known yet; to be called before they are asked for. */
  async learn(kind: KeyKind | 'edge', keys: Iterable<string>, pace: Pace): Promise<void> {
    const known = this.#of(kind)
    const unknown: string[] = []
    for (const key of new Set(keys)) if (!known.has(key)) unknown.push(key)
    if (unknown.length === 0) return
    if (kind === 'edge') return this.#learnEdges(unknown, pace)
    const found = await listImportKeys(this.#db, this.organisationId, kind, unknown)
    const named = kind === 'user' ? undefined : await this.#named(kind, pace)
    for (const key of unknown) {
      const id = found.get(key)
      const isThere = id !== undefined && this.#index.row(kind, id) !== undefined && this.isInside(id, kind)
      if (isThere) this.#remembered.set(`${kind} ${key}`, id)
      known.set(key, isThere ? id : named?.get(nameOf(key)))
    }
  }

  /** What was learnt. */
  find(kind: KeyKind | 'edge', key: string): Found {
    return this.#known.get(kind)?.get(key)
  }

  /** What an earlier import called by this key: not only its name is the same. */
  remembered(kind: KeyKind, key: string): number | undefined {
    return this.#remembered.get(`${kind} ${key}`)
  }

  /** The only thing of this name that was there before the file; in an organisation, in none (null), or anywhere. */
  named(kind: NamedKind, name: string, place: number | null | undefined): number | undefined {
    const found = this.#byName.get(kind)?.get(place === undefined ? nameOf(name) : placed(place, name))
    return typeof found === 'number' ? found : undefined
  }

  /** What the file brings; undefined: nothing yet, and nothing else either. */
  add(kind: KeyKind | 'edge', key: string, id: number | undefined): void {
    this.#of(kind).set(key, id)
  }

  /** Whether something belongs to the tenant that the import is for. */
  isInside(id: number, kind: KeyKind | 'edge' = 'site'): boolean {
    if (this.rootId === undefined) return true
    if (kind === 'userGroup' || kind === 'service') {
      const home = this.#index.row(kind, id)?.organisationId ?? undefined
      return home !== undefined && tenantOf(this.#index, home) === this.rootId
    }
    return tenantOf(this.#index, id) === this.rootId
  }

  async #learnEdges(names: readonly string[], pace: Pace): Promise<void> {
    const known = this.#of('edge')
    const others: string[] = []
    for (const name of names) {
      if (pace.isOver) await pace.rest()
      const edge = this.#index.edgeByName(name)
      if (edge !== undefined && this.isInside(edge.id)) known.set(name, edge.id)
      else others.push(name)
    }
    const found = new Map<string, Found>()
    for (const { id, serialNumber } of await listEdgesBySerial(this.#db, others)) {
      if (this.#index.edge(id) === undefined || !this.isInside(id)) continue
      found.set(serialNumber, found.has(serialNumber) ? ambiguous : id)
    }
    for (const name of others) known.set(name, found.get(name))
  }

  #of(kind: KeyKind | 'edge'): Map<string, Found> {
    const known = this.#known.get(kind) ?? new Map<string, Found>()
    this.#known.set(kind, known)
    return known
  }

  /** Everything of a kind by its name, gone through once. */
  async #named(kind: NamedKind, pace: Pace): Promise<ReadonlyMap<string, Found>> {
    const known = this.#byName.get(kind)
    if (known !== undefined) return known
    const byName = new Map<string, Found>()
    this.#byName.set(kind, byName)
    for (const row of this.#index.rows(kind)) {
      if (pace.isOver) await pace.rest()
      if (!this.isInside(row.id, kind)) continue
      const place = 'parentId' in row ? row.parentId : row.organisationId
      for (const name of [nameOf(row.name), placed(place, row.name)])
        byName.set(name, byName.has(name) ? ambiguous : row.id)
    }
    return byName
  }
}

function nameOf(text: string): string {
  return text.trim().toLowerCase()
}

/** A name in its place; no name begins with a blank. */
function placed(place: number | null, name: string): string {
  return ` ${place ?? ''} ${nameOf(name)}`
}
