import { addClaim, MAX_CLAIMS } from './claim-rules.ts'
import type {
  ImportItem,
  ImportProblem,
  Place,
  PlacedField,
  ReadOptions,
  RestrictionChange,
  Selection,
  UserRecord,
} from './model.ts'
import { parseQuery } from './query.ts'
import { Seen } from './seen.ts'
import type { Template, TemplateItem, UserField } from './template.ts'
import { problemAt } from './unreadable.ts'
import { aliasedClaims, claimsAt } from './user-claims.ts'
import { type RawValidity, restrictionOf } from './user-periods.ts'
import { MAX_LISTED, parts, type RawValue, rules, storedText, textOf } from './user-values.ts'

/**
 * What stands in a file about one user, by field. A field the file says nothing about is left out and stays as it is; one
 * with an empty text or without a value is emptied.
 */
export interface RawUser {
  place: Place
  values: ReadonlyMap<UserField, readonly RawValue[]>
}

const languages: readonly string[] = ['FR', 'NL', 'EN', 'DE']
const roles = ['User', 'Manager'] as const

/** Makes users of what stands in a file, by its template; remembers whom it has seen, for an address is there once (D-03). */
export class UserBuilder {
  readonly #template: Template
  readonly #options: ReadOptions
  readonly #transforms: ReadonlyMap<UserField, TemplateItem>
  readonly #seen: Seen

