import { setImmediate as turn } from 'node:timers/promises'
import type { MetadataFeed } from './metadata-feed.ts'
import type { MetadataSnapshot } from './metadata-snapshot.ts'

/** A socket as far as the feed needs it. */
export interface PushChannel {
  readonly isOpen: boolean
  push(text: string): void
  /** Undefined while the peer keeps up, else resolves when it has read enough, or is gone. */
  drained(): Promise<void> | undefined
  /** Ends the connection. */
  close(): void
}

const STATES_PER_PUSH = 500
/** A piece about fewer things is written in no time. */
const SMALL = 50

/** One mirror: where it is in the log and in the sequence of states, and what it gets next. */
export class MetadataSubscriber implements Disposable {
  readonly #feed: MetadataFeed
  readonly #channel: PushChannel
  readonly #mayRead: () => boolean
  #revision = 0
  #statePosition = 0
  #snapshot: { snapshot: MetadataSnapshot; next: number } | undefined
  /** Edges whose states are owed one by one, because too many changed meanwhile. */
  #owed: number[] = []
  #running = false
  #again = false
  #ended = false

  constructor(feed: MetadataFeed, channel: PushChannel, mayRead: () => boolean) {
    this.#feed = feed
    this.#channel = channel
    this.#mayRead = mayRead
  }

  /** Goes on after a revision; without a position in the states of this process all of them are sent. */
  resume(revision: number, statePosition: number | undefined): void {
    this.#revision = revision
    this.#owed = statePosition === undefined ? this.#feed.allEdgeIds() : []
    this.#statePosition = statePosition ?? this.#feed.states.position
  }

  /** Begins anew with a snapshot. */
  startOver(): void {
    const snapshot = this.#feed.snapshot()
    this.#snapshot = { snapshot, next: 0 }
    this.#owed = []
    this.#revision = snapshot.revision
    this.#statePosition = snapshot.statePosition
  }

  [Symbol.dispose](): void {
    this.#ended = true
    this.#feed.forget(this)
  }

  /** Sends what there is, as fast as it is read. Returns at once, never throws. */
  pump(): void {
    this.#again = true
    if (this.#running) return
    this.#running = true
    void this.#run()
      .catch((error: unknown) => {
        this.#feed.failed(error)
        this.#cut()
      })
      .finally(() => {
        this.#running = false
      })
  }

  /** Tells that it has everything, if that is so; and whose time is over. */
  announce(head: string, expired: string | undefined): void {
    if (this.#ended) return
    if (!this.#mayRead()) return this.#cut()
    if (expired !== undefined) this.#channel.push(expired)
    if (!this.#running && this.#isCurrent()) this.#channel.push(head)
    else this.pump()
  }

  #isCurrent(): boolean {
    const { revision, states } = this.#feed
    const nothingOwed = this.#snapshot === undefined && this.#owed.length === 0
    return nothingOwed && this.#revision === revision && this.#statePosition === states.position
  }

  /** A right that was lost ends the connection, as everything else that ends access. */
  #cut(): void {
    this[Symbol.dispose]()
    this.#channel.close()
  }

  async #run(): Promise<void> {
    while (this.#again) {
      this.#again = false
      while (!this.#ended && this.#channel.isOpen) {
        if (!this.#mayRead()) return this.#cut()
        const wait = this.#channel.drained()
        if (wait) await wait
        else if (!(await this.#sendNext())) break
      }
    }
  }

  /** Sends the next piece; false when there is none. */
  #sendNext(): boolean | Promise<boolean> {
    if (this.#snapshot) return this.#sendPage(this.#snapshot)
    if (this.#revision < this.#feed.revision) return this.#sendChanges()
    if (this.#owed.length > 0) return this.#sendOwed()
    if (this.#statePosition < this.#feed.states.position) return this.#sendStates()
    return false
  }

  async #sendPage(sending: { snapshot: MetadataSnapshot; next: number }): Promise<boolean> {
    const { snapshot } = sending
    const page = sending.next++
    const isNew = !snapshot.isWritten(page)
    this.#channel.push(snapshot.page(page))
    if (sending.next === snapshot.pageCount) this.#snapshot = undefined
    if (isNew) await turn()
    return true
  }

  #sendChanges(): boolean | Promise<boolean> {
    const frame = this.#feed.after(this.#revision)
    if (frame === undefined) return this.#sendOldChanges()
    for (const text of frame.texts()) this.#channel.push(text)
    this.#revision = frame.to
    // Many at once come after an import: others get their turn in between.
    return frame.size < SMALL || turn(true)
  }

  async #sendOldChanges(): Promise<boolean> {
    const old = await this.#feed.readAfter(this.#revision)
    if (old === undefined) this.startOver()
    else {
      for (const text of old.texts) this.#channel.push(text)
      this.#revision = old.to
    }
    return true
  }

  #sendStates(): boolean | Promise<boolean> {
    const frame = this.#feed.states.after(this.#statePosition)
    if (frame === undefined) {
      this.#owed = this.#feed.states.changedAfter(this.#statePosition)
      this.#statePosition = this.#feed.states.position
      return true
    }
    for (const text of frame.texts()) this.#channel.push(text)
    this.#statePosition = frame.to
    return frame.size < SMALL || turn(true)
  }

  async #sendOwed(): Promise<boolean> {
    const ids = this.#owed.splice(0, STATES_PER_PUSH)
    for (const text of this.#feed.states.texts(ids)) this.#channel.push(text)
    await turn()
    return true
  }
}
