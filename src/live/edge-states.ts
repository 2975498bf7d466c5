import { Bits } from '../access/search-bits.ts'
import type { SetTest } from '../access/search-query.ts'

/** OpenEMS levels; the index is the number on the wire (protocol A.5). */
export const levels = ['OK', 'INFO', 'WARNING', 'FAULT'] as const
export type Level = (typeof levels)[number]

export interface EdgeState {
  online: boolean
  /** Epoch ms, cut to the minute (protocol B.5). */
  lastMessageAt: number | null
  version: string
  sumState: Level | null
}

const NO_STATE = 255

/**
 * Last known state of every edge, in columns by resource id: a list filters and sorts a million of them without touching
 * an object. Ids come from one sequence, so the columns are dense enough.
 */
export class EdgeStates {
  readonly #online = new Bits()
  #sumState = new Uint8Array(4096).fill(NO_STATE)
  /** Edges by sum state; not those that are OK, which most are. */
  readonly #ailing = levels.map(() => new Bits())
  #minute = new Uint32Array(4096)
  readonly #version = new Map<number, string>()
  /** Versions repeat: one string for each, however many frames carried it. */
  readonly #versions = new Map<string, string>()

  get onlineCount(): number {
    return this.#online.size
  }

  get(edgeId: number): EdgeState {
    const minute = this.#minute[edgeId] ?? 0
    return {
      online: this.#online.has(edgeId),
      lastMessageAt: minute === 0 ? null : minute * 60_000,
      version: this.#version.get(edgeId) ?? '0.0.0',
      sumState: levels[this.#sumState[edgeId] ?? NO_STATE] ?? null,
    }
  }

  isOnline(edgeId: number): boolean {
    return this.#online.has(edgeId)
  }

  /** 0 OK ... 3 FAULT; -1 unknown. */
  sumStateOf(edgeId: number): number {
    const state = this.#sumState[edgeId] ?? NO_STATE
    return state === NO_STATE ? -1 : state
  }

  /** Passes the edges that are online, or those that are not. */
  onlineTest(isOnline: boolean): SetTest {
    return { sets: [this.#online], isIn: isOnline }
  }

  /** Passes the edges in these sum states; one that never told its state counts as OK, as in OpenEMS (protocol C.6). */
  sumStateTest(states: Iterable<number>): SetTest {
    const wanted = new Set(states)
    const isIn = !wanted.has(0)
    return { sets: this.sumStateRanks.filter((_, place) => wanted.has(place + 1) === isIn), isIn }
  }

  /** The edges in sum state 1, 2 and 3; all others are OK or unknown. */
  get sumStateRanks(): readonly Bits[] {
    return this.#ailing.slice(1)
  }

  /** Each setter tells whether anything changed, so that only changes are written down. */
  setOnline(edgeId: number, online: boolean): boolean {
    if (this.#online.has(edgeId) === online) return false
    if (online) this.#online.add(edgeId)
    else this.#online.remove(edgeId)
    return true
  }

  setLastMessage(edgeId: number, atMs: number): boolean {
    this.#reserve(edgeId)
    const minute = Math.floor(atMs / 60_000)
    if (this.#minute[edgeId] === minute) return false
    this.#minute[edgeId] = minute
    return true
  }

  setSumState(edgeId: number, state: number): boolean {
    this.#reserve(edgeId)
    if (this.#sumState[edgeId] === state) return false
    this.#ailing[this.#sumState[edgeId] ?? NO_STATE]?.remove(edgeId)
    this.#sumState[edgeId] = state
    if (state > 0) this.#ailing[state]?.add(edgeId)
    return true
  }

  setVersion(edgeId: number, version: string): boolean {
    if (this.#version.get(edgeId) === version) return false
    const shared = this.#versions.get(version) ?? version
    if (this.#versions.size < 10_000) this.#versions.set(shared, shared)
    this.#version.set(edgeId, shared)
    return true
  }

  #reserve(edgeId: number): void {
    if (edgeId < this.#sumState.length) return
    const size = Math.max(edgeId + 1, this.#sumState.length * 2)
    const sumState = new Uint8Array(size).fill(NO_STATE)
    sumState.set(this.#sumState)
    const minute = new Uint32Array(size)
    minute.set(this.#minute)
    this.#sumState = sumState
    this.#minute = minute
  }
}
