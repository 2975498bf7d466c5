import { type Components, coversChannel } from '../access/components.ts'
import type { ChannelCache } from './channel-cache.ts'
import type { LiveHub } from './hub.ts'

/** Whoever is sent a table of values every two seconds (protocol D.1). All calls return at once. */
export interface TableReader {
  /** The components of this edge that the holder may see live; asked for each push. */
  liveComponents(edgeId: number): Components
  /** A whole frame, shared with nobody who would change it. */
  pushFrame(frame: Buffer): void
}

/** One edge in the tables of one list of channels: written once for each change, however many read it. */
interface Row {
  readonly edgeId: number
  readonly name: string
  readers: number
  /** Version of the values that `bytes` holds. */
  version: number
  bytes: Buffer
}
interface ChannelList {
  readonly key: string
  readonly channels: readonly string[]
  readonly rows: Map<number, Row>
}
interface Table {
  readonly reader: TableReader
  readonly list: ChannelList
  readonly rows: readonly Row[]
  readonly slot: Set<Table>
}

export const TABLE_INTERVAL_MS = 2000
const SLOTS = 40
/** After so long a turn lets others go first. */
const TURN_MS = 4
const HEAD = Buffer.from('{"jsonrpc":"2.0","method":"edgesCurrentData","params":{')
const TAIL = Buffer.from('}}')
const NEVER = -2
const UNKNOWN_EDGE = -1

/**
 * Tables of the newest values of many edges, sent again and again whether anything changed or not. Tables with the same
 * channels share the bytes of each edge, and the tables are spread over the interval, so that the cost is that of the
 * changes plus one copy for each table.
 */
export class EdgeTables {
  readonly #hub: Pick<LiveHub, 'find'>
  readonly #lists = new Map<string, ChannelList>()
  readonly #slots: Set<Table>[] = Array.from({ length: SLOTS }, () => new Set())
  #queue: Table[] = []
  #timer: NodeJS.Timeout | undefined
  #next = 0
  #size = 0

  constructor(hub: Pick<LiveHub, 'find'>) {
    this.#hub = hub
  }

  /** How many tables are sent. */
  get size(): number {
    return this.#size
  }

  /** Sends the table at once and then every two seconds until disposed. Edges out of sight are left out of it. */
  subscribe(
    reader: TableReader,
    edges: readonly { id: number; name: string }[],
    channels: readonly string[],
  ): Disposable {
    const list = this.#listOf(channels)
    const rows = edges.map((edge) => rowOf(list, edge))
    const slot = this.#emptiestSlot()
    const table: Table = { reader, list, rows, slot }
    slot.add(table)
    this.#size++
    this.#timer ??= setInterval(() => this.#round(), TABLE_INTERVAL_MS / SLOTS).unref()
    this.#enqueue([table])
    return { [Symbol.dispose]: () => this.#unsubscribe(table) }
  }

  #unsubscribe(table: Table): void {
    if (!table.slot.delete(table)) return
    const { list, rows } = table
    for (const row of rows) if (--row.readers === 0) list.rows.delete(row.edgeId)
    if (list.rows.size === 0) this.#lists.delete(list.key)
    if (--this.#size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #listOf(channels: readonly string[]): ChannelList {
    const key = JSON.stringify(channels)
    const list = this.#lists.get(key) ?? { key, channels, rows: new Map<number, Row>() }
    this.#lists.set(key, list)
    return list
  }

  /** The one whose turn is farthest away among those with the fewest tables. */
  #emptiestSlot(): Set<Table> {
    const order = this.#slots.map((_, index) => this.#slots[(this.#next + SLOTS - 1 - index) % SLOTS] as Set<Table>)
    return order.reduce((best, slot) => (slot.size < best.size ? slot : best))
  }

  #round(): void {
    const slot = this.#slots[this.#next] as Set<Table>
    this.#next = (this.#next + 1) % SLOTS
    if (slot.size > 0) this.#enqueue([...slot])
  }

  #enqueue(tables: readonly Table[]): void {
    if (this.#queue.length === 0) setImmediate(() => this.#work())
    this.#queue.push(...tables)
  }

  #work(): void {
    const until = performance.now() + TURN_MS
    let done = 0
    for (const table of this.#queue) {
      if (table.slot.has(table)) this.#push(table)
      done++
      if (performance.now() > until) break
    }
    this.#queue = this.#queue.slice(done)
    if (this.#queue.length > 0) setImmediate(() => this.#work())
  }

  #push({ reader, list, rows }: Table): void {
    const parts: Buffer[] = [HEAD]
    for (const row of rows) {
      const shown = reader.liveComponents(row.edgeId)
      if (shown?.length === 0) continue
      const bytes = shown === null ? this.#refreshed(row, list.channels) : this.#cut(row, list.channels, shown)
      parts.push(parts.length === 1 ? bytes.subarray(1) : bytes)
    }
    parts.push(TAIL)
    reader.pushFrame(Buffer.concat(parts))
  }

  #refreshed(row: Row, channels: readonly string[]): Buffer {
    const cache = this.#hub.find(row.edgeId)?.cache
    const version = cache?.version ?? UNKNOWN_EDGE
    if (row.version === version) return row.bytes
    row.version = version
    row.bytes = bytesOf(row, cache, channels, null)
    return row.bytes
  }

  /** For whoever may see some components only; shared with nobody. */
  #cut(row: Row, channels: readonly string[], shown: Components): Buffer {
    return bytesOf(row, this.#hub.find(row.edgeId)?.cache, channels, shown)
  }
}

function rowOf(list: ChannelList, { id, name }: { id: number; name: string }): Row {
  const row = list.rows.get(id) ?? { edgeId: id, name, readers: 0, version: NEVER, bytes: TAIL }
  row.readers++
  list.rows.set(id, row)
  return row
}

/** `,"edge0":{channel: value}`; null where nothing is known or may be seen. */
function bytesOf(
  { name }: Row,
  cache: ChannelCache | undefined,
  channels: readonly string[],
  shown: Components,
): Buffer {
  const shownValue = (channel: string) => (coversChannel(shown, channel) ? (cache?.get(channel) ?? null) : null)
  const values = channels.map((channel) => `${JSON.stringify(channel)}:${JSON.stringify(shownValue(channel))}`)
  return Buffer.from(`,${JSON.stringify(name)}:{${values.join(',')}}`)
}
