import { maxDepth, maxGroupsOfOne } from '../access/graph-depth.ts'
import type { GuardResult } from '../access/graph-guard.ts'

export type Refused = Exclude<GuardResult, { ok: true }>

/** The rule by which the guard refuses. */
export function refusedRule({ reason }: Refused): string {
  switch (reason) {
    case 'cycle':
    case 'tooDeep':
      return 'G-34'
    case 'otherTenant':
      return 'P-18'
    case 'tooMany':
      return 'limit'
    default:
      return 'G-01'
  }
}

/** Why the guard refuses, in a sentence for whoever imports. */
export function refusedText(result: Refused): string {
  switch (result.reason) {
    case 'unknown':
    case 'noShare':
      return 'There is no such thing here that you may share'
    case 'exceeds':
      return `You cannot pass on what you do not hold yourself: ${(result.missing ?? []).join(', ')}`
    case 'wrongKind':
      return 'The one cannot contain the other'
    case 'otherTenant':
      return 'It belongs to another organisation'
    case 'cycle':
      return 'A group cannot contain itself'
    case 'tooDeep':
      return `Groups and organisations are nested at most ${maxDepth} deep`
    case 'tooMany':
      return `It lies in ${maxGroupsOfOne} groups of this owner already, and no more may hold it: put it into fewer, or a group into a group`
  }
}
