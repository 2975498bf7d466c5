import { isDeepStrictEqual } from 'node:util'
import type { ContainmentRow, GrantRow, UserRow } from '../access/model.ts'
import { mergeSettings, parseLanguage, requireEmail, requireLine, requireLogin } from '../accounts/account-rules.ts'
import { displayName, toProfileText } from '../accounts/profile-service.ts'
import type { Profile } from '../accounts/user-queries.ts'
import { type BatchPart, MAX_BATCH } from '../db/change-log.ts'
import { type Packed, packChanges, unpackChanges } from '../db/packed-changes.ts'
import { AppError } from '../errors.ts'
import { addClaim, checkedClaim, MAX_CLAIMS } from './claim-rules.ts'
import { refusedText } from './guard-text.ts'
import type { AlertingRow } from './import-queries.ts'
import type { ImportProblem, UserRecord } from './model.ts'
import { leftBehind, planGrants, type Wanted } from './plan-access.ts'
import type { OwnershipChange } from './plan-owners.ts'
import { planAlerting, planRestrictions } from './plan-user-edges.ts'
import { misfit, type PlanWorld, placeIn } from './plan-world.ts'
import type { Person } from './standing.ts'

/** What is known of somebody beside the graph. */
export interface UserDetails {
  profile: Profile | undefined
  alerting: readonly AlertingRow[]
  imported: 'made' | 'agreed' | undefined
  /** What lies in his default edge group. */
  links: readonly ContainmentRow[]
}

/** All that an import does about one user. Ids of new rows are 0 until they are numbered. */
export interface PlannedUser extends OwnershipChange {
  login: string
  isNew: boolean
  isInvited: boolean
  changes: BatchPart[]
  /** Links of his default edge group that end: no rows of his own, and logged by themselves. */
  left: ContainmentRow[]
  /** Personal data that change. */
  profile: Partial<Profile> | undefined
  alerting: AlertingRow[]
}

/** The same as it waits on disk: his changes packed, in the rows that the log will have. */
export type StoredUser = Omit<PlannedUser, 'changes'> & { rows: Packed[][] }

/** For the disk, with the ids that new rows have by then. */
export function stored({ changes, ...user }: PlannedUser): StoredUser {
  const rows: Packed[][] = []
  for (let start = 0; start < changes.length; start += MAX_BATCH)
    rows.push(packChanges(changes.slice(start, start + MAX_BATCH)))
  return { ...user, rows }
}

/** What changes about him and by him, one by one. */
export function changesOf({ rows, left }: StoredUser): BatchPart[] {
  return rows.flatMap(unpackChanges).concat(left.map(leaving))
}

/** The end of a link as a change. */
export function leaving(before: ContainmentRow): BatchPart {
  return { entity: 'containment', id: before.id, before, after: null }
}

/**
 * Compares a record with what is there, for the person it is about. Pure; every problem at once; in steps, as one
 * user may have thousands of edges.
 */
export function* planUser(
  world: PlanWorld,
  given: UserRecord,
  wanted: Wanted,
  details: UserDetails & Person,
): Generator<undefined, PlannedUser | ImportProblem[]> {
  const { standing, account: known } = details
  const record = standing === 'guest' ? onlyAccess(given) : given
  const problems: ImportProblem[] = []
  const profile = planProfile(record, details.profile, problems)
  const after = planAccount(world, record, known, { ...details.profile, ...profile }, problems)
  if (standing !== 'other' && isTaken(world, after))
    problems.push(misfit(placeIn(record, 'email'), 'D-03', takenText, after.email ?? after.login))
  const claims = planClaims(world, record, known, problems)
  const controls = mayControl(standing === 'guest' ? new Map(Object.entries(given.claims ?? {})) : claims.all)
  const grants = yield* planGrants(world, record, { userId: known?.id, wanted, controls })
  const restrictions = yield* planRestrictions(world, record, { known, standing }, problems)
  const alerting = yield* planAlerting(world, record, known, details.alerting, problems)
  problems.push(...grants.problems)
  if (problems.length > 0) return problems
  const id = known?.id ?? 0
  const changes: BatchPart[] = []
  if (known === undefined) changes.push({ entity: 'user', id, before: null, after })
  else if (differs(known, after)) changes.push({ entity: 'user', id, before: known, after })
  changes.push(...claims.changes, ...restrictions)
  for (const grant of grants.removed) changes.push({ entity: 'grant', id: grant.id, before: grant, after: null })
  for (const { before, after } of grants.changed) changes.push({ entity: 'grant', id: before.id, before, after })
  for (const after of grants.added) changes.push({ entity: 'grant', id: 0, before: null, after })
  const ofOwner = ({ roleId }: GrantRow) => roleId === world.ownerRoleId
  return {
    login: after.login,
    id,
    isNew: known === undefined,
    isInvited: known === undefined && after.disabledAt === null,
    isDisabled: known !== undefined && known.disabledAt === null && after.disabledAt !== null,
    ownershipsLost: grants.removed.filter(ofOwner),
    ownershipsGained: after.disabledAt === null ? grants.added.filter(ofOwner).map((grant) => grant.resourceId) : [],
    changes,
    left: leftBehind(world, id, grants, details.links),
    profile: known === undefined || Object.keys(profile).length > 0 ? profile : undefined,
    alerting,
  }
}

/** What an organisation may say of somebody who is not its own. */
function onlyAccess({ kind, place, login, accountRole, access, restrictions }: UserRecord): UserRecord {
  const said = Object.entries({ accountRole, access, restrictions }).filter(([, value]) => value !== undefined)
  return { kind, place, login, ...Object.fromEntries(said) }
}

