import type { AccessIndex } from '../access/access-index.ts'
import type { EdgeRow, UserRow } from '../access/model.ts'
import type { SnapshotPage } from '../client/notifications.ts'
import type { EdgeStates } from '../live/edge-states.ts'
import { toMirroredEdge, toMirroredState, toMirroredUser, type WriteNotification } from './metadata-frames.ts'

const ROWS_PER_PAGE = 250

/**
 * Everything a mirror keeps, as it was at one revision: rows are never changed but replaced, so holding them is enough.
 * Pages are written one by one, when first asked for, and shared by all who begin at this revision.
 */
export class MetadataSnapshot {
  readonly revision: number
  readonly hash: string
  /** Where the sequence of states goes on. */
  readonly statePosition: number
  readonly #edges: readonly EdgeRow[]
  readonly #users: readonly UserRow[]
  readonly #states: EdgeStates
  readonly #write: WriteNotification
  readonly #pages: string[] = []

  constructor(
    at: { revision: number; hash: string; statePosition: number },
    parts: { index: AccessIndex; states: EdgeStates; write: WriteNotification },
  ) {
    this.revision = at.revision
    this.hash = at.hash
    this.statePosition = at.statePosition
    this.#edges = [...parts.index.rows('edge')]
    this.#users = [...parts.index.rows('user')]
    this.#states = parts.states
    this.#write = parts.write
  }

  get pageCount(): number {
    return Math.max(1, Math.ceil((this.#edges.length + this.#users.length) / ROWS_PER_PAGE))
  }

  isWritten(page: number): boolean {
    return this.#pages[page] !== undefined
  }

  /** One page as it goes out. */
  page(page: number): string {
    const known = this.#pages[page]
    if (known !== undefined) return known
    const text = this.#write('metadataSnapshot', { ...this.#pageOf(page) })
    this.#pages[page] = text
    return text
  }

  #pageOf(page: number): SnapshotPage {
    const start = page * ROWS_PER_PAGE
    const end = start + ROWS_PER_PAGE
    const before = this.#edges.length
    const edges = this.#edges.slice(start, end)
    const users = this.#users.slice(Math.max(0, start - before), Math.max(0, end - before))
    return {
      revision: this.revision,
      hash: this.hash,
      first: page === 0,
      last: page === this.pageCount - 1,
      edges: edges.map(toMirroredEdge),
      states: edges.map((edge) => toMirroredState(this.#states, edge)),
      users: users.map(toMirroredUser),
    }
  }
}
