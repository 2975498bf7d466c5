import { permissionsIn } from '../access/graph-data.ts'
import type {
  ContainmentRow,
  EdgeGroupRow,
  EdgeRow,
  GrantRow,
  MembershipRow,
  OrganisationRow,
  RestrictionRow,
  RoleRow,
  ServiceRow,
  SiteRow,
  UserGroupRow,
  UserRow,
  Window,
} from '../access/model.ts'
import { normalWindows } from '../access/windows.ts'
import type { Language } from '../accounts/account-rules.ts'
import type { FleetEntry } from './fleet-format.ts'

/**
 * Rows as entries of a fleet file, in canonical form: members in one order, defaults left out, windows joined, objects with
 * sorted names. Undefined: the row cannot stand in a file, because what it refers to does not.
 */

/** How rows name each other. Undefined: what is not part of the file. */
export interface Names {
  /** `{ site: 'mill' }` */
  resource(id: number): Named | undefined
  /** `{ user: 'ann' }` */
  principal(id: number): Named | undefined
  key(kind: 'organisation' | 'site' | 'edgeGroup' | 'userGroup' | 'service', id: number): string | undefined
  login(id: number | null): string | undefined
  edgeId(id: number): string | undefined
  role(id: number): RoleRow | undefined
}
export type Named = Record<string, string | true>

/** What stands beside the rows of the graph. */
export interface EdgeDetails {
  emsType: string
  serialNumber: string
  firstSetupAt: Date | null
}
export interface PersonDetails {
  firstname: string
  lastname: string
  phone: string
  street: string
  zip: string
  city: string
  country: string
  companyName: string
}
export interface Delays {
  edgeId: number
  offlineDelayMinutes: number
  faultDelayMinutes: number
  warningDelayMinutes: number
}

export function organisationEntry(row: OrganisationRow, names: Names): FleetEntry<'organisations'> | undefined {
  const key = names.key('organisation', row.id)
  if (key === undefined) return undefined
  const parent = row.parentId === null ? undefined : names.key('organisation', row.parentId)
  return defined({
    key,
    name: row.name,
    parent,
    // Never left out: what a new organisation begins with depends on how it is made.
    canEditSites: row.canEditSites,
    canCreateSuborganisations: row.canCreateSuborganisations,
    maxOpenemsRole: row.maxOpenemsRole,
    publicAccess: row.publicAccess,
    strictRoles: row.strictRoles,
  })
}

export function roleEntry(row: RoleRow, names: Names): FleetEntry<'roles'> {
  return defined({
    name: row.name,
    organisation: row.organisationId === null ? undefined : names.key('organisation', row.organisationId),
    self: permissionsIn(row.selfMask),
    content: permissionsIn(row.contentMask),
    suborganisation: permissionsIn(row.suborganisationMask),
    openemsRole: row.openemsRole ?? undefined,
  })
}

export interface Person {
  row: UserRow
  details: PersonDetails | undefined
  claims: readonly { key: string; value: string }[]
  restrictions: readonly RestrictionRow[]
  delays: readonly Delays[]
}

export function userEntry(person: Person, names: Names): FleetEntry<'users'> {
  const { row, details } = person
  const address = details && {
    street: unless(details.street, ''),
    zip: unless(details.zip, ''),
    city: unless(details.city, ''),
    country: unless(details.country, ''),
    companyName: unless(details.companyName, ''),
  }
  return defined({
    login: row.login,
    email: row.email ?? undefined,
    name: row.name,
    firstname: unless(details?.firstname, ''),
    lastname: unless(details?.lastname, ''),
    phone: unless(details?.phone, ''),
    address: address && filled(defined(address)),
    language: row.language as Language,
    shareable: row.shareable || undefined,
    disabled: row.disabledAt === null ? undefined : true,
    globalRole: row.globalRole,
    settings: filled(sorted(row.settings)),
    claims: filled(sorted(Object.fromEntries(person.claims.map(({ key, value }) => [key, value])))),
    restrictions: filled(sorted(restrictionsOf(person, names))),
    alerting: delaysOf(person, names),
  })
}

/** The same of somebody who is not looked after here: only what tells who he is and what concerns these edges. */
export function guestEntry(person: Person, names: Names): FleetEntry<'users'> {
  return defined({
    login: person.row.login,
    name: person.row.name,
    restrictions: filled(sorted(restrictionsOf(person, names))),
    alerting: delaysOf(person, names),
  })
}

export function serviceEntry(row: ServiceRow, names: Names): FleetEntry<'services'> | undefined {
  const key = names.key('service', row.id)
  if (key === undefined) return undefined
  const organisation = row.organisationId === null ? undefined : names.key('organisation', row.organisationId)
  return defined({ key, name: row.name, organisation, disabled: row.disabledAt === null ? undefined : true })
}

export function groupEntry(
  kind: 'userGroup' | 'edgeGroup',
  row: UserGroupRow | EdgeGroupRow,
  names: Names,
): FleetEntry<'userGroups'> | undefined {
  const key = names.key(kind, row.id)
  if (key === undefined) return undefined
  return defined({
    key,
    name: row.name,
    description: unless(row.description, ''),
    purpose: unless(row.purpose, ''),
    organisation: row.organisationId === null ? undefined : names.key('organisation', row.organisationId),
    owner: names.login(row.ownerId),
  })
}