function planAccount(
  world: PlanWorld,
  record: UserRecord,
  known: UserRow | undefined,
  profile: Partial<Profile>,
  problems: ImportProblem[],
): UserRow {
  const check = <T>(rule: string, value: string, work: () => T): T | undefined => {
    try {
      return work()
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      problems.push(misfit(record.place, rule, error.message, value))
      return undefined
    }
  }
  const { login, settings } = record
  const email = record.email === undefined ? undefined : check('D-02', record.email, () => requireEmail(record.email))
  const language = record.language ?? (known === undefined ? record.languageIfNew : undefined)
  const given = record.name ?? (isNamed(record) ? displayName(profile) : '')
  const name = check('D-02', given, () => requireLine(given, 'The name')) ?? ''
  const before: UserRow = known ?? {
    id: 0,
    login: check('D-02', login, () => requireLogin(login)) ?? login,
    email: null,
    name: login,
    language: 'EN',
    settings: {},
    globalRole: 'guest',
    shareable: false,
    disabledAt: null,
  }
  const after: UserRow = {
    ...before,
    ...(email === undefined ? {} : { email }),
    ...(name === '' ? {} : { name }),
    ...(language === undefined ? {} : { language: parseLanguage(language) }),
    settings: (settings && check('settings', '', () => mergeSettings({}, settings))) ?? before.settings,
    globalRole: record.globalRole ?? before.globalRole,
    shareable: record.shareable ?? before.shareable,
    disabledAt:
      record.disabled === undefined ? before.disabledAt : record.disabled ? (before.disabledAt ?? world.at) : null,
  }
  if (
    !world.isManager &&
    (['globalRole', 'shareable', 'disabledAt'] as const).some((key) => after[key] !== before[key])
  )
    problems.push(
      misfit(record.place, 'G-01', 'Global role, sharing and disabling are for who looks after all accounts'),
    )
  return after
}

const takenText = 'This login or e-mail address cannot be used for this user: give another one'

/** A login must not be another's e-mail address nor the reverse: either signs in. */
function isTaken({ index }: PlanWorld, { id, login, email }: UserRow): boolean {
  const names = email === null ? [login] : [login, email.toLowerCase()]
  return names.some((name) =>
    [index.userByLogin(name), index.userByEmail(name)].some((other) => other !== undefined && other.id !== id),
  )
}

function isNamed({ firstname, lastname }: UserRecord): boolean {
  return firstname !== undefined || lastname !== undefined
}

/** Personal data that the record says otherwise than they are. */
function planProfile(record: UserRecord, known: Profile | undefined, problems: ImportProblem[]): Partial<Profile> {
  const { firstname, lastname, phone, address } = record
  const given: Partial<Record<keyof Profile, string | undefined>> = { firstname, lastname, phone, ...address }
  const profile: Partial<Profile> = {}
  for (const [name, text] of Object.entries(given)) {
    const field = name as keyof Profile
    const present = known?.[field] ?? ''
    if (text === undefined || text === present) continue
    try {
      const line = toProfileText(field, text)
      if (line !== present) profile[field] = line
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      problems.push(misfit(record.place, 'D-02', error.message, text))
    }
  }
  return profile
}

/** Claims are set, never removed (D-08); some only for who is new (D-09). */
function planClaims(
  world: PlanWorld,
  record: UserRecord,
  known: UserRow | undefined,
  problems: ImportProblem[],
): { changes: BatchPart[]; all: ReadonlyMap<string, string> } {
  const present = known === undefined ? [] : world.index.claimsOf(known.id)
  const all = new Map(present.map(({ key, value }) => [key, value]))
  const changes: BatchPart[] = []
  const taken = new Set(
    world.askerId === null
      ? []
      : world.index.claimsOf(world.askerId).flatMap(({ key, value }) => (value === 'NONE' ? [key] : [])),
  )
  const given = new Map<string, string>()
  const place = placeIn(record, 'claims')
  for (const [name, text] of Object.entries({ ...(known === undefined ? record.claimsIfNew : {}), ...record.claims })) {
    const claim = checkedClaim(place, name, text)
    const problem = Array.isArray(claim) ? addClaim(given, place, claim) : claim
    if (problem !== undefined) problems.push(problem)
  }
  for (const [key, value] of given) {
    if (all.get(key) === value) continue
    if (value !== 'NONE' && taken.has(key))
      problems.push(misfit(place, 'G-01', 'You cannot give what is taken from you yourself', key))
    all.set(key, value)
    const before = present.find((row) => row.key === key)
    const lifted = before?.value === 'NONE' ? world.guardClaim(before.userId, key) : undefined
    if (lifted?.ok === false) problems.push(misfit(place, 'G-01', refusedText(lifted), key))
    const after = { id: before?.id ?? 0, userId: known?.id ?? 0, key, value }
    changes.push({ entity: 'claim', id: after.id, before: before ?? null, after })
  }
  if (all.size > MAX_CLAIMS)
    problems.push(misfit(record.place, 'D-06', `A user has at most ${MAX_CLAIMS} claims`, String(all.size)))
  return { changes, all }
}

function mayControl(claims: ReadonlyMap<string, string>): boolean {
  return ['WRITE', 'ADMIN'].includes(claims.get('control') ?? '')
}

function differs(before: object, after: object): boolean {
  return !isDeepStrictEqual(before, after)
}
