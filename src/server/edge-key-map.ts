import { setImmediate as nextTurn } from 'node:timers/promises'
import type { AppContext } from '../context.ts'
import type { KeyCopies } from '../edges/key-copies.ts'
import type { EdgeAppConnection } from './edge-app-connection.ts'

/** Changes within this time go out together. */
const COALESCE_MS = 250
const KEYS_PER_TURN = 2000
const EMPTY = '{}'

/**
 * `updateMetadataCache` for every Backend.Edge.App (protocol B.4): the whole map of API keys, on connect and after every
 * change. Made of what is in memory, so that an outage of the database changes nothing.
 */
export class EdgeKeyMap {
  readonly #ctx: AppContext
  readonly #copies: KeyCopies
  readonly #apps: ReadonlySet<EdgeAppConnection>
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<void> = Promise.resolve()
  #ended = false

  constructor(ctx: AppContext, copies: KeyCopies, apps: ReadonlySet<EdgeAppConnection>) {
    this.#ctx = ctx
    this.#copies = copies
    this.#apps = apps
    copies.onChange(() => this.#schedule())
  }

  /** Tells an app that has just connected. */
  greet(app: EdgeAppConnection): void {
    this.#then(async () => {
      const { frame, isEmpty } = await this.#make()
      if (isEmpty) this.#ctx.log.warn({ edgeApp: app.name }, 'no API key can be served yet, so the app lets no edge in')
      app.sendKeys(frame, isEmpty)
    })
  }

  stop(): void {
    this.#ended = true
    clearTimeout(this.#timer)
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#ended) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#then(() => this.#tellAll())
    }, COALESCE_MS)
    this.#timer.unref()
  }

  async #tellAll(): Promise<void> {
    const now = this.#ctx.clock().getTime()
    for (const app of this.#apps) app.recheck(now)
    if (this.#apps.size === 0) return
    const { frame, isEmpty } = await this.#make()
    // The last key may be gone for good, or merely not be readable: only the first is worth dropping every edge.
    if (isEmpty && this.#anyKeyIsValid()) {
      this.#ctx.log.error('no API key can be served, though edges have keys: the apps keep what they were told')
      return
    }
    for (const app of this.#apps) app.sendKeys(frame, isEmpty)
  }

  /** In turns, because a large fleet takes longer than anything may hold up the others. */
  async #make(): Promise<{ frame: Buffer; isEmpty: boolean }> {
    const { index } = this.#ctx.store
    const now = this.#ctx.clock().getTime()
    const parts: string[] = []
    let text = ''
    let taken = 0
    for (const { edgeId, apiKey, validTo } of this.#copies.all()) {
      if (++taken % KEYS_PER_TURN === 0) {
        parts.push(text)
        text = ''
        await nextTurn()
      }
      const edge = index.edge(edgeId)
      if (edge === undefined || (validTo !== null && validTo <= now)) continue
      text += `,${JSON.stringify(apiKey)}:${JSON.stringify(edge.edgeId)}`
    }
    parts.push(text)
    const map = `{${parts.join('').slice(1)}}`
    const params = `{"apikeysToEdgeIds":${map}}`
    const frame = Buffer.from(`{"jsonrpc":"2.0","method":"updateMetadataCache","params":${params}}`)
    return { frame, isEmpty: map === EMPTY }
  }

  #anyKeyIsValid(): boolean {
    const now = this.#ctx.clock().getTime()
    for (const { validTo } of this.#ctx.store.index.rows('edgeKey')) if (validTo === null || validTo > now) return true
    return false
  }

  /** One at a time and in order, so that an older map never follows a newer one. */
  #then(action: () => Promise<void>): void {
    this.#sending = this.#sending.then(action).catch((error: unknown) => {
      this.#ctx.log.error({ err: error }, 'API keys not sent to edge apps')
    })
  }
}
