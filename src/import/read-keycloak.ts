import { z } from 'zod'
import { openemsRoles } from '../access/model.ts'
import { languages } from '../accounts/account-rules.ts'
import { sentenceOf } from './issue-text.ts'
import { jsonMembers } from './json-members.ts'
import type { GroupRecord, ImportInput, ImportItem, ImportLimits, Place, ReadOptions, UserRecord } from './model.ts'
import { problemAt, Unreadable } from './unreadable.ts'

const MAX_DEPTH = 10

const attributes = z.record(z.string(), z.array(z.string())).nullish()
const userForm = z.looseObject({
  username: z.string().trim().min(1, 'is empty'),
  email: z.string().nullish(),
  enabled: z.boolean().nullish(),
  firstName: z.string().nullish(),
  lastName: z.string().nullish(),
  attributes,
  groups: z.array(z.string()).nullish(),
  realmRoles: z.array(z.string()).nullish(),
  serviceAccountClientId: z.string().nullish(),
})
interface KeycloakGroup {
  name: string
  path?: string | null | undefined
  attributes?: z.output<typeof attributes>
  subGroups?: KeycloakGroup[] | null | undefined
}
const groupForm: z.ZodType<KeycloakGroup> = z.looseObject({
  name: z.string().min(1, 'is empty'),
  path: z.string().nullish(),
  attributes,
  get subGroups() {
    return z.array(groupForm).nullish()
  },
})

/** Whether a file that begins like this is the export of a Keycloak realm, or one of its files of users. */
export function isKeycloak({ text }: { text?: string }): boolean {
  return text !== undefined && /^\s*\{/.test(text) && /"realm"\s*:\s*"/.test(text) && !/"edges"\s*:/.test(text)
}

/**
 * Reads the export of a Keycloak realm: users with their language and groups, groups inside groups. Members of a group have
 * what the groups above it have, as in Keycloak. A realm role that is called like a role of OpenEMS becomes the global role,
 * which is but what menus show; who may open which edge is no business of Keycloak. Passwords stay there: users are invited.
 */
export async function* readKeycloak(
  input: ImportInput,
  _options: ReadOptions,
  limits: ImportLimits,
): AsyncGenerator<ImportItem> {
  let rows = 0
  for await (const item of jsonMembers(input, limits, { wanted: ['users', 'groups'] })) {
    if ('begins' in item) {
      const isOurs = item.member === 'users' || item.member === 'groups'
      if (isOurs && item.begins !== 'list') yield problemAt(item.place, 'format', 'This must be a list')
      continue
    }
    if (++rows > limits.maxRows) {
      throw new Unreadable(item.place, 'limit', `The file has more than ${limits.maxRows} entries: split it`)
    }
    if (item.member === 'users') yield* userOf(item.value, item.place)
    else yield* groupsOf(item.value, item.place)
  }
}

function* userOf(value: unknown, place: Place): Generator<ImportItem> {
  const parsed = userForm.safeParse(value)
  if (!parsed.success) return yield* mistakes(parsed.error.issues, place)
  const user = parsed.data
  if (user.serviceAccountClientId) {
    const text = `The service account of client ${user.serviceAccountClientId} is no person: make a service token for it`
    return yield { kind: 'remark', place, text }
  }
  const login = user.username.toLowerCase()
  const record: UserRecord = { kind: 'user', place, login }
  const name = [user.firstName, user.lastName].filter((part) => part).join(' ')
  if (user.email) record.email = user.email
  if (name !== '') record.name = name
  if (user.firstName) record.firstname = user.firstName
  if (user.lastName) record.lastname = user.lastName
  const phone = user.attributes?.['phoneNumber']?.[0] ?? user.attributes?.['phone']?.[0]
  if (phone) record.phone = phone
  if (user.enabled === false) record.disabled = true
  const role = openemsRoles.findLast((one) => user.realmRoles?.some((given) => given.toLowerCase() === one))
  if (role !== undefined) record.globalRole = role
  const locale = user.attributes?.['locale']?.[0]
  const language = languages.find((one) => one === locale?.slice(0, 2).toUpperCase())
  if (language !== undefined) record.languageIfNew = language
  yield record
  if (locale && language === undefined) {
    yield {
      kind: 'remark',
      place,
      text: `There is no language ${locale.slice(0, 20)} here; the user gets the usual one`,
    }
  }
  if (!user.email)
    yield { kind: 'remark', place, text: 'Without an e-mail address nobody can be invited: set a password' }
  for (const group of user.groups ?? []) {
    yield { kind: 'membership', place, group, member: { kind: 'user', key: login } }
  }
}

function* groupsOf(value: unknown, place: Place): Generator<ImportItem> {
  const parsed = groupForm.safeParse(value)
  if (!parsed.success) return yield* mistakes(parsed.error.issues, place)
  yield* groupTree(parsed.data, undefined, place, 1)
}

function* groupTree(
  group: KeycloakGroup,
  above: string | undefined,
  place: Place,
  depth: number,
): Generator<ImportItem> {
  if (depth > MAX_DEPTH)
    return yield problemAt(place, 'G-34', `Groups are nested at most ${MAX_DEPTH} deep`, group.name)
  const key = group.path ?? `${above ?? ''}/${group.name}`
  const record: GroupRecord = { kind: 'userGroup', place, key, name: group.name }
  const description = group.attributes?.['description']?.[0]
  if (description) record.description = description
  yield record
  if (above !== undefined) {
    yield { kind: 'membership', place, group: above, member: { kind: 'userGroup', key } }
  }
  for (const [at, inner] of (group.subGroups ?? []).entries()) {
    yield* groupTree(inner, key, { ...place, path: `${place.path}.subGroups[${at}]` }, depth + 1)
  }
}

function* mistakes(issues: readonly z.core.$ZodIssue[], place: Place): Generator<ImportItem> {
  for (const issue of issues) {
    yield problemAt({ ...place, path: [place.path, ...issue.path.map(String)].join('.') }, 'format', sentenceOf(issue))
  }
}
