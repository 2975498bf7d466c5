import { checkedClaim, MAX_CLAIMS } from './claim-rules.ts'
import { members } from './json-object.ts'
import type { ImportProblem } from './model.ts'
import type { Claims } from './template.ts'
import { problemAt } from './unreadable.ts'
import { parts, type RawValue, textOf } from './user-values.ts'

/** What an alias stands for (D-09); several aliases stand in one cell with commas between. */
export function aliasedClaims(
  value: RawValue,
  aliases: ReadonlyMap<string, Claims>,
): ([string, string] | ImportProblem)[] {
  const text = textOf(value, 'Claims')
  if (typeof text !== 'string') return [text]
  const names = aliases.has(text.trim()) ? [text.trim()] : parts(text, ',')
  return names.slice(0, MAX_CLAIMS + 1).flatMap((name): ([string, string] | ImportProblem)[] => {
    const claims = aliases.get(name)
    if (claims) return [...claims]
    return [problemAt(value.place, 'D-09', 'This is not an alias of the template: add it there or correct it', name)]
  })
}

/** Claims without alias: `{"Name": ..., "Value": ...}` in JSON, `sensors=READ, control=NONE` in a cell. */
export function claimsAt(raw: RawValue): ([string, string] | ImportProblem)[] {
  const claim = members(raw.value)
  const [name, value] = [claim?.get('name') ?? claim?.get('key'), claim?.get('value')]
  if (typeof name === 'string' && typeof value === 'string') return [checkedClaim(raw.place, name, value)]
  const text = textOf(raw, 'Claims')
  if (typeof text !== 'string') return [text]
  const pairs = parts(text, /[,;]/).slice(0, MAX_CLAIMS + 1)
  return pairs.map((pair) => {
    const at = pair.lastIndexOf('=')
    if (at > 0) return checkedClaim(raw.place, pair.slice(0, at), pair.slice(at + 1))
    return problemAt(raw.place, 'D-09', 'A claim is written key=value; an alias needs a CONVERT in the template', pair)
  })
}