  constructor(template: Template, options: ReadOptions, seen = new Seen()) {
    this.#template = template
    this.#seen = seen
    this.#options = options
    this.#transforms = new Map(
      template.items.filter(({ transform }) => transform !== undefined).map((item) => [item.field, item]),
    )
  }

  /** The user, or everything that is wrong about him. */
  build(raw: RawUser): ImportItem[] {
    const problems: ImportProblem[] = []
    const line = (field: UserField, what: string) => this.#text(raw, field, problems, rules.line(what))
    const email = this.#text(raw, 'Email', problems, rules.email)
    if (email === '' || (email === undefined && problems.length === 0))
      problems.push(problemAt(raw.place, 'D-03', 'A user needs an e-mail address'))
    const userName = this.#text(raw, 'UserName', problems, (text) => (text.trim() === '' ? '' : rules.login(text)))
    const login = userName || email || ''
    if (email && login) problems.push(...this.#repeated(raw, email, login))
    const user: UserRecord = { kind: 'user', place: raw.place, login, email: email ?? '' }
    assign(user, 'firstname', line('FirstName', 'The first name'))
    assign(user, 'lastname', line('LastName', 'The last name'))
    assign(user, 'phone', line('PhoneNumber', 'The phone number'))
    this.#language(user, raw, problems)
    assign(user, 'accountRole', this.#role(raw, problems))
    this.#claims(user, raw, problems)
    this.#access(user, raw, problems)
    assign(user, 'where', whereOf(raw))
    return problems.length > 0 ? problems : [user]
  }

  /** What one signs in with, address or name, is one person's only. */
  #repeated(raw: RawUser, email: string, login: string): ImportProblem[] {
    for (const key of new Set([email, login])) {
      const first = this.#seen.add(key, raw.place)
      if (first === undefined) continue
      const [field, what] =
        key === email ? (['Email', 'e-mail address'] as const) : (['UserName', 'user name'] as const)
      return [problemAt(placeOf(raw, field), 'D-03', `The ${what} is in this file already, ${first}: leave one`, key)]
    }
    return []
  }

  /** The one text of a field: forced, converted or as it stands. */
  #text(
    raw: RawUser,
    field: UserField,
    problems: ImportProblem[],
    require: (text: string) => string,
  ): string | undefined {
    const transform = this.#transforms.get(field)?.transform
    const [value, ...others] = raw.values.get(field) ?? []
    if (value === undefined && transform?.kind !== 'force') return undefined
    const place = value?.place ?? raw.place
    if (others.length > 0) {
      problems.push(problemAt(place, 'format', `${field} has several values here: leave one`))
      return undefined
    }
    const text = transform?.kind === 'force' || value === undefined ? forced(transform) : textOf(value, field)
    const changed = typeof text === 'string' ? converted(place, field, text, transform) : text
    const stored = typeof changed === 'string' ? storedText(place, ruleOf(field), changed, require) : changed
    if (typeof stored === 'string') return stored
    problems.push(stored)
    return undefined
  }

  #language(user: UserRecord, raw: RawUser, problems: ImportProblem[]): void {
    const text = this.#text(raw, 'Language', problems, (given) => given.trim().toUpperCase())
    if (text && languages.includes(text)) user.language = text
    else if (text)
      problems.push(problemAt(placeOf(raw, 'Language'), 'D-02', `The language is one of ${languages.join(', ')}`, text))
    else assign(user, 'languageIfNew', this.#options.language)
  }

  /** Exactly one (D-04), said or mapped (D-05). */
  #role(raw: RawUser, problems: ImportProblem[]): UserRecord['accountRole'] {
    const given = raw.values.get('Roles') ?? []
    const place = placeOf(raw, 'Roles')
    const names = given.length > 1 ? new Set(given.map(({ value }) => JSON.stringify(value))) : undefined
    if (names !== undefined && names.size > 1) {
      problems.push(problemAt(place, 'D-04', 'A user has exactly one role: leave one', [...names].join(', ')))
      return undefined
    }
    const values = new Map(raw.values).set('Roles', given.slice(0, 1))
    const text = this.#text({ ...raw, values }, 'Roles', problems, (name) => name.trim())
    if (!text) return undefined
    const role = roles.find((name) => name.toLowerCase() === text.toLowerCase())
    if (role === undefined)
      problems.push(problemAt(place, 'D-05', 'The role is User or Manager, or a key of the mapping', text))
    return role
  }

  #claims(user: UserRecord, raw: RawUser, problems: ImportProblem[]): void {
    const transform = this.#transforms.get('Claims')?.transform
    if (transform?.kind === 'forceClaims') {
      user.claimsIfNew = Object.fromEntries(transform.claims)
      return
    }
    const claims = new Map<string, string>()
    for (const value of raw.values.get('Claims') ?? []) {
      const found = transform?.kind === 'convertClaims' ? aliasedClaims(value, transform.claims) : claimsAt(value)
      for (const claim of found) {
        const problem = 'kind' in claim ? claim : addClaim(claims, value.place, claim)
        if (problem) problems.push(problem)
      }
      if (claims.size + problems.length > MAX_CLAIMS)
        return void problems.push(problemAt(value.place, 'D-06', `A user has at most ${MAX_CLAIMS} claims`))
    }
    if (claims.size > 0) user.claims = Object.fromEntries(claims)
  }

  #access(user: UserRecord, raw: RawUser, problems: ImportProblem[]): void {
    const sites = this.#selection(raw, 'Sites', problems)
    const edges = this.#selection(raw, 'Sources', problems)
    if (sites === undefined && edges === undefined) return
    user.access = { mode: this.#template.accessMode, ...(sites && { sites }), ...(edges && { edges }) }
    if ([sites, edges].some((selection) => selection !== undefined && 'query' in selection))
      completeQueries(user.access)
    const byEdge = this.#restrictions(raw, problems)
    if (byEdge.size > 0) user.restrictions = { mode: this.#template.restrictionMode, byEdge }
  }

  #selection(raw: RawUser, field: 'Sites' | 'Sources', problems: ImportProblem[]): Selection | undefined {
    const values = raw.values.get(field)
    const transform = this.#transforms.get(field)?.transform
    if (transform?.kind === 'query') {
      const query = this.#text(raw, field, problems, (text) => text.trim())
      const parsed = query ? parseQuery(query, field === 'Sites' ? 'site' : 'edge') : ''
      if (query && typeof parsed === 'string') problems.push(problemAt(placeOf(raw, field), 'D-26', parsed, query))
      return query ? { query } : { keys: [] }
    }
    if (values === undefined) return undefined
    const separator = transform?.kind === 'list' ? transform.separator : this.#template.separator
    const keys = new Set<string>()
    for (const value of values) {
      for (const key of keysAt(value, field, separator)) {
        if (typeof key === 'string') keys.add(key)
        else problems.push(key)
        if (keys.size + problems.length > MAX_LISTED) return void problems.push(tooMany(raw, field))
      }
    }
    return { keys: [...keys] }
  }

  /** By source. What is not restricted here is not named (D-23). */
  #restrictions(raw: RawUser, problems: ImportProblem[]): Map<string, RestrictionChange> {
    const given = new Map<string, RawValidity[]>()
    for (const value of raw.values.get('Sources') ?? []) {
      const key = textOf(value, 'Sources')
      if (value.validity === undefined || typeof key !== 'string') continue
      const validities = given.get(key.trim()) ?? []
      validities.push(...value.validity)
      given.set(key.trim(), validities)
    }
    const byEdge = new Map<string, RestrictionChange>()
    for (const [key, validities] of given) {
      const read = restrictionOf(this.#template.restrictionMode, validities)
      if ('problems' in read) problems.push(...read.problems)
      else if (read.change !== undefined) byEdge.set(key, read.change)
    }
    return byEdge
  }
}

