import { problem } from '../errors.ts'
import { requireText } from './write-door.ts'

/** Keys with a meaning, and their values from nothing to everything (D-06, D-07). Any other key is free. */
export const reservedClaims = [
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
] as const
export const claimValues = ['NONE', 'READ', 'WRITE', 'ADMIN'] as const

/** The reserved key that a text means, whatever its case. */
export function reservedClaim(text: string): string | undefined {
  return reservedClaims.find((name) => name === text.trim().toLowerCase())
}

/** The key of a claim as it is kept: a reserved one in lower case, a free one as it comes. */
export function requireClaimKey(text: string): string {
  const line = requireText(text, 'The key', 100)
  if (line === '') throw problem('The key is empty')
  return reservedClaim(line) ?? line
}

/** The value of a claim as it is kept: that of a reserved key in upper case, that of a free one as it comes. */
export function requireClaimValue(key: string, text: string): string {
  const reserved = reservedClaim(key)
  if (reserved === undefined) return requireText(text, 'The value', 500)
  const level = claimValues.find((name) => name === text.trim().toUpperCase())
  if (level === undefined) throw problem(`The value of ${reserved} is one of ${claimValues.join(', ')}`)
  return level
}
