import { setImmediate as turn } from 'node:timers/promises'
import type { AccessIndex } from '../access/access-index.ts'
import { PLATFORM_RESOURCE_ID, PUBLIC_PRINCIPAL_ID } from '../access/model.ts'
import {
  containmentEntry,
  type Delays,
  type EdgeDetails,
  edgeEntry,
  grantEntry,
  groupEntry,
  guestEntry,
  membershipEntry,
  type Named,
  type Names,
  organisationEntry,
  type Person,
  type PersonDetails,
  roleEntry,
  serviceEntry,
  siteEntry,
  userEntry,
} from './fleet-entries.ts'
import { type FleetSection, fleetSectionNames } from './fleet-format.ts'
import { assignKeys, type KeyedKind, keyedKinds } from './fleet-keys.ts'
import { inOrder, inPages } from './fleet-order.ts'
import { collectFleet, type FleetRows } from './fleet-scope.ts'
import { type FleetItem, type FleetTextFormat, fleetText } from './fleet-text.ts'
import { entriesOf } from './fleet-users.ts'

/** What an export is made from: the access index, and what stands in tables beside it, a page at a time. */
export interface FleetSource {
  index: AccessIndex
  /** Keys by which rows are known from imports. */
  knownKeys(kind: KeyedKind): Promise<ReadonlyMap<number, string>>
  /** Keeps keys that were made up, for the next export and for the file when it comes back. */
  keepKeys(kind: KeyedKind, keys: readonly { key: string; targetId: number }[]): Promise<void>
  people(userIds: readonly number[]): Promise<ReadonlyMap<number, PersonDetails>>
  delays(userIds: readonly number[]): Promise<ReadonlyMap<number, readonly Delays[]>>
  edges(edgeIds: readonly number[]): Promise<ReadonlyMap<number, EdgeDetails>>
}

export interface ExportWish {
  format: FleetTextFormat
  /** A main organisation with all that belongs to its tree; null: the whole service. */
  organisationId: number | null
}

const PAGE = 500
/** So many rows are looked at in one turn. */
const STEPS = 2000

/**
 * The file of a fleet, piece by piece: a page of entries at a time is in memory, besides the list of what there is. Sections,
 * entries and members stand in one order, so that the same fleet is the same file wherever it is written. What is changed
 * meanwhile may be in it as it was or as it is; nothing in it refers to what is not in it.
 */
export async function* exportFleet(source: FleetSource, wish: ExportWish): AsyncGenerator<string> {
  const writer = new FleetWriter(source, await settled(collectFleet(source.index, wish.organisationId)))
  await writer.name()
  yield* fleetText(writer.items(), wish.format)
}

type Node = { kind: string; key: string; id: number }
type Pages = AsyncGenerator<object[]>

/** Names what there is and writes it, one list after another. */
class FleetWriter implements Names {
  readonly #source: FleetSource
  readonly #rows: FleetRows
  readonly #resources = new Map<number, Node>()
  readonly #principals = new Map<number, Node>()
  /** In the order of the file. */
  #people: Node[] = []
  #parents: Node[] = []

  constructor(source: FleetSource, rows: FleetRows) {
    this.#source = source
    this.#rows = rows
  }

  /** Gives everything the name it has in the file. */
  async name(): Promise<void> {
    for (const kind of keyedKinds) {
      const rows = this.#rows[kind].toSorted((a, b) => a.id - b.id)
      const known = await this.#source.knownKeys(kind)
      const keys = await assignKeys(kind, rows, known)
      for await (const page of inPages([...keys], STEPS)) {
        const fresh = page.filter(([id, key]) => known.get(id) !== key)
        await this.#source.keepKeys(
          kind,
          fresh.map(([targetId, key]) => ({ key, targetId })),
        )
      }
      const names = kind === 'userGroup' || kind === 'service' ? this.#principals : this.#resources
      for await (const page of inPages([...keys], STEPS)) for (const [id, key] of page) names.set(id, { kind, key, id })
    }
    for await (const page of inPages(this.#rows.user, STEPS))
      for (const { id, login } of page) this.#principals.set(id, { kind: 'user', key: login, id })
    for await (const page of inPages(this.#rows.edge, STEPS))
      for (const { id, edgeId } of page) this.#resources.set(id, { kind: 'edge', key: edgeId, id })
    this.#people = await inOrder(this.#principals.values(), sortText)
    this.#parents = await inOrder(
      [...this.#resources.values()].filter(({ kind }) => kind !== 'edge' && kind !== 'site'),
      sortText,
    )
  }

  /** Every entry of the file. */
  async *items(): AsyncGenerator<FleetItem> {
    for (const section of fleetSectionNames) {
      for await (const page of this.#writers[section]()) for (const entry of page) yield { section, entry }
    }
  }

  readonly #writers: Record<FleetSection, () => Pages> = {
    organisations: () => this.#nodes('organisation', (row) => organisationEntry(row, this)),
    roles: () => this.#nodes('role', (row) => roleEntry(row, this)),
    users: () => this.#users(),
    services: () => this.#nodes('service', (row) => serviceEntry(row, this)),
    userGroups: () => this.#nodes('userGroup', (row) => groupEntry('userGroup', row, this)),
    memberships: () =>
      this.#links(this.#people, ({ id }) =>
        this.#source.index.membershipsOf(id).map((row) => membershipEntry(row, this)),
      ),
    sites: () => this.#nodes('site', (row) => siteEntry(row, this)),
    edges: () => this.#edges(),
    edgeGroups: () => this.#nodes('edgeGroup', (row) => groupEntry('edgeGroup', row, this)),
    containments: () => this.#containments(),
    grants: () =>
      this.#links([...this.#people, everybody], ({ id }) =>
        this.#source.index.grantsOf(id).map((row) => grantEntry(row, this)),
      ),
  }

  async *#nodes<K extends Exclude<keyof FleetRows, 'isWhole'>>(
    kind: K,
    toEntry: (row: FleetRows[K][number]) => object | undefined,
  ): Pages {
    const rows: readonly FleetRows[K][number][] = this.#rows[kind]
    const ordered = await inOrder(rows, (row) => this.#placeOf(kind, row))
    for await (const page of inPages(ordered, PAGE)) yield page.map(toEntry).filter((entry) => entry !== undefined)
  }

  /** Lists of what has a key stand in its order; roles by their organisation and name. */
  #placeOf(kind: string, row: { id: number; name?: string; organisationId?: number | null }): string {
    const keyed = keyedKinds.find((one) => one === kind)
    if (keyed !== undefined) return this.key(keyed, row.id) ?? ''
    return `${this.key('organisation', row.organisationId ?? 0) ?? ''}\0${row.name}`
  }