function forced(transform: TemplateItem['transform']): string {
  return transform?.kind === 'force' ? transform.value : ''
}

function converted(
  place: Place,
  field: UserField,
  text: string,
  transform: TemplateItem['transform'],
): string | ImportProblem {
  if (transform?.kind !== 'convert' || text.trim() === '') return text
  const value = transform.values.get(text.trim())
  return value ?? problemAt(place, ruleOf(field), `${field} is not among the keys of its mapping`, text)
}

/** A query for one of both makes the other an empty list, not one that stays (D-26). */
function completeQueries(access: NonNullable<UserRecord['access']>): void {
  access.sites ??= { keys: [] }
  access.edges ??= { keys: [] }
}

function tooMany(raw: RawUser, field: UserField): ImportProblem {
  const text = `More than ${MAX_LISTED} are listed: grant a group or the organisation instead`
  return problemAt(placeOf(raw, field), 'limit', text)
}

function keysAt(raw: RawValue, field: UserField, separator: string | undefined): (string | ImportProblem)[] {
  const text = textOf(raw, field)
  if (typeof text !== 'string') return [text]
  const keys = separator === undefined ? parts(text, '\0') : parts(text, separator)
  return keys.slice(0, MAX_LISTED + 1).map((key) => storedText(raw.place, 'D-10', key, rules.line('The key')))
}

const placed: readonly (readonly [PlacedField, UserField])[] = [
  ['email', 'Email'],
  ['role', 'Roles'],
  ['claims', 'Claims'],
  ['sites', 'Sites'],
  ['edges', 'Sources'],
]

/** Column or path of what the record says; of a list in JSON all of it. */
function whereOf(raw: RawUser): NonNullable<UserRecord['where']> {
  const found = placed.flatMap(([name, field]): [PlacedField, Pick<Place, 'column' | 'path'>][] => {
    const { column, path } = raw.values.get(field)?.[0]?.place ?? {}
    if (column !== undefined) return [[name, { column }]]
    if (path === undefined) return []
    const from = raw.place.path?.length ?? 0
    return [[name, { path: path.slice(0, from) + path.slice(from).replaceAll(/\[\d+\]/g, '[*]') }]]
  })
  return Object.fromEntries(found)
}

function placeOf(raw: RawUser, field: UserField): Place {
  return raw.values.get(field)?.[0]?.place ?? raw.place
}

function ruleOf(field: UserField): string {
  const byField: Partial<Record<UserField, string>> = {
    Email: 'D-03',
    Roles: 'D-05',
    Claims: 'D-09',
    Sites: 'D-26',
    Sources: 'D-26',
  }
  return byField[field] ?? 'D-02'
}

function assign<K extends keyof UserRecord>(user: UserRecord, key: K, value: UserRecord[K] | undefined): void {
  if (value !== undefined) user[key] = value
}
