import type { AccessIndex } from '../access/access-index.ts'
import type { EdgeStates } from '../live/edge-states.ts'
import type { LiveEvents } from '../live/live-events.ts'
import { FrameRing } from './frame-ring.ts'
import { toMirroredState, type WriteNotification } from './metadata-frames.ts'

const FLUSH_MS = 100
const EDGES_PER_FRAME = 500
const KEPT_EDGES = 20_000

/**
 * Changes of what edges say of themselves, in a sequence of this process: each edge once per piece, however often it
 * changed. A new last message alone is none: an online edge has one every minute.
 */
export class StateFeed implements LiveEvents {
  readonly #states: () => EdgeStates
  readonly #index: () => Pick<AccessIndex, 'edge'>
  readonly #write: WriteNotification
  readonly #moved: (ids: readonly number[]) => void
  readonly #ring = new FrameRing(KEPT_EDGES)
  #dirty = new Set<number>()
  /** By edge: when in the sequence it changed last, and what was told then. */
  readonly #changedAt = new Map<number, number>()
  readonly #told = new Map<number, string>()
  #position = 0
  #timer: NodeJS.Timeout | undefined

  constructor(parts: {
    states: () => EdgeStates
    index: () => Pick<AccessIndex, 'edge'>
    write: WriteNotification
    /** There is something new to send. */
    moved: (ids: readonly number[]) => void
  }) {
    this.#states = parts.states
    this.#index = parts.index
    this.#write = parts.write
    this.#moved = parts.moved
  }

  /** The end of the sequence. */
  get position(): number {
    return this.#position
  }

  stateChanged(edgeId: number): void {
    this.#dirty.add(edgeId)
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_MS).unref()
  }

  /** Puts what has changed into the sequence. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const changed = [...this.#dirty].filter((id) => this.#isNews(id))
    this.#dirty = new Set()
    if (changed.length === 0) return
    for (let start = 0; start < changed.length; start += EDGES_PER_FRAME) {
      const ids = changed.slice(start, start + EDGES_PER_FRAME)
      const from = this.#position
      for (const id of ids) this.#changedAt.set(id, ++this.#position)
      this.#ring.add({ from, to: this.#position, size: ids.length, write: () => this.texts(ids) })
    }
    this.#moved(changed)
  }

  /** What follows a position, while it is kept. */
  after(position: number) {
    return this.#ring.after(position)
  }

  /** The edges that changed after a position, for whoever missed too much. */
  changedAfter(position: number): number[] {
    const ids: number[] = []
    for (const [id, at] of this.#changedAt) if (at > position) ids.push(id)
    return ids
  }

  /** The states of these edges as they are now. */
  texts(ids: readonly number[]): string[] {
    const states = ids.flatMap((id) => {
      const edge = this.#index().edge(id)
      return edge === undefined ? [] : [toMirroredState(this.#states(), edge)]
    })
    return states.length === 0 ? [] : [this.#write('edgeStatesChanged', { states })]
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #isNews(id: number): boolean {
    const { online, version, sumState } = this.#states().get(id)
    const now = `${online} ${sumState} ${version}`
    if (this.#told.get(id) === now) return false
    this.#told.set(id, now)
    return true
  }
}
