/** Reading members of what a server sent, with the errors an edge answers (protocol A.1, A.4). */
import { EdgeFault, type FaultKind } from './edge-fault.ts'

export type JsonObject = Record<string, unknown>

/** A request as an edge understands it. */
export interface EdgeRequest {
  id: string
  method: string
  params: JsonObject
}

/** As lenient as the edge's own parser: groups may be shorter than in a canonical UUID. */
const uuid = /^[\da-f]{1,8}-[\da-f]{1,4}-[\da-f]{1,4}-[\da-f]{1,4}-[\da-f]{1,12}$/i

/** The request in a text frame; undefined for everything else, which an edge only logs (protocol A.2). */
export function readRequest(text: string): EdgeRequest | undefined {
  let frame: unknown
  try {
    frame = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(frame)) return undefined
  const { id, method, params } = frame
  if (typeof method !== 'string' || !isObject(params) || !isUuid(id)) return undefined
  return { id, method, params }
}

/** A complete request inside `params`: method, params and an id of its own. */
export function requestMember(from: JsonObject, name: string): EdgeRequest {
  const payload = objectMember(from, name)
  const request = unnumberedRequest(payload)
  if (!isUuid(payload.id)) throw wrong('noUuidMember', 'id', payload)
  return { ...request, id: payload.id }
}

/** The same without insisting on an id: the payload of `componentJsonApi`. */
export function unnumberedRequest(payload: JsonObject): Omit<EdgeRequest, 'id'> {
  return { method: stringMember(payload, 'method'), params: objectMember(payload, 'params') }
}

/** A member that must be an object. */
export function objectMember(from: JsonObject, name: string): JsonObject {
  const value = own(from, name)
  if (isObject(value)) return value
  throw wrong('noObjectMember', name, from)
}

/** A member that must be a text; numbers and booleans count as one, as on the edge. */
export function stringMember(from: JsonObject, name: string): string {
  const value = own(from, name)
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw wrong('noStringMember', name, from)
}

/** A member that must be true or false, as a text too. */
export function booleanMember(from: JsonObject, name: string): boolean {
  const value = own(from, name)
  if (typeof value === 'boolean') return value
  if (value === 'true' || value === 'false') return value === 'true'
  throw wrong('noBooleanMember', name, from)
}

/** A list of `{name, value}` pairs. */
export function propertiesMember(from: JsonObject, name: string): { name: string; value: unknown }[] {
  const value = own(from, name)
  if (!Array.isArray(value)) throw wrong('noArrayMember', name, from)
  return value.map((item) => {
    const property = isObject(item) ? item : {}
    return { name: stringMember(property, 'name'), value: own(property, 'value') ?? null }
  })
}

/** Any value, null included, but not missing. */
export function anyMember(from: JsonObject, name: string): unknown {
  if (!Object.hasOwn(from, name)) throw wrong('noMember', name, from)
  return from[name]
}

function own(from: JsonObject, name: string): unknown {
  return Object.hasOwn(from, name) ? from[name] : undefined
}

function wrong(kind: FaultKind, name: string, from: JsonObject): EdgeFault {
  return new EdgeFault(kind, name, JSON.stringify(from).slice(0, 100))
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isUuid(value: unknown): value is string {
  return typeof value === 'string' && uuid.test(value)
}
