import { type JSONRPCClient, JSONRPCErrorException } from 'json-rpc-2.0'
import { AppError, errorKinds, PeerError, problem } from '../errors.ts'
import { createPeerClient } from './peer-client.ts'

/** Answer to a request of ours, as the envelope reads it. */
export interface PeerResponse {
  jsonrpc: '2.0'
  id: string | number
  result?: unknown
  error?: { code: number; message: string; data: string[] }
}

/** Marks our own time-out; no peer can send this object. */
const timedOut = Object.freeze({})

/** Requests to edges over one socket: that of the edge itself, or of an app that holds many. */
export class EdgeCalls {
  readonly #client: JSONRPCClient
  readonly #maxPending: number
  #pending = 0
  #dropped = false

  constructor(send: (text: string) => void, maxPending: number) {
    this.#client = createPeerClient(send)
    this.#maxPending = maxPending
  }

  /**
   * Rejects with 3000 when the socket drops, with code 1 when no answer comes within `timeoutMs`, with 4005 when too many
   * wait already, and with the peer's own error as it came.
   */
  async request(
    edgeName: string,
    method: string,
    params: Record<string, unknown>,
    timeoutMs: number,
  ): Promise<unknown> {
    if (this.#dropped) throw new AppError('edgeNotConnected', [edgeName])
    if (this.#pending >= this.#maxPending) throw new AppError('tooManyRequests')
    this.#pending++
    try {
      return await this.#client
        .timeout(timeoutMs, (id) => ({ jsonrpc: '2.0', id, error: { code: 1, message: 'timeout', data: timedOut } }))
        .request(method, params)
    } catch (error) {
      throw this.#translate(error, edgeName, timeoutMs)
    } finally {
      this.#pending--
    }
  }

  /** Takes an answer; false when nothing was asked. */
  receive(response: PeerResponse): boolean {
    if (this.#pending === 0) return false
    this.#client.receive(response as Parameters<JSONRPCClient['receive']>[0])
    return true
  }

  /** The socket is gone: whatever waits, and whatever comes, is 3000. */
  drop(): void {
    this.#dropped = true
    this.#client.rejectAllPendingRequests('connection closed')
  }

  #translate(error: unknown, edgeName: string, timeoutMs: number): unknown {
    if (!(error instanceof JSONRPCErrorException)) return error
    if (this.#dropped) return new AppError('edgeNotConnected', [edgeName])
    if (error.data === timedOut) return problem(`Edge [${edgeName}] did not answer within ${timeoutMs / 1000} seconds`)
    // To a UI this code means that its own session is over, whoever it comes from (ui.md section 0, rule 4).
    if (error.code === errorKinds.authenticationFailed.code) return problem(error.message)
    const data = Array.isArray(error.data) ? error.data.map(String) : []
    return new PeerError({ code: error.code, message: error.message, data })
  }
}
