import type { Options, Result } from './calls.ts'

interface Way {
  to: string
  groupId?: number
  groupName?: string
  on: string
  onId?: number
  onName?: string
  role: string
  validTo: string | null
}
interface Seeing {
  login?: string
  role: string | null
  historicOnly: boolean
  components: string[] | null
  ways: Way[]
}
interface Node {
  kind: string
  name: string
}
interface Effect {
  principal: Node
  resource: Node
  gained: string[]
  lost: string[]
  roleBefore: string | null
  roleAfter: string | null
}

/** Who may see an edge, a line each: role, what it is cut to, and by which grants. */
export function audienceText(result: Result, _args: string[], options: Options): string {
  const { users, hidden, everybody } = result as { users: Seeing[]; hidden: number; everybody: boolean }
  const lines = users.map(({ login, role, historicOnly, components, ways }) =>
    [
      login ?? '',
      role ?? 'no role',
      historicOnly ? 'the past only' : '',
      components === null ? '' : `components: ${components.join(',')}`,
      ...ways.map(wayText),
    ]
      .filter(Boolean)
      .join('  '),
  )
  if (hidden > 0) lines.push(`and ${hidden} private account(s) of which you may not know`)
  if (everybody) lines.push('and everybody, an overview without names')
  lines.push(...moreText(result, users.length, options))
  return lines.join('\n') || 'Nobody.'
}

function wayText({ to, groupId, groupName, on, onId, onName, role, validTo }: Way): string {
  const where = on === 'edge' ? 'it' : [on, onId, onName].filter(Boolean).join(' ')
  const through = to === 'userGroup' ? ` through ${['group', groupId, groupName].filter(Boolean).join(' ')}` : ''
  return `${role} on ${where}${through}${validTo === null ? '' : ` until ${validTo}`}`
}

interface Counts {
  principal: Node
  gains: number
  loses: number
}
const SHOWN = 20

/** What a change would do: on how many things to whom, and a line each for the first of them. */
export function effectText(result: Result): string {
  const { principals, total, complete } = result as { principals: Counts[]; total: number; complete: boolean }
  const changes = (result['changes'] as Effect[]).slice(0, SHOWN)
  const counted = principals.map(({ principal, gains, loses }) => {
    const parts = [gains > 0 ? `gains on ${gains}` : '', loses > 0 ? `loses on ${loses}` : '']
    return `  ${nodeText(principal)} ${parts.filter(Boolean).join(', ') || 'reads other times'}`
  })
  const lines = changes.map(({ principal, resource, gained, lost, roleBefore, roleAfter }) => {
    const roles = roleBefore === roleAfter ? '' : ` (${roleBefore ?? 'no role'} -> ${roleAfter ?? 'no role'})`
    const parts = [
      gained.length > 0 ? `gains ${gained.join(' ')}` : '',
      lost.length > 0 ? `loses ${lost.join(' ')}` : '',
    ]
    const said = parts.filter(Boolean).join(' and ') || 'reads other times'
    return `  ${nodeText(principal)} ${said} on ${nodeText(resource)}${roles}`
  })
  if (total > changes.length) lines.push(`  and so on, ${total} in all`)
  if (!complete) lines.push('More is concerned than was looked at.')
  if (lines.length === 0) return 'Nothing was changed, and nobody would get or lose access.'
  return ['Nothing was changed; this would be, by the number of things:', ...counted, 'Namely:', ...lines].join('\n')
}

function nodeText({ kind, name }: Node): string {
  return kind === 'edge' || kind === 'user' || kind === 'hidden' || kind === 'platform' ? name : `${kind} ${name}`
}

/** How much of a list is on other pages, if anything; of edges nobody counts how many there are. */
export function moreText(result: Result, shown: number, { page, limit }: Options): string[] {
  const number = Number(page ?? 1)
  const before = (number - 1) * Number(limit ?? shown)
  if (result['total'] === undefined)
    return shown > 0 && shown === limit ? [`There may be more: --page ${number + 1}`] : []
  const total = Number(result['total'])
  if (shown === 0 || before + shown >= total) return []
  return [`${before + 1} to ${before + shown} of ${total}; --page ${number + 1} shows the next`]
}

/** How the edges in something fare, and what their values come to. */
export function summaryText(result: Result): string {
  const { edges, states, sums } = result as {
    edges: number
    states: Record<string, number> | null
    sums: { channel: string; sum: number | null; count: number | null }[]
  }
  const fewer = 'not told, of fewer than five edges'
  const shown = states && Object.entries(states).map(([state, count]) => `${count} ${state}`)
  return [
    `edges  ${edges}`,
    `states  ${shown?.join('  ') ?? fewer}`,
    ...sums.map(({ channel, sum, count }) => `${channel}  ${sum === null ? fewer : `${sum} of ${count} edges`}`),
  ].join('\n')
}
