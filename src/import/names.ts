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
  readonly #rootId: number | undefined
  readonly #known = new Map<KeyKind | 'edge', Map<string, Found>>()
  /** What keys of earlier imports, in this file, stand for. */
  readonly #remembered = new Map<string, number>()
  readonly #byName = new Map<NamedKind, Map<string, Found>>()

  constructor({ index, db, organisationId }: { index: AccessIndex; db: Db; organisationId: number | null }) {
    this.#index = index
    this.#db = db
    this.organisationId = organisationId
    this.#rootId = organisationId === null ? undefined : tenantOf(index, organisationId)
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
      known.set(key, isThere ? id : named?.get(key.trim().toLowerCase()))
    }
  }

  /** What was learnt. */
  find(kind: KeyKind | 'edge', key: string): Found {
    return this.#known.get(kind)?.get(key)
  }

  /** Whether an earlier import called it by this key: not only its name is the same. */
  isRemembered(kind: KeyKind, key: string, id: number): boolean {
    return this.#remembered.get(`${kind} ${key}`) === id
  }

  /** What the file brings. */
  add(kind: KeyKind | 'edge', key: string, id: number): void {
    this.#of(kind).set(key, id)
  }

  /** Whether something belongs to the tenant that the import is for. */
  isInside(id: number, kind: KeyKind | 'edge' = 'site'): boolean {
    if (this.#rootId === undefined) return true
    if (kind === 'userGroup' || kind === 'service') {
      const home = this.#index.row(kind, id)?.organisationId ?? undefined
      return home !== undefined && tenantOf(this.#index, home) === this.#rootId
    }
    return tenantOf(this.#index, id) === this.#rootId
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
      const name = row.name.trim().toLowerCase()
      byName.set(name, byName.has(name) ? ambiguous : row.id)
    }
    return byName
  }
}
