import { type Period, windowChange } from '../access/windows.ts'
import type { ImportProblem, MergeMode, Place, RestrictionChange } from './model.ts'
import { problemAt } from './unreadable.ts'

/** What stands beside a source: where, and what. */
export interface RawValidity {
  place: Place
  value: unknown
}

interface Read {
  periods: Period[]
  unrestricted: boolean
}

const utc = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?Z$/

const mistakes = {
  endWithOthers: {
    rule: 'D-22',
    text: 'A period with an end alone cannot stand beside others of the same source: nothing of this file is applied',
  },
  emptySet: {
    rule: 'V17',
    text: 'To set no period is ambiguous: write {"unrestricted": true} to lift the restriction, or give a period',
  },
  noBounds: { rule: 'D-14', text: 'A period needs "from", "to" or both' },
} as const

/**
 * What the periods of one source ask for (D-14..D-24), from all places that speak of it; undefined: nothing, what is there
 * stays (D-23). An end beside other periods is a problem of the whole file (D-22).
 */
export function restrictionOf(
  mode: MergeMode,
  given: readonly RawValidity[],
): { change: RestrictionChange | undefined } | { problems: ImportProblem[] } {
  const [first] = given
  if (first === undefined) return { change: undefined }
  const problems: ImportProblem[] = []
  const all: Read = { periods: [], unrestricted: false }
  for (const validity of given) readValidity(validity, all, problems)
  if (problems.length > 0) return { problems }
  if (all.unrestricted && all.periods.length > 0)
    return { problems: [problemAt(first.place, 'V17', 'Either "unrestricted" or periods: leave one')] }
  const asked = windowChange({ mode, ...all })
  if (asked.ok) return { change: asked.change }
  const { rule, text } = mistakes[asked.reason]
  const problem = problemAt(first.place, rule, text)
  return { problems: [asked.reason === 'endWithOthers' ? { ...problem, isFatal: true } : problem] }
}

function readValidity({ place, value }: RawValidity, all: Read, problems: ImportProblem[]): void {
  const list = Array.isArray(value) ? (value as unknown[]) : [value]
  for (const [index, entry] of list.entries()) {
    const at = Array.isArray(value) ? { ...place, path: `${place.path ?? ''}[${index}]` } : place
    const found = readPeriod(at, entry)
    if ('kind' in found) problems.push(found)
    else if ('unrestricted' in found) all.unrestricted = true
    else all.periods.push(found)
  }
}

function readPeriod(place: Place, entry: unknown): Period | { unrestricted: true } | ImportProblem {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry))
    return problemAt(place, 'D-14', 'A period is an object with "from", "to" or both')
  const period: Period = {}
  for (const [key, value] of Object.entries(entry)) {
    const name = key.toLowerCase()
    if (name === 'unrestricted' && value === true) return { unrestricted: true }
    if (name !== 'from' && name !== 'to')
      return problemAt(place, 'D-14', 'A period has "from" and "to" and nothing else', key)
    if (value === null) continue
    const at = parseUtc(value)
    if (at === undefined)
      return problemAt(
        place,
        'D-16',
        'A time is written in UTC and ISO 8601, like 2021-06-01T00:00:00Z',
        typeof value === 'string' ? value : JSON.stringify(value),
      )
    period[name] = at
  }
  if (period.from !== undefined && period.to !== undefined && period.from > period.to)
    return problemAt(place, 'D-15', 'The period would end before it begins: exchange "from" and "to"')
  return period
}

/** The instant a text in UTC ISO 8601 names (D-16); undefined with an offset, without one, and for days there are not. */
function parseUtc(value: unknown): number | undefined {
  if (typeof value !== 'string' || !utc.test(value)) return undefined
  const at = Date.parse(value)
  if (Number.isNaN(at) || new Date(at).toISOString().slice(0, 16) !== value.slice(0, 16)) return undefined
  return at
}
