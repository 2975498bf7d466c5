import type { GuardResult } from '../access/graph-guard.ts'

/** Why the guard refuses, in a sentence for whoever imports. */
export function refusedText(result: Exclude<GuardResult, { ok: true }>): string {
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
      return 'Groups and organisations are nested at most 10 deep'
    case 'tooMany':
      return 'It lies in 100 groups already'
  }
}
