import type { WireError } from '../errors.ts'
import { storable, toText } from '../lib/text.ts'
import { Written } from './written.ts'

/**
 * The one reader and writer of JSON-RPC frames in the OpenEMS dialect: read leniently, write strictly
 * (protocol A.1-A.3; ui.md section 2).
 */

/** A request id as a peer may send it. OpenEMS peers send UUID strings; standard clients numbers. */
export type FrameId = string | number
export type Params = Record<string, unknown>

export type Frame =
  | { kind: 'request'; id: FrameId; method: string; params: Params }
  | { kind: 'notification'; method: string; params: Params }
  | { kind: 'success'; id: FrameId; result: unknown }
  | { kind: 'error'; id: FrameId; error: WireError }
  | { kind: 'invalid'; id: FrameId | undefined; reason: string }

/** No peer comes near it, and everything that walks through a frame can rely on it. */
const MAX_DEPTH = 200

/**
 * Reads one text frame. Never throws. `jsonrpc` and other extra members (the UI's `requiredState`) are ignored,
 * `params` may be missing (A.1 rule 5 read leniently), batches are refused, an unreadable frame keeps the id if it has one.
 */
export function readFrame(text: string): Frame {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { kind: 'invalid', id: undefined, reason: 'not JSON' }
  }
  // Shorter ones cannot be that deep.
  if (text.length > MAX_DEPTH * 2 && isDeeper(value, MAX_DEPTH)) {
    return { kind: 'invalid', id: isObject(value) ? readId(value['id']) : undefined, reason: 'nested too deeply' }
  }
  // Only an escape can bring what is no text for the database.
  return classify(text.includes('\\u') ? storable(value) : value)
}

/** Same for a frame that is already parsed: the payload inside `edgeRpc`, say. */
export function classify(value: unknown): Frame {
  if (!isObject(value)) {
    return {
      kind: 'invalid',
      id: undefined,
      reason: Array.isArray(value) ? 'batches are not supported' : 'not an object',
    }
  }
  const id = readId(value['id'])
  const { method, params } = value
  if (typeof method === 'string') {
    if (params !== undefined && !isObject(params)) return { kind: 'invalid', id, reason: 'params must be an object' }
    if (method.length === 0 || method.length > 200) return { kind: 'invalid', id, reason: 'method name' }
    if (id !== undefined) return { kind: 'request', id, method, params: params ?? {} }
    if (value['id'] !== undefined && value['id'] !== null) return { kind: 'invalid', id, reason: 'id' }
    return { kind: 'notification', method, params: params ?? {} }
  }
  if (id === undefined) return { kind: 'invalid', id, reason: 'neither request, notification nor response' }
  if (value['result'] !== undefined) return { kind: 'success', id, result: value['result'] }
  if (isObject(value['error'])) return { kind: 'error', id, error: readError(value['error']) }
  return { kind: 'invalid', id, reason: 'neither request, notification nor response' }
}

/** `{"jsonrpc","id","result"}` with the members in OpenEMS's order; no result is `{}`. */
export function writeResult(id: FrameId, result: unknown): string {
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${result instanceof Written ? result.text : JSON.stringify(result ?? {})}}`
}

/** An error reply; `data` is always an array, because OpenEMS re-renders the text from it (A.3). */
export function writeError(id: FrameId, error: WireError): string {
  return JSON.stringify({ jsonrpc: '2.0', id, error: { code: error.code, message: error.message, data: error.data } })
}

/** A notification. */
export function writeNotification(method: string, params: Params): string {
  return JSON.stringify({ jsonrpc: '2.0', method, params })
}

/** A request of ours; `id` must be a UUID string for Java peers (A.1 rule 4). */
export function writeRequest(id: string, method: string, params: Params): string {
  return JSON.stringify({ jsonrpc: '2.0', method, params, id })
}

export function isObject(value: unknown): value is Params {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function readId(value: unknown): FrameId | undefined {
  if (typeof value === 'string') return value.length <= 200 ? value : undefined
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

function readError(error: Params): WireError {
  const data = Array.isArray(error['data']) ? error['data'].slice(0, 20).map((item) => toText(item, 500)) : []
  return {
    code: typeof error['code'] === 'number' && Number.isInteger(error['code']) ? error['code'] : 1,
    message: typeof error['message'] === 'string' ? error['message'].slice(0, 2000) : 'Unknown error',
    data,
  }
}

function isDeeper(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (depth === 0) return true
  for (const member of Array.isArray(value) ? value : Object.values(value)) if (isDeeper(member, depth - 1)) return true
  return false
}
