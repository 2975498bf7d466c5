import type { AccessIndex } from '../access/access-index.ts'
import type { Db } from '../db/database.ts'
import { listSerialNumbers, listSiteKeys } from './import-queries.ts'
import type { ImportProblem, Selection, UserRecord } from './model.ts'
import type { Names } from './names.ts'
import type { Pace } from './pace.ts'
import { lookUp, type Wanted } from './plan-access.ts'
import { misfit, type PlanWorld, placeIn } from './plan-world.ts'
import { asksFor, matchesQuery, parseQuery, type Query, type QueryField } from './query.ts'

type Kind = 'site' | 'edge'

/** Different queries of one file: each looks at every site or edge of the tenant. */
const MAX_QUERIES = 1000
/** What one query may mean, and all of a file together: whoever may see more than that is granted a place or a group. */
const MAX_FOUND = 10_000
const MAX_TOTAL = 2_000_000
const PAGE = 10_000

/** Finds what the selections of a file mean (D-26): every query is looked up once, among what belongs to the tenant. */
export class Selections {
  readonly #index: AccessIndex
  readonly #names: Names
  readonly #db: Db
  readonly #pace: Pace
  readonly #found = new Map<string, number[] | string>()
  readonly #inside = new Map<Kind, number[]>()
  /** Names that are not part of the graph, by what bears them; read when the first query asks for them. */
  readonly #besides = new Map<Kind, Map<number, string[]>>()
  #total = 0

  constructor(parts: { index: AccessIndex; names: Names; db: Db; pace: Pace }) {
    this.#index = parts.index
    this.#names = parts.names
    this.#db = parts.db
    this.#pace = parts.pace
  }

  /**
   * The sites and edges a record means: those listed, or those that match now. Sites and sources are both given by queries or
   * neither; of both together the edges of these sites that match, of sites alone the sites with all they hold, of edges
   * alone these edges and no site.
   */
  async wanted(world: PlanWorld, record: UserRecord, problems: ImportProblem[]): Promise<Wanted> {
    const { sites, edges } = record.access ?? {}
    const listed = (kind: Kind, selection: Selection | undefined) =>
      selection && 'keys' in selection ? lookUp(world, record, kind, selection.keys, problems) : undefined
    const isQuery = (selection: Selection | undefined) => selection !== undefined && 'query' in selection
    if (!isQuery(sites) && !isQuery(edges)) return { sites: listed('site', sites), edges: listed('edge', edges) }
    if ([sites, edges].some((selection) => selection && 'keys' in selection && selection.keys.length > 0)) {
      problems.push(misfit(record.place, 'D-26', 'Sites and sources are both chosen by queries, or neither is'))
      return { sites: undefined, edges: undefined }
    }
    const matched = async (kind: Kind, selection: Selection | undefined) => {
      if (selection === undefined || !('query' in selection)) return undefined
      const found = await this.#matching(kind, selection.query)
      if (typeof found !== 'string') return found
      problems.push(misfit(placeIn(record, `${kind}s`), 'D-26', found, selection.query))
      return []
    }
    const matchedSites = await matched('site', sites)
    const matchedEdges = await matched('edge', edges)
    const within = new Set(matchedSites)
    const both = matchedEdges?.filter((id) => within.has(world.index.edge(id)?.siteId ?? 0))
    const wanted =
      matchedEdges === undefined
        ? { sites: matchedSites, edges: [] }
        : { sites: [], edges: matchedSites === undefined ? matchedEdges : both }
    this.#total += (wanted.sites?.length ?? 0) + (wanted.edges?.length ?? 0)
    if (this.#total > MAX_TOTAL) {
      const text = `The queries of this file mean more than ${MAX_TOTAL} sites and edges in all: split it`
      problems.push({ ...misfit(record.place, 'limit', text), isFatal: true })
    }
    return wanted
  }

  /** Ids of what a query matches, or a sentence about what is wrong with it. */
  async #matching(kind: Kind, text: string): Promise<number[] | string> {
    const key = `${kind} ${text}`
    const known = this.#found.get(key)
    if (known !== undefined) return known
    if (this.#found.size >= MAX_QUERIES) return `A file has at most ${MAX_QUERIES} different queries`
    const query = parseQuery(text, kind)
    const found = typeof query === 'string' ? query : await this.#lookUp(kind, query)
    this.#found.set(key, found)
    return found
  }

  async #lookUp(kind: Kind, query: Query): Promise<number[] | string> {
    const found: number[] = []
    const besides = asksFor(query, kind === 'site' ? 'key' : 'serialNumber')
      ? await this.#namesBesides(kind)
      : undefined
    for (const id of await this.#insideOf(kind)) {
      if (this.#pace.isOver) await this.#pace.rest()
      if (!matchesQuery(query, (field) => this.#texts(kind, id, field, besides?.get(id) ?? []))) continue
      if (found.length >= MAX_FOUND)
        return `This query means more than ${MAX_FOUND} ${kind}s: narrow it, or grant a group or the organisation`
      found.push(id)
    }
    return found
  }

  #texts(kind: Kind, id: number, field: QueryField | 'all', besides: readonly string[]): readonly string[] {
    if (kind === 'edge') {
      const { edgeId = '', comment = '', producttype = '' } = this.#index.edge(id) ?? {}
      if (field === 'all') return [edgeId, comment, producttype, ...besides]
      const texts: Partial<Record<QueryField, readonly string[]>> = {
        id: [edgeId],
        name: [comment],
        producttype: [producttype],
        serialNumber: besides,
      }
      return texts[field] ?? []
    }
    const { name = '', location = '', labels = [] } = this.#index.row('site', id) ?? {}
    if (field === 'all') return [name, location, ...labels, ...besides]
    const texts: Partial<Record<QueryField, readonly string[]>> = {
      name: [name],
      location: [location],
      label: labels,
      key: besides,
    }
    return texts[field] ?? []
  }

  async #insideOf(kind: Kind): Promise<readonly number[]> {
    const known = this.#inside.get(kind)
    if (known !== undefined) return known
    const ids: number[] = []
    for (const { id } of this.#index.rows(kind)) {
      if (this.#pace.isOver) await this.#pace.rest()
      if (this.#names.isInside(id)) ids.push(id)
    }
    this.#inside.set(kind, ids)
    return ids
  }

  async #namesBesides(kind: Kind): Promise<ReadonlyMap<number, string[]>> {
    const known = this.#besides.get(kind)
    if (known !== undefined) return known
    const names = new Map<number, string[]>()
    const page = kind === 'site' ? listSiteKeys : listSerialNumbers
    for (let after = 0; ; ) {
      const rows = await page(this.#db, { organisationId: this.#names.organisationId, after, limit: PAGE })
      for (const { id, targetId, name } of rows) {
        names.set(targetId, [...(names.get(targetId) ?? []), name])
        after = id
      }
      if (this.#pace.isOver) await this.#pace.rest()
      if (rows.length < PAGE) break
    }
    this.#besides.set(kind, names)
    return names
  }
}
