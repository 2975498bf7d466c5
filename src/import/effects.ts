import type { AccessIndex } from '../access/access-index.ts'
import { hidden, Redaction } from '../access/explain-redact.ts'
import { Slice } from '../access/explain-slice.ts'
import type { Seen, Sight } from '../access/graph-sight.ts'
import { type Change, type GrantRow, PLATFORM_RESOURCE_ID } from '../access/model.ts'
import { managesUsers } from '../access/people-door.ts'
import type { BatchPart } from '../db/change-log.ts'
import { Concerned } from './concerned.ts'
import { forkIndex } from './fork.ts'
import type { Pace } from './pace.ts'
import { nameOf } from './plan-access.ts'
import type { AccessDetail } from './report.ts'
import type { Summary } from './summary.ts'

/** Edges that somebody's rights are followed to one by one; of more, what is granted is told and how many it holds. */
const MAX_EDGES = 5000
/** Pairs of somebody and an edge that are compared for one file. */
const MAX_PAIRS = 5_000_000
const EXAMPLES = 5
const nothing: Seen = { mask: 0, role: undefined, windows: [] }
const others = 'accounts you cannot see'
/** Made once: it costs a hundred comparisons. */
const { compare: byName } = new Intl.Collator('en', { numeric: true })

type ToldDetail = AccessDetail & { ids: Set<number> }
type Told = Map<string, ToldDetail>

export interface EffectParts {
  /** The graph as it is, and with what the file brings beside people already in it; the same where it brings nothing else. */
  before: AccessIndex
  after: AccessIndex
  at: number
  askerId: number | null
  summary: Summary
  pace: Pace
}

/**
 * Who gets and who loses access to which edges by an import, asked of the engine that decides: what is granted to people and to
 * their groups, what is cut off, where edges and sites come to lie, and only what is in force now. Counts are whole as far as
 * `counts.accessComplete` says; lists are short.
 */
export class Effects {
  readonly #parts: EffectParts
  readonly #redaction: Redaction
  readonly #seesAll: boolean
  readonly #concerned: Concerned
  readonly #hidden: Told = new Map()
  /** Who has been told something by rows of his own. */
  readonly #told = new Set<number>()
  /** Users of whose default edge groups something leaves, with all that changes about them. */
  readonly #leaving = new Map<number, { login: string; changes: readonly Change[] }>()
  #pairs = 0

  constructor(parts: EffectParts) {
    this.#parts = parts
    const look = { index: parts.after, askerId: parts.askerId, at: parts.at }
    this.#seesAll = managesUsers(look)
    this.#redaction = new Redaction(look, new Slice([]), 0, new Set())
    this.#concerned = new Concerned({ ...parts, maxEdges: MAX_EDGES })
  }

  /**
   * What changes of rows of his own mean to one user, who has the id 0 if he is new. Where something leaves his edge group, others
   * see it no more either: that is told by `ofLeaving`.
   */
  async ofUser(login: string, userId: number, changes: readonly BatchPart[]): Promise<void> {
    const { after: index, at } = this.#parts
    const own = changes.map((part) => ({ ...part, revision: 0 }) as Change)
    if (own.some(({ entity }) => entity === 'containment'))
      return void this.#leaving.set(userId, { login, changes: own })
    if (userId !== 0 && own.length > 0) this.#told.add(userId)
    const before = userId === 0 ? undefined : index.sight(userId, at)
    const after = index.sight(userId, at, own)
    const told: Told = new Map()
    const isAll = userId !== 0 && own.some(concernsAll)
    const edges = isAll ? this.#reached(before, after) : undefined
    if (edges !== undefined) await this.#compare(told, edges, before, after)
    else {
      if (isAll) this.#cutShort()
      await this.#byRows(told, own, before, after)
    }
    this.#tell(login, told)
  }

