import type { FleetEntry } from './fleet-format.ts'
import { recordsOf } from './fleet-records.ts'
import { MAX_ENTRY_TOKENS } from './json-members.ts'
import type { AlertingRecord, ImportItem, ImportProblem, Place, RestrictionChange, UserRecord } from './model.ts'
import { problemAt } from './unreadable.ts'

type UserEntry = FleetEntry<'users'>

/** So many words and signs of lists one entry has: with all else that belongs to a user it stays below what is read. */
const MAX_LIST_TOKENS = 0.4 * MAX_ENTRY_TOKENS
const TOKENS_OF_EDGE = 4
const TOKENS_OF_WINDOW = 6
const TOKENS_OF_ALERTING = 18
/** Edges that restrictions and alerting of one user name: what he is becomes one line on disk. */
const MAX_LISTED = 20_000
const continuing: ReadonlySet<string> = new Set(['login', 'continues', 'restrictions', 'alerting'])

/** A user as one entry, or as several where his lists are long: each after the first continues the one before. */
export function entriesOf({ restrictions = {}, alerting = [], ...person }: UserEntry): UserEntry[] {
  const parts: UserEntry[] = []
  let part: UserEntry = person
  let windows: [string, NonNullable<UserEntry['restrictions']>[string]][] = []
  let delays: NonNullable<UserEntry['alerting']> = []
  let tokens = 0
  const close = () => {
    if (windows.length > 0) part.restrictions = Object.fromEntries(windows)
    if (delays.length > 0) part.alerting = delays
    parts.push(part)
  }
  const need = (count: number) => {
    tokens += count
    if (tokens <= MAX_LIST_TOKENS) return
    close()
    part = { login: person.login, continues: true }
    windows = []
    delays = []
    tokens = count
  }
  for (const [edge, periods] of Object.entries(restrictions)) {
    need(TOKENS_OF_EDGE + TOKENS_OF_WINDOW * periods.length)
    windows.push([edge, periods])
  }
  for (const row of alerting) {
    need(TOKENS_OF_ALERTING)
    delays.push(row)
  }
  close()
  return parts
}

/** Puts the entries of `users` together where one continues the one before. */
export class FleetUsers {
  #open: { user: UserRecord; restrictions: Map<string, RestrictionChange>; alerting: AlertingRecord[] } | undefined
  /** Login of the entry before, if that was wrong: what continues it is left out with it. */
  #wrong: string | undefined

  /** Takes an entry: what is complete by that, and what is wrong with it. */
  next(entry: unknown, place: Place): ImportItem[] {
    const items = recordsOf('users', entry, place)
    const [item] = items
    const isMore = membersOf(entry)['continues'] === true
    if (isMore && item?.kind === 'user') return this.#add(item, entry)
    if (isMore) return items
    const complete = this.end()
    this.#wrong = item?.kind === 'user' ? undefined : String(membersOf(entry)['login']).trim().toLowerCase()
    if (item?.kind !== 'user') return [...complete, ...items]
    this.#open = {
      user: item,
      restrictions: new Map(item.restrictions?.byEdge),
      alerting: [...(item.alerting ?? [])],
    }
    return complete
  }

  /** The user that was begun last. */
  end(): UserRecord[] {
    const open = this.#open
    this.#open = undefined
    this.#wrong = undefined
    if (open === undefined) return []
    const { user, restrictions, alerting } = open
    if (restrictions.size > 0) user.restrictions = { mode: 'set', byEdge: restrictions }
    if (alerting.length > 0) user.alerting = alerting
    return [user]
  }

  #add(more: UserRecord, entry: unknown): ImportProblem[] {
    const open = this.#open
    if (open?.user.login !== more.login) {
      if (more.login === this.#wrong) return []
      return [misplaced(more.place, 'This entry continues nobody: it belongs right after the one of the same user')]
    }
    if (Object.keys(membersOf(entry)).some((name) => !continuing.has(name)))
      return [misplaced(more.place, 'An entry that continues another has restrictions and alerting, and nothing else')]
    for (const [edge, change] of more.restrictions?.byEdge ?? []) {
      if (open.restrictions.has(edge))
        return [misplaced(more.place, 'The restrictions of this edge were given before: leave one of the two', edge)]
      open.restrictions.set(edge, change)
    }
    for (const row of more.alerting ?? []) open.alerting.push(row)
    if (open.restrictions.size + open.alerting.length <= MAX_LISTED) return []
    this.#open = undefined
    this.#wrong = more.login
    const text = `One user has more than ${MAX_LISTED} restrictions and alerting settings: set the others by hand`
    return [problemAt(more.place, 'limit', text, more.login)]
  }
}

function misplaced(place: Place, text: string, value?: string): ImportProblem {
  return problemAt(place, 'format', text, value)
}

function membersOf(entry: unknown): Record<string, unknown> {
  return typeof entry === 'object' && entry !== null ? (entry as Record<string, unknown>) : {}
}
