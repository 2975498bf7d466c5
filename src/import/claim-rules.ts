import { requireClaimKey, requireClaimValue, reservedClaim } from '../access/claims.ts'
import type { ImportProblem, Place } from './model.ts'
import { problemAt } from './unreadable.ts'
import { storedText } from './user-values.ts'

/** Before a reserved key in its long form; alone, the key `base`. */
const address = 'http://opisense.opinum.com'
/** Of one user. */
export const MAX_CLAIMS = 200
const refusedKeys: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** A claim as it is kept: a reserved key by its short name (D-06, D-07), any other as it comes. */
export function checkedClaim(place: Place, key: string, value: string): [key: string, value: string] | ImportProblem {
  const name = storedText(place, 'D-06', shortKey(key.trim()), requireClaimKey)
  if (typeof name !== 'string') return name
  if (refusedKeys.has(name)) return problemAt(place, 'D-06', `A claim cannot be called ${name}`)
  const rule = reservedClaim(name) === undefined ? 'D-06' : 'D-07'
  const kept = storedText(place, rule, value, (text) => requireClaimValue(name, text))
  return typeof kept === 'string' ? [name, kept] : kept
}

/** Adds a claim to others; the same key with another value is a contradiction. */
export function addClaim(
  claims: Map<string, string>,
  place: Place,
  [key, value]: [string, string],
): ImportProblem | undefined {
  const other = claims.get(key)
  if (other !== undefined && other !== value)
    return problemAt(place, 'D-06', `The claim ${key} is given twice, with different values: leave one`, value)
  claims.set(key, value)
  return undefined
}

function shortKey(key: string): string {
  const lower = key.toLowerCase()
  if (!lower.startsWith(address)) return key
  return reservedClaim(lower.slice(address.length).replace(/^\/+|\/+$/g, '') || 'base') ?? key
}
