import { Bits } from '../access/search-bits.ts'

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
  #online = new Uint8Array(4096)
  #sumState = new Uint8Array(4096).fill(NO_STATE)
  /** Edges by sum state; not those that are OK, which most are. */
  readonly #ailing = levels.map(() => new Bits())
  #minute = new Uint32Array(4096)
  readonly #version = new Map<number, string>()
  /** Versions repeat: one string for each, however many frames carried it. */
  readonly #versions = new Map<string, string>()
  #onlineCount = 0

  get onlineCount(): number {
    return this.#onlineCount
  }

  get(edgeId: number): EdgeState {
    const minute = this.#minute[edgeId] ?? 0
    return {
      online: this.#online[edgeId] === 1,
      lastMessageAt: minute === 0 ? null : minute * 60_000,
      version: this.#version.get(edgeId) ?? '0.0.0',
      sumState: levels[this.#sumState[edgeId] ?? NO_STATE] ?? null,
    }
  }

  isOnline(edgeId: number): boolean {
    return this.#online[edgeId] === 1
  }

  /** 0 OK ... 3 FAULT; -1 unknown. */
  sumStateOf(edgeId: number): number {
    const state = this.#sumState[edgeId] ?? NO_STATE
    return state === NO_STATE ? -1 : state
  }

  /** The edges in these sum states, as sets; undefined when they are no few: OK is one of them. */
  inSumStates(states: Iterable<number>): readonly Bits[] | undefined {
    const wanted = [...new Set(states)]
    return wanted.includes(0) ? undefined : wanted.flatMap((state) => this.#ailing[state] ?? [])
  }

  /** Each setter tells whether anything changed, so that only changes are written down. */
  setOnline(edgeId: number, online: boolean): boolean {
    this.#reserve(edgeId)
    if ((this.#online[edgeId] === 1) === online) return false
    this.#online[edgeId] = online ? 1 : 0
    this.#onlineCount += online ? 1 : -1
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
    if (edgeId < this.#online.length) return
    const size = Math.max(edgeId + 1, this.#online.length * 2)
    const online = new Uint8Array(size)
    online.set(this.#online)
    const sumState = new Uint8Array(size).fill(NO_STATE)
    sumState.set(this.#sumState)
    const minute = new Uint32Array(size)
    minute.set(this.#minute)
    this.#online = online
    this.#sumState = sumState
    this.#minute = minute
  }
}
