import { WebSocket } from 'ws'
import { AggregateSchedule } from './aggregate-schedule.ts'
import type { ChannelRecord } from './channels.ts'
import type { EdgeControls } from './component-api.ts'
import { type EdgeConfig, isEnabled } from './edge-config.ts'
import { answerFrame } from './edge-requests.ts'
import type { Measurements } from './measurements.ts'
import { localTime, localTimestamp } from './wall-clock.ts'

/** State that an edge reports; `offline` never connects. */
export type Condition = 'ok' | 'info' | 'warning' | 'fault' | 'offline'

export interface FleetStatus {
  connected: number
  connecting: number
  /** Attempts that did not get as far as an open socket. */
  refused: number
  /** Open sockets that the server closed, or the way to it. */
  lost: number
  framesSent: number
  framesReceived: number
  requestsAnswered: number
  /** Why the latest refused attempt failed. */
  lastRefusal: string | null
  /** Why the latest open socket was closed. */
  lastLoss: string | null
}

/** What an edge is and what it shares with its fleet. */
export interface EdgeSetup {
  readonly url: string
  readonly apiKey: () => string
  readonly localAddress: string | undefined
  readonly condition: () => Condition
  readonly measurements: Measurements
  /** W of protocol A.6: least time between the starts of two attempts. */
  readonly reconnectMs: number
  /** Fixed delay of `aggregatedData` after its window (protocol B.2). */
  readonly aggregateDelayMs: number
  readonly now: () => number
  /** Asked before each attempt: keeps to the fleet's ramp. */
  readonly mayConnect: () => boolean
  readonly status: FleetStatus
}

const levels: readonly Condition[] = ['ok', 'info', 'warning', 'fault']
const FULL_SNAPSHOT_EVERY = 300_000
/** The first data follow about a second after the configuration. */
const FIRST_DATA_AFTER = 500
const CONNECT_WITHIN = 100_000
const PING_EVERY = 100_000
/** @NOTE turns, not time: a clock that jumps is not a server that is silent. */
const PONG_WITHIN_TURNS = 50
/** A server that reads slower than this gets fewer and larger updates, never a queue. */
const MAX_BUFFERED_BYTES = 256 * 1024

/** One simulated edge: the client side of port 8081 (protocol A.6, B.1-B.3). It does something only in its turn. */
export class SimulatedEdge implements EdgeControls {
  readonly #setup: EdgeSetup
  readonly #schedule: AggregateSchedule
  #socket: WebSocket | undefined
  #config: EdgeConfig
  #configChanged = false
  #attemptAt = Number.NEGATIVE_INFINITY
  #openedAt = 0
  #pingAt = 0
  #turnsWithoutPong = 0
  #fullAt = 0
  #full = true
  #fullAggregate = true
  #logging = false
  #stopped = false

  constructor(setup: EdgeSetup) {
    this.#setup = setup
    this.#schedule = new AggregateSchedule(setup.aggregateDelayMs)
    this.#config = setup.measurements.config
  }

  /** Its turn, once a second: connect if due, else report. */
  turn(at: number): void {
    const condition = this.#setup.condition()
    const socket = this.#socket
    if (condition === 'offline' || this.#stopped) {
      socket?.close(1000)
      return
    }
    if (!socket) {
      if (at - this.#attemptAt >= this.#setup.reconnectMs && this.#setup.mayConnect()) this.#connect(at)
      return
    }
    if (socket.readyState !== WebSocket.OPEN || !this.#keepAlive(socket, at)) return
    if (at - this.#openedAt < FIRST_DATA_AFTER || socket.bufferedAmount > MAX_BUFFERED_BYTES) return
    if (this.#schedule.hasEnded(at)) this.#setup.measurements.closeWindow()
    this.#setup.measurements.advance(at, levels.indexOf(condition))
    this.#sendChanges(at)
    this.#sendAggregate(at)
    this.#writeLog(at, condition)
  }

  /** Leaves for good; done when the socket is closed. */
  async stop(): Promise<void> {
    this.#stopped = true
    const socket = this.#socket
    if (!socket) return
    socket.close(1000)
    await new Promise((resolve) => socket.once('close', resolve))
  }

  /** Leaves without waiting for the server. */
  terminate(): void {
    this.#socket?.terminate()
  }

  get config(): EdgeConfig {
    return this.#config
  }

  applyConfig(next: EdgeConfig): void {
    this.#config = next
    this.#configChanged = true
    this.#setup.measurements.configure(next)
  }

  channelsOf(componentId: string): readonly ChannelRecord[] {
    return this.#setup.measurements.channelsOf(componentId)
  }

  write(address: string, value: unknown): void {
    this.#setup.measurements.write(address, value, this.#setup.now())
  }

  subscribeSystemLog(subscribe: boolean): void {
    this.#logging = subscribe
  }

  localTime(): string {
    return localTime(this.#setup.now()).slice(0, 'yyyy-mm-ddThh:mm:ss'.length)
  }

  #connect(at: number): void {
    const { url, apiKey, localAddress, status } = this.#setup
    this.#attemptAt = at
    try {
      this.#socket = new WebSocket(url, {
        headers: { apikey: apiKey() },
        perMessageDeflate: false,
        skipUTF8Validation: true,
        handshakeTimeout: CONNECT_WITHIN,
        ...(localAddress !== undefined && { localAddress }),
      })
    } catch (error) {
      this.#refused(error)
      return
    }
    status.connecting++
    this.#watch(this.#socket)
  }

  #watch(socket: WebSocket): void {
    const { status, now } = this.#setup
    let opened = false
    let failure: unknown = 'closed before it was open'
    socket.on('open', () => {
      opened = true
      status.connecting--
      status.connected++
      this.#opened(now())
    })
    socket.on('message', (data, isBinary) => {
      status.framesReceived++
      if (!isBinary) this.#received(String(data))
    })
    socket.on('pong', () => {
      this.#turnsWithoutPong = 0
    })
    socket.on('error', (error) => {
      failure = error
    })
    socket.on('close', (code, reason) => {
      this.#socket = undefined
      this.#logging = false
      if (opened) status.connected--
      else status.connecting--
      if (this.#stopped || this.#setup.condition() === 'offline') return
      if (opened) this.#lost(code, String(reason))
      else this.#refused(failure)
    })
  }

  #refused(reason: unknown): void {
    this.#setup.status.refused++
    this.#setup.status.lastRefusal = reason instanceof Error ? reason.message || reason.name : String(reason)
  }

  #lost(code: number, reason: string): void {
    this.#setup.status.lost++
    this.#setup.status.lastLoss = `closed with ${code}${reason === '' ? '' : `: ${reason}`}`
  }

