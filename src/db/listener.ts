import { Client, type ClientConfig, escapeIdentifier } from 'pg'
import type { Log } from '../log.ts'
import { fromDatabase } from './pg-errors.ts'

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5_000
const HEARTBEAT_MS = 30_000

export interface ListenerOptions {
  config: ClientConfig
  channel: string
  onPayload: (payload: string) => void
  onLost?: ((state: 'lost' | 'again') => void) | undefined
  log: Log
}

/** One connection that does nothing but LISTEN, kept open until it is disposed. */
export class PostgresListener implements AsyncDisposable {
  readonly #options: ListenerOptions
  #client: Client | undefined
  #timer: NodeJS.Timeout | undefined
  #pauseMs = FIRST_PAUSE_MS
  #ended = false

  constructor(options: ListenerOptions) {
    this.#options = options
  }

  /** Resolves when payloads are heard; rejects when the first connection fails. */
  async start(): Promise<void> {
    await this.#connect().catch((error: unknown) => {
      throw fromDatabase(error)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true
    clearTimeout(this.#timer)
    await this.#client?.end()
  }

  async #connect(): Promise<void> {
    const client = new Client(this.#options.config)
    client.on('notification', ({ payload }) => this.#options.onPayload(payload ?? ''))
    // @NOTE without a handler an 'error' event ends the process; 'end' follows it and does the work.
    client.on('error', () => undefined)
    this.#client = client
    try {
      await client.connect()
      await client.query(`listen ${escapeIdentifier(this.#options.channel)}`)
    } catch (error) {
      client.end().catch(() => undefined)
      throw error
    }
    client.on('end', () => this.#lost())
    this.#pauseMs = FIRST_PAUSE_MS
    this.#timer = setTimeout(() => this.#beat(client), HEARTBEAT_MS)
  }

  /** A dead network path shows only when something is sent. */
  async #beat(client: Client): Promise<void> {
    const deadline = setTimeout(() => client.connection.stream.destroy(), HEARTBEAT_MS / 3)
    try {
      await client.query('select 1')
      if (!this.#ended) this.#timer = setTimeout(() => this.#beat(client), HEARTBEAT_MS)
    } catch {
      client.connection.stream.destroy()
    } finally {
      clearTimeout(deadline)
    }
  }

  #lost(): void {
    if (this.#ended) return
    this.#options.log.warn({ channel: this.#options.channel }, 'database notifications interrupted')
    this.#options.onLost?.('lost')
    this.#retryLater()
  }

  #retryLater(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#retry(), this.#pauseMs)
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS)
  }

  async #retry(): Promise<void> {
    try {
      await this.#connect()
    } catch {
      if (!this.#ended) this.#retryLater()
      return
    }
    if (this.#ended) return this[Symbol.asyncDispose]()
    this.#options.log.info({ channel: this.#options.channel }, 'database notifications are heard again')
    this.#options.onLost?.('again')
  }
}