  async *#users(): Pages {
    const { index } = this.#source
    const rows = await inOrder(this.#rows.user, ({ login }) => login)
    for await (const page of inPages(rows, PAGE)) {
      const ids = page.map(({ id }) => id)
      const details = this.#rows.isWhole ? await this.#source.people(ids) : undefined
      const delays = await this.#source.delays(ids)
      yield page.flatMap((row) => {
        const person: Person = {
          row,
          details: details?.get(row.id),
          claims: index.claimsOf(row.id),
          restrictions: [...index.restrictionsOf(row.id).values()],
          delays: delays.get(row.id) ?? [],
        }
        return entriesOf(this.#rows.isWhole ? userEntry(person, this) : guestEntry(person, this))
      })
    }
  }

  async *#edges(): Pages {
    const rows = await inOrder(this.#rows.edge, ({ edgeId }) => edgeId)
    for await (const page of inPages(rows, PAGE)) {
      const details = await this.#source.edges(page.map(({ id }) => id))
      yield page.map((row) => edgeEntry(row, details.get(row.id), this))
    }
  }

  async *#containments(): Pages {
    const byParent = new Map<number, object[]>()
    let seen = 0
    for (const row of this.#source.index.rows('containment')) {
      const entry = containmentEntry(row, this)
      if (entry !== undefined) {
        const entries = byParent.get(row.parentId) ?? []
        entries.push(entry)
        byParent.set(row.parentId, entries)
      }
      if (++seen % STEPS === 0) await turn()
    }
    yield* this.#links(this.#parents, ({ id }) => byParent.get(id) ?? [])
  }

  /** Entries that hang on what is listed, in its order and among themselves by their text; the same twice is one. */
  async *#links(from: Iterable<Node>, of: (node: Node) => (object | undefined)[]): Pages {
    let page: object[] = []
    let seen = 0
    for (const node of from) {
      if (++seen % STEPS === 0) await turn()
      const entries = of(node).filter((entry) => entry !== undefined)
      const texts = new Map(entries.map((entry) => [JSON.stringify(entry), entry]))
      for (const [, entry] of await inOrder(texts, ([text]) => text)) page.push(entry)
      if (page.length < PAGE) continue
      yield* inPages(page, PAGE)
      page = []
    }
    yield* inPages(page, PAGE)
  }

  resource(id: number): Named | undefined {
    return id === PLATFORM_RESOURCE_ID ? { platform: true } : named(this.#resources.get(id))
  }
  principal(id: number): Named | undefined {
    return id === PUBLIC_PRINCIPAL_ID ? { public: true } : named(this.#principals.get(id))
  }
  key(kind: KeyedKind, id: number): string | undefined {
    const node = this.#resources.get(id)
    if (node?.kind === kind) return node.key
    const principal = this.#principals.get(id)
    return principal?.kind === kind ? principal.key : undefined
  }
  login(id: number | null): string | undefined {
    return id === null ? undefined : this.#principals.get(id)?.key
  }
  edgeId(id: number): string | undefined {
    return this.#resources.get(id)?.key
  }
  role(id: number) {
    const row = this.#source.index.row('role', id)
    const organisation = row?.organisationId ?? null
    return organisation === null || this.#resources.has(organisation) ? row : undefined
  }
}

const everybody: Node = { kind: 'public', key: '', id: PUBLIC_PRINCIPAL_ID }

function named(node: Node | undefined): Named | undefined {
  return node && { [node.kind]: node.key }
}

function sortText({ kind, key }: Node): string {
  return `${kind}\0${key}`
}

/** The result of steps, the event loop getting its turn after each. */
async function settled<T>(steps: Generator<undefined, T>): Promise<T> {
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done) return step.value
    await turn()
  }
}