  /** What everything the file brings means to everybody whom it concerns; `users` are those it names, by their ids. */
  async ofAll(users: ReadonlyMap<number, string>, changes: AsyncIterable<readonly Change[]>): Promise<void> {
    const { after, at } = this.#parts
    await this.#ofMany(users, changes, (id) => after.sight(id, at))
  }

  /** What it means to everybody that things leave edge groups of users, with all else that changes about these. */
  async ofLeaving(): Promise<void> {
    if (this.#leaving.size === 0) return
    const leaving = this.#leaving
    const fork = await forkIndex(this.#parts.after, this.#parts.pace)
    for (const { changes } of leaving.values())
      fork.apply(
        changes.flatMap((change) =>
          change.entity === 'containment' ? { ...change, revision: fork.revision + 1 } : [],
        ),
      )
    const all = async function* () {
      for (const { changes } of leaving.values()) yield changes
    }
    const logins = new Map([...leaving].map(([id, { login }]) => [id, login]))
    await this.#ofMany(logins, all(), (id) => fork.sight(id, this.#parts.at, leaving.get(id)?.changes))
  }

  async #ofMany(
    users: ReadonlyMap<number, string>,
    changes: AsyncIterable<readonly Change[]>,
    sightAfter: (id: number) => Sight,
  ): Promise<void> {
    const { before: base, at } = this.#parts
    const { principals, resources, isAll } = await this.#concerned.by(users.keys(), changes)
    if (!isAll) this.#cutShort()
    for (const id of principals) {
      if (this.#pairs > MAX_PAIRS) return this.#cutShort()
      // Both at once would be something else than either.
      if (this.#told.has(id)) {
        this.#cutShort()
        continue
      }
      const [before, after] = [base.sight(id, at), sightAfter(id)]
      const told: Told = new Map()
      const edges = this.#reached(before, after)
      if (edges !== undefined) await this.#compare(told, edges, before, after)
      else for (const resource of resources) await this.#compare(told, await this.#few(resource), before, after)
      const node = this.#redaction.principal(id)
      const name = users.get(id) ?? (node === hidden ? undefined : node.name)
      if (name !== undefined) this.#tell(name, told)
      else for (const [key, detail] of told) this.#merge(key, detail)
    }
    for (const { ids, ...detail } of this.#hidden.values())
      this.#parts.summary.access({ ...detail, edges: ids.size }, false, (inOrder) => this.#examples(ids, inOrder))
  }

  /** What changed rows lead to: edge by edge, or as a whole where that is too many. */
  async #byRows(told: Told, own: readonly Change[], before: Sight | undefined, after: Sight): Promise<void> {
    const done = new Set<number>()
    // What is given edge by edge is compared together.
    let single: number[] = []
    for (const { entity, before: was, after: is } of own) {
      if (entity === 'restriction') single.push(is?.edgeId ?? was?.edgeId ?? 0)
      if (entity !== 'grant') continue
      for (const row of [was, is]) {
        if (row === null || done.has(row.resourceId)) continue
        done.add(row.resourceId)
        if (this.#parts.after.isEdge(row.resourceId)) {
          single.push(row.resourceId)
          continue
        }
        await this.#compare(told, single, before, after)
        single = []
        const edges = await this.#concerned.edgesIn(row.resourceId)
        if (typeof edges === 'number') this.#whole(told, row, edges, is === null ? 'loses' : was ? 'changes' : 'gains')
        else await this.#compare(told, edges, before, after)
      }
    }
    await this.#compare(told, single, before, after)
  }

  /** The edges that are in sight of either; undefined: too many. */
  #reached(before: Sight | undefined, after: Sight): readonly number[] | undefined {
    const was = before === undefined ? new Set<number>() : before.edges(MAX_EDGES)
    const is = was && after.edges(MAX_EDGES)
    return was && is ? [...new Set([...was, ...is])] : undefined
  }

  async #few(resourceId: number): Promise<readonly number[]> {
    const edges = await this.#concerned.edgesIn(resourceId)
    if (typeof edges !== 'number') return edges
    this.#cutShort()
    return []
  }

