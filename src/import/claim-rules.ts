import type { ImportProblem, Place } from './model.ts'
import { problemAt } from './unreadable.ts'

/** Keys with a meaning (D-06); their long form is an address. */
export const reservedClaims: readonly string[] = [
  'base',
  'buildingproperties',
  'sensors',
  'event',
  'storage',
  'tickets',
  'control',
  'schedule',
  'settings',
  'reports',
  'triggers',
  'invoices',
]
const reservedValues: readonly string[] = ['NONE', 'READ', 'WRITE', 'ADMIN']
const address = 'http://opisense.opinum.com'
const refusedKeys: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/**
 * A claim as it is kept: a reserved key by its short name in lower case, with its value in upper case (D-06, D-07); any
 * other as it comes.
 */
export function checkedClaim(place: Place, key: string, value: string): [key: string, value: string] | ImportProblem {
  const name = shortKey(key.trim())
  if (name === '' || name.length > 100 || refusedKeys.has(name) || /\p{Cc}/u.test(name))
    return problemAt(place, 'D-06', 'This cannot be the key of a claim: it has 1 to 100 characters on one line', key)
  const text = value.trim()
  if (!reservedClaims.includes(name)) {
    if (text.length <= 500 && !/\p{Cc}/u.test(text)) return [name, text]
    return problemAt(place, 'D-06', 'The value of a claim has at most 500 characters on one line', value)
  }
  const level = text.toUpperCase()
  if (reservedValues.includes(level)) return [name, level]
  return problemAt(place, 'D-07', `The value of the claim ${name} is one of ${reservedValues.join(', ')}`, value)
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
  const name = lower.startsWith(address) ? lower.slice(address.length).replace(/^\/+|\/+$/g, '') || 'base' : lower
  return reservedClaims.includes(name) ? name : key
}