export function membershipEntry(row: MembershipRow, names: Names): FleetEntry<'memberships'> | undefined {
  const group = names.key('userGroup', row.groupId)
  const member = names.principal(row.memberId)
  if (group === undefined || member === undefined || 'public' in member) return undefined
  return defined({
    group,
    member: member as { user: string },
    state: unless(row.state, 'active'),
    ...periodOf(row),
  })
}

export function siteEntry(row: SiteRow, names: Names): FleetEntry<'sites'> | undefined {
  const key = names.key('site', row.id)
  const organisation = names.key('organisation', row.organisationId)
  if (key === undefined || organisation === undefined) return undefined
  return defined({
    key,
    name: row.name,
    organisation,
    isVirtual: row.isVirtual || undefined,
    location: unless(row.location, ''),
    labels: row.labels.length === 0 ? undefined : row.labels,
  })
}

export function edgeEntry(row: EdgeRow, details: EdgeDetails | undefined, names: Names): FleetEntry<'edges'> {
  return defined({
    id: row.edgeId,
    comment: unless(row.comment, ''),
    producttype: unless(row.producttype, ''),
    serialNumber: unless(details?.serialNumber, ''),
    emsType: unless(details?.emsType, ''),
    site: row.siteId === null ? undefined : names.key('site', row.siteId),
    organisation: row.organisationId === null ? undefined : names.key('organisation', row.organisationId),
    settings: filled(sorted(row.settings)),
    firstSetupAt: details?.firstSetupAt?.toISOString(),
  })
}

const parents = ['organisation', 'edgeGroup']
const contents = ['site', 'edge', 'edgeGroup']

export function containmentEntry(row: ContainmentRow, names: Names): FleetEntry<'containments'> | undefined {
  const parent = names.resource(row.parentId)
  const child = names.resource(row.childId)
  if (parent === undefined || child === undefined || !parents.some((kind) => kind in parent)) return undefined
  if (!contents.some((kind) => kind in child)) return undefined
  return { parent: parent as { organisation: string }, child: child as { edge: string } }
}

export function grantEntry(row: GrantRow, names: Names): FleetEntry<'grants'> | undefined {
  const to = names.principal(row.principalId)
  const on = names.resource(row.resourceId)
  const role = names.role(row.roleId)
  if (to === undefined || on === undefined || role === undefined) return undefined
  return defined({
    to: to as { user: string },
    on: on as { edge: string },
    role: role.name,
    roleOrganisation: role.organisationId === null ? undefined : names.key('organisation', role.organisationId),
    components: row.components === null ? undefined : [...row.components].sort(),
    ...periodOf(row),
    dataWindows: row.dataWindows === null ? undefined : normalWindows(row.dataWindows).map(toInstants),
    // Always: left out it would become that of the import that brings it.
    source: row.source,
  })
}

function restrictionsOf({ restrictions }: Person, names: Names): Record<string, ReturnType<typeof toInstants>[]> {
  return Object.fromEntries(
    restrictions.flatMap(({ edgeId, windows }) => {
      const name = names.edgeId(edgeId)
      return name === undefined ? [] : [[name, normalWindows(windows).map(toInstants)]]
    }),
  )
}

function delaysOf({ delays }: Person, names: Names): FleetEntry<'users'>['alerting'] | undefined {
  const found = delays.flatMap(({ edgeId, offlineDelayMinutes, faultDelayMinutes, warningDelayMinutes }) => {
    const edge = names.edgeId(edgeId)
    return edge === undefined ? [] : [{ edge, offlineDelayMinutes, faultDelayMinutes, warningDelayMinutes }]
  })
  return found.length === 0 ? undefined : found.sort((a, b) => (a.edge < b.edge ? -1 : 1))
}

function periodOf({ validFrom, validTo }: { validFrom: number | null; validTo: number | null }) {
  return { validFrom: toInstant(validFrom) ?? undefined, validTo: toInstant(validTo) ?? undefined }
}

function toInstants([from, to]: Window): [string | null, string | null] {
  return [toInstant(from), toInstant(to)]
}

function toInstant(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString()
}

type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>
}

function defined<T extends object>(entry: T): Defined<T> {
  return Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined)) as Defined<T>
}

function unless<T, D>(value: T, usual: D): Exclude<T, D> | undefined {
  return (value as unknown) === usual ? undefined : (value as Exclude<T, D>)
}

function filled<T extends object>(value: T): T | undefined {
  return Object.keys(value).length === 0 ? undefined : value
}

/** Objects with their names in order, at every depth: what a database makes of their order must not count. */
function sorted<T>(value: T): T {
  if (Array.isArray(value)) return value.map(sorted) as T
  if (typeof value !== 'object' || value === null) return value
  const names = Object.keys(value).sort()
  return Object.fromEntries(names.map((name) => [name, sorted((value as Record<string, unknown>)[name])])) as T
}
