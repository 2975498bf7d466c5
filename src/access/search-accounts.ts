import { holdersOf } from './graph-holders.ts'
import type { GraphState } from './graph-state.ts'
import type { ServiceRow, UserRow } from './model.ts'
import { ListOrder } from './search-order.ts'
import { lowest } from './search-top.ts'

/** Which part of those who may know of a resource is wanted. */
export interface AudienceQuery {
  /**
   * Whether the asker may be told who it is; asked of those only who are not available for sharing (G-17). Who is not shown
   * is counted, found by no text, and comes last.
   */
  isShown: (principalId: number) => boolean
  /** Part of the login of an account or of the name of a service, in any case. */
  text?: string | undefined
  /** By login, or by id: who was there first. */
  sort: 'name' | 'id'
  descending: boolean
  offset: number
  limit: number
}

/** A page of the active accounts and services that may know of a resource. */
export interface Audience {
  /** Everybody may, by a grant to `public`. */
  everybody: boolean
  /** How many match on all pages, hidden ones included. */
  total: number
  /** How many of them are not shown. */
  hidden: number
  page: { principalId: number; isShown: boolean }[]
}

const activeBit = 1
const shareableBit = 2

/** Accounts and services: in the natural order of their logins, and whether they are active, by id. */
export class Accounts {
  /** Login of an account or name of a service, in lower case. */
  readonly #names: (string | undefined)[] = []
  readonly #order: ListOrder
  #flags = new Uint8Array(1024)

  constructor() {
    this.#order = new ListOrder({
      text: (id) => this.#names[id],
      tie: (a, b) => a - b,
    })
  }

  /** Takes one that is new, changed or gone. */
  set(id: number, after: UserRow | ServiceRow | undefined): void {
    if (id >= this.#flags.length) this.#grow(id)
    const name = after && nameOf(after)
    if (this.#names[id] !== name) this.#order.touch(id)
    this.#names[id] = name
    this.#flags[id] = after === undefined ? 0 : (after.disabledAt === null ? activeBit : 0) | shareableOf(after)
  }

  /** Works changes into the order now rather than at the next question. */
  settle(): void {
    this.#order.ids()
  }

  /** Whether this is an active account or service. */
  isActive(id: number): boolean {
    return ((this.#flags[id] ?? 0) & activeBit) !== 0
  }

  /** No id is as high as 32 times this. */
  get room(): number {
    return (this.#flags.length + 31) >>> 5
  }

  /** Whether others may know of an account (G-17). */
  isShareable(id: number): boolean {
    return ((this.#flags[id] ?? 0) & shareableBit) !== 0
  }

  /** Whether its login or name contains the text, which must be in lower case. */
  matches(id: number, text: string): boolean {
    return this.#names[id]?.includes(text) ?? false
  }

  /** The part of a page that these are, in the order of their names or ids. */
  page(ids: readonly number[], { sort, descending, offset, limit }: Omit<AudienceQuery, 'isShown'>): number[] {
    const sign = descending ? -1 : 1
    const [inOrder, ranks] = sort === 'name' ? [this.#order.ids(), this.#order.ranks()] : []
    const places = new Int32Array(ids.length)
    for (let at = 0; at < ids.length; at++) {
      const id = ids[at] as number
      places[at] = sign * (ranks ? (ranks[id] as number) : id)
    }
    const found = Array.from(lowest(places, offset + limit).subarray(offset), (place) => sign * place)
    return inOrder ? found.map((rank) => inOrder[rank] as number) : found
  }

  #grow(id: number): void {
    const size = Math.max(id + 1, this.#flags.length * 2)
    const flags = new Uint8Array(size)
    flags.set(this.#flags)
    this.#flags = flags
  }
}

/** So many are asked about before others may have a turn: a fraction of a millisecond. */
const PORTION = 1000

/**
 * Who may know of a resource: one walk up from it and down to the accounts; cutting the page adds next to nothing. In steps; for
 * one answer the graph must be the same at all of them.
 */
export function* audienceOf(
  graph: GraphState,
  resourceId: number,
  query: AudienceQuery,
  at: number,
): Generator<undefined, Audience> {
  const { accounts } = graph
  const { everybody, principalIds } = yield* holdersOf(graph, resourceId, at)
  const { isShown, offset, limit } = query
  const text = query.text?.trim().toLowerCase() ?? ''
  const shown: number[] = []
  const unseen: number[] = []
  for (let place = 0; place < principalIds.length; place++) {
    if (place % PORTION === 0) yield
    const id = principalIds[place] as number
    if (!accounts.isShareable(id) && !isShown(id)) unseen.push(id)
    else if (text === '' || accounts.matches(id, text)) shown.push(id)
  }
  const hidden = text === '' ? unseen : []
  const page = accounts.page(shown, query).map((principalId) => ({ principalId, isShown: true }))
  const rest = { offset: Math.max(0, offset - shown.length), limit: limit - page.length }
  for (const principalId of accounts.page(hidden, { sort: 'id', descending: false, ...rest })) {
    page.push({ principalId, isShown: false })
  }
  return { everybody, total: shown.length + hidden.length, hidden: hidden.length, page }
}

function nameOf(row: UserRow | ServiceRow): string {
  return ('login' in row ? row.login : row.name).toLowerCase()
}

function shareableOf(row: UserRow | ServiceRow): number {
  return 'shareable' in row && row.shareable ? shareableBit : 0
}