  async #compare(told: Told, edges: readonly number[], before: Sight | undefined, after: Sight): Promise<void> {
    const { pace } = this.#parts
    let last: ToldDetail | undefined
    for (const id of edges) {
      if (pace.isOver) await pace.rest()
      if (++this.#pairs > MAX_PAIRS) return this.#cutShort()
      const was = before?.of(id) ?? nothing
      const is = after.of(id)
      const action = actionOf(was, is)
      if (action === undefined || !this.#maySee(id)) continue
      const role = roleOf(action === 'loses' ? was : is)
      const from = action === 'changes' ? roleOf(was) : undefined
      // Mostly the same as of the edge before.
      if (last?.action !== action || last.role !== role || last.was !== from) last = detailOf(told, action, role, from)
      last.ids.add(id)
    }
  }

  /** A grant on something with very many edges, told as what it is. */
  #whole(told: Told, grant: GrantRow, edges: number, action: AccessDetail['action']): void {
    const { after: index } = this.#parts
    const on = grant.resourceId === PLATFORM_RESOURCE_ID ? 'everything' : nameOf({ index }, grant.resourceId)
    const role = index.row('role', grant.roleId)?.name ?? ''
    told.set(`${action} ${grant.id} ${on}`, { who: '', action, role, on, edges, examples: [], ids: new Set() })
  }

  #tell(who: string, told: Told): void {
    let isFirst = true
    for (const { ids, ...detail } of told.values()) {
      const edges = detail.on === undefined ? ids.size : detail.edges
      this.#parts.summary.access({ ...detail, who, edges }, isFirst, (inOrder) => this.#examples(ids, inOrder))
      isFirst = false
    }
  }

  /** Of those whom the asker may not know he learns which edges it is about, and not how many they are. */
  #merge(key: string, detail: ToldDetail): void {
    const known = this.#hidden.get(key)
    if (known === undefined) this.#hidden.set(key, { ...detail, who: others })
    else for (const id of detail.ids) known.ids.add(id)
  }

  #examples(ids: ReadonlySet<number>, inOrder: boolean): string[] {
    const { after, before } = this.#parts
    // Of few the first by name, so that the same file always says the same.
    const some = ids.size > 100 || !inOrder ? [...ids].slice(0, EXAMPLES) : [...ids]
    const names = some.map((id) => (after.edge(id) ?? before.edge(id))?.edgeId ?? '')
    return names.sort(byName).slice(0, EXAMPLES)
  }

  #maySee(edgeId: number): boolean {
    return this.#seesAll || this.#redaction.may('discover', edgeId)
  }

  #cutShort(): void {
    this.#parts.summary.counts.accessComplete = false
  }
}

/** What is told of one kind, at first of no edge. */
function detailOf(told: Told, action: AccessDetail['action'], role: string, was: string | undefined): ToldDetail {
  const key = `${action} ${role} ${was ?? ''}`
  const known = told.get(key)
  if (known !== undefined) return known
  const from = was === undefined ? {} : { was }
  const detail: ToldDetail = { who: '', action, role, ...from, edges: 0, examples: [], ids: new Set() }
  told.set(key, detail)
  return detail
}

/** Whether a change to somebody's rows touches all he has: a claim, or that he is disabled. */
function concernsAll(change: Change): boolean {
  if (change.entity !== 'user') return change.entity === 'claim'
  return change.before?.disabledAt !== change.after?.disabledAt
}

function actionOf(was: Seen, is: Seen): AccessDetail['action'] | undefined {
  if (was.mask === 0) return is.mask === 0 ? undefined : 'gains'
  if (is.mask === 0) return 'loses'
  const isSame = was.mask === is.mask && was.role === is.role
  return isSame && JSON.stringify(was.windows) === JSON.stringify(is.windows) ? undefined : 'changes'
}

function roleOf({ role, windows }: Seen): string {
  return windows === null ? (role ?? 'overview') : `${role ?? 'overview'} for some periods`
}
