import { addClaim, checkedClaim } from './claim-rules.ts'
import { members } from './json-object.ts'
import type { ImportProblem, Place } from './model.ts'
import type { Claims, Transform, UserField } from './template.ts'
import { problemAt } from './unreadable.ts'
import { parts } from './user-values.ts'

/** A transformation as a template of either kind says it. */
export interface RawTransform {
  operation: string
  /** One value, or claims. */
  value?: unknown
  /** What is converted into what. */
  pairs?: unknown
}

const roleNames: readonly string[] = ['user', 'manager']

/** The transformation of a field, or everything that is wrong about it. */
export function readTransform(place: Place, field: UserField, raw: RawTransform): Transform | ImportProblem[] {
  const isList = field === 'Sites' || field === 'Sources'
  switch (raw.operation.trim().toLowerCase()) {
    case 'force':
      return field === 'Claims' ? forcedClaims(place, raw.value) : forcedValue(place, field, raw.value)
    case 'convert':
      return field === 'Claims' ? convertedClaims(place, raw.pairs) : convertedValues(place, field, raw.pairs)
    case 'query':
      if (isList) return { kind: 'query' }
      return [problemAt(place, 'D-26', 'Only sites and sources are given by a query', field)]
    case 'list':
      if (isList)
        return { kind: 'list', separator: typeof raw.value === 'string' && raw.value !== '' ? raw.value : ',' }
      return [problemAt(place, 'D-10', 'Only sites and sources are given by a list', field)]
    default:
      return [problemAt(place, 'D-09', 'The operation is Force, Convert, Query or List', raw.operation)]
  }
}

function forcedValue(place: Place, field: UserField, value: unknown): Transform | ImportProblem[] {
  const list = Array.isArray(value) ? (value as unknown[]) : [value]
  const [text] = list
  if (field === 'Sites' || field === 'Sources')
    return [problemAt(place, 'D-10', 'Sites and sources cannot be forced: use a List or a Query')]
  if (field === 'Roles' && list.length !== 1)
    return [problemAt(place, 'D-04', 'A user has exactly one role: force one')]
  if (typeof text !== 'string' || list.length !== 1)
    return [problemAt(place, 'format', 'A forced value is one text', JSON.stringify(value) ?? '')]
  return { kind: 'force', value: text }
}

function forcedClaims(place: Place, value: unknown): Transform | ImportProblem[] {
  const claims = readClaims(place, value)
  return claims instanceof Map ? { kind: 'forceClaims', claims } : (claims as ImportProblem[])
}

function convertedValues(place: Place, field: UserField, given: unknown): Transform | ImportProblem[] {
  const values = new Map<string, string>()
  const problems: ImportProblem[] = []
  for (const [key, value] of pairsOf(given)) {
    if (typeof value !== 'string') problems.push(problemAt(place, 'format', `${key} is converted into a text`, key))
    else if (field === 'Roles' && !roleNames.includes(value.trim().toLowerCase()))
      problems.push(problemAt(place, 'D-05', `${key} is mapped to something else than User or Manager`, value))
    else values.set(key.trim(), value.trim())
  }
  if (values.size === 0 && problems.length === 0) problems.push(emptyConvert(place))
  return problems.length > 0 ? problems : { kind: 'convert', values }
}

function convertedClaims(place: Place, given: unknown): Transform | ImportProblem[] {
  const aliases = new Map<string, Claims>()
  const problems: ImportProblem[] = []
  for (const [alias, value] of pairsOf(given)) {
    const claims = readClaims(place, value)
    if (claims instanceof Map) aliases.set(alias.trim(), claims)
    else problems.push(...(claims as ImportProblem[]))
  }
  if (aliases.size === 0 && problems.length === 0) problems.push(emptyConvert(place))
  return problems.length > 0 ? problems : { kind: 'convertClaims', claims: aliases }
}

function emptyConvert(place: Place): ImportProblem {
  return problemAt(place, 'D-09', 'A Convert needs pairs of Key and Value')
}

/** Pairs from `[{Key, Value}]`, `{key: value}`, the text of either, or `key = value, key = value`. */
function pairsOf(given: unknown): [string, unknown][] {
  const value = typeof given === 'string' ? (parsed(given) ?? given) : given
  if (typeof value === 'string') return parts(value, ',').map(splitPair)
  if (!Array.isArray(value)) return Object.entries(value ?? {})
  return value.map((entry): [string, unknown] => {
    const pair = members(members(entry)?.get('keyvaluepair') ?? entry)
    const key = pair?.get('key') ?? pair?.get('name')
    return [typeof key === 'string' ? key : '', pair?.get('claims') ?? pair?.get('value')]
  })
}

/** Claims from `[{Name, Value}]`, `{key: value}`, the text of either, or `key = value, key = value`. */
function readClaims(place: Place, given: unknown): Claims | ImportProblem[] {
  const claims = new Map<string, string>()
  const list = Array.isArray(given) ? given.map((entry: unknown) => members(entry)?.get('claim') ?? entry) : given
  const problems = pairsOf(list).flatMap(([key, value]) => {
    if (typeof value !== 'string') return [problemAt(place, 'D-06', 'A claim has a Name and a Value', key)]
    const claim = checkedClaim(place, key, value)
    const problem = 'kind' in claim ? claim : addClaim(claims, place, claim)
    return problem ? [problem] : []
  })
  if (claims.size === 0 && problems.length === 0)
    return [problemAt(place, 'D-09', 'There are no claims here: list them with Name and Value')]
  return problems.length > 0 ? problems : claims
}

function splitPair(text: string): [string, string] {
  const at = text.lastIndexOf('=')
  return at === -1 ? [text, ''] : [text.slice(0, at).trim(), text.slice(at + 1).trim()]
}

function parsed(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return undefined
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