  #opened(at: number): void {
    this.#openedAt = at
    this.#pingAt = at
    this.#turnsWithoutPong = 0
    if (this.#schedule.reopen(at)) this.#setup.measurements.closeWindow()
    this.#sendConfig()
  }

  #received(text: string): void {
    const answer = answerFrame(this, text)
    if (answer === undefined) return
    this.#send(answer)
    this.#setup.status.requestsAnswered++
    if (!this.#configChanged) return
    this.#configChanged = false
    this.#sendConfig()
  }

  #keepAlive(socket: WebSocket, at: number): boolean {
    if (this.#turnsWithoutPong > 0 && ++this.#turnsWithoutPong > PONG_WITHIN_TURNS) {
      socket.terminate()
      return false
    }
    if (at - this.#pingAt >= PING_EVERY) {
      this.#pingAt = at
      this.#turnsWithoutPong = 1
      socket.ping()
    }
    return true
  }

  #sendConfig(): void {
    this.#full = true
    this.#fullAggregate = true
    this.#send(`{"jsonrpc":"2.0","method":"edgeConfig","params":${textOf(this.#config)}}`)
  }

  #sendChanges(at: number): void {
    const all = this.#full || at - this.#fullAt >= FULL_SNAPSHOT_EVERY
    if (all) {
      this.#full = false
      this.#fullAt = at
    }
    this.#sendData('timestampedData', Math.floor(at / 1000) * 1000, this.#setup.measurements.takeChanges(all))
  }

  #sendAggregate(at: number): void {
    const window = this.#schedule.takeDue(at)
    if (window === undefined) return
    const members = this.#setup.measurements.aggregated(this.#fullAggregate)
    if (members === '') return
    this.#fullAggregate = false
    this.#sendData('aggregatedData', window, members)
  }

  #sendData(method: string, timestamp: number, members: string): void {
    const params = members === '' ? '{}' : `{"${timestamp}":{${members}}}`
    this.#send(`{"jsonrpc":"2.0","method":"${method}","params":${params}}`)
  }

  #writeLog(at: number, condition: Condition): void {
    if (!this.#logging) return
    const tick = Math.floor(at / 1000) % 10
    if (isEnabled(this.#config, 'ctrlDebugLog0')) {
      const message = `[ctrlDebugLog0] ${this.#setup.measurements.summary()}`
      this.#sendLine(at, 'INFO', 'io.openems.edge.controller.debuglog.ControllerDebugLogImpl', message)
    }
    if (tick === 0 && condition === 'warning') this.#sendLine(at, 'WARN', 'meter0', 'Voltage of a phase is too high')
    if (tick === 0 && condition === 'fault') this.#sendLine(at, 'ERROR', 'ess0', 'Battery reports a fault')
  }

  #sendLine(at: number, level: string, source: string, message: string): void {
    const line = { time: localTimestamp(at), level, source, message }
    this.#send(JSON.stringify({ jsonrpc: '2.0', method: 'systemLog', params: { line } }))
  }

  #send(text: string): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) return
    this.#socket.send(text)
    this.#setup.status.framesSent++
  }
}

/** Configurations are shared between edges, and so is their text. */
const texts = new WeakMap<EdgeConfig, string>()

function textOf(config: EdgeConfig): string {
  const text = texts.get(config) ?? JSON.stringify(config)
  texts.set(config, text)
  return text
}
