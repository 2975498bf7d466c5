import type { MergeMode, Place } from './model.ts'

/** What can be said of a user. The names are those of the identifiers, `opUser.FirstName` and so on. */
export const userFields = [
  'Email',
  'UserName',
  'FirstName',
  'LastName',
  'Language',
  'PhoneNumber',
  'Roles',
  'Claims',
  'Sites',
  'Sources',
] as const
export type UserField = (typeof userFields)[number]

/** How a file is to be read: which of its places say what of a user, and what is made of what stands there. */
export interface Template {
  place: Place
  /** In JSON: where the users are. */
  rootPath?: string
  /** Without a path in any of them they say only what is made of columns that are named after fields. */
  items: readonly TemplateItem[]
  /** In a table: what stands between several keys in one cell. */
  separator?: string
  accessMode: MergeMode
  restrictionMode: MergeMode
  isDryRun: boolean
}

export interface TemplateItem {
  place: Place
  field: UserField
  /** In JSON a path below the user, in a table the name of a column; without one the value is forced. */
  path?: string
  /** In JSON: where the periods are, beside the sources. */
  validity?: string
  transform?: Transform
}

/** Claims by key, already checked. */
export type Claims = ReadonlyMap<string, string>

export type Transform =
  | { kind: 'force'; value: string }
  | { kind: 'forceClaims'; claims: Claims }
  | { kind: 'convert'; values: ReadonlyMap<string, string> }
  | { kind: 'convertClaims'; claims: ReadonlyMap<string, Claims> }
  | { kind: 'query' }
  | { kind: 'list'; separator: string }

/** Fields that hold several values; all others stand in one place only. */
export const listFields: ReadonlySet<UserField> = new Set(['Roles', 'Claims', 'Sites', 'Sources'])

/** The field an identifier names, written as JSON templates (`opUser.Email`) or sheets (`_opUser.Email`) do. */
export function fieldOf(identifier: string): UserField | undefined {
  const name = /^_?opuser\.(.+)$/i.exec(identifier.trim())?.[1]?.toLowerCase()
  return userFields.find((field) => field.toLowerCase() === name)
}

/** Whether the text is meant as an identifier of this kind at all, known or not. */
export function isIdentifier(text: string): boolean {
  return /^_?op(user|site|siteform|source|sourceform|event|eventform|variable)\./i.test(text.trim())
}

/** A mode as a template says it; undefined for anything else. */
export function mergeModeOf(text: string): MergeMode | undefined {
  const name = text.trim().toLowerCase()
  return name === 'set' || name === 'merge' ? name : undefined
}
