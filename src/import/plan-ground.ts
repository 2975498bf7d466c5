import { isDeepStrictEqual } from 'node:util'
import type { AccessIndex } from '../access/access-index.ts'
import {
  type EdgeKeyRow,
  maskOf,
  type OrganisationRow,
  openemsRoles,
  type Permission,
  PLATFORM_RESOURCE_ID,
  type RoleRow,
  type ServiceRow,
  type SiteRow,
} from '../access/model.ts'
import { managesUsers } from '../access/people-door.ts'
import { requireName, requireText } from '../access/write-door.ts'
import { AppError, problem } from '../errors.ts'
import type { Refused } from './guard-text.ts'
import type { KeyKind } from './import-queries.ts'
import type { Granted } from './known.ts'
import type { OrganisationRecord, RoleRecord, ServiceRecord, SiteRecord } from './model.ts'
import type { Names } from './names.ts'
import type { Numbers } from './numbers.ts'
import type { PlanOptions, PlanParts } from './plan.ts'
import type { EdgeExtras } from './plan-edge.ts'
import type { PlannedRecord } from './plan-structure.ts'

/** What planning of structure asks. */
export type StructureContext = Omit<PlanParts, 'at' | 'index'> &
  PlanOptions & {
    index: AccessIndex
    names: Names
    at: number
    ids: Numbers
    /** What a name in the file was taken to mean; one thing is not two. */
    used: Set<string>
    /** Which key of the file stands for a thing since an earlier import, by kind and id. */
    claims: ReadonlyMap<string, string>
    edgeExtras: Map<number, EdgeExtras>
    /** Ids of users that the file brings, by login; whole when groups and grants are planned. */
    newUsers: Map<string, number>
    /** What lies in what, if the file brings a containment. */
    contained: Set<string>
    granted: Granted
    /** Of which edge a setup password is, by its hash: of those that the file brings. */
    passwords: Map<string, number>
    /** Keys there are, by their hash, if the file brings an edge. */
    keysByHash: Map<string, EdgeKeyRow>
  }

/** What becomes of a record: something, nothing (undefined), or a refusal, as a sentence or as the guard has it. */
export type Planned = PlannedRecord | string | Refused | undefined

/** Whether the importing actor holds a permission. */
export function may({ index, askerId, at }: StructureContext, permission: Permission, resourceId: number): boolean {
  return askerId === null || index.allows(askerId, permission, resourceId, at)
}

export function isManager({ index, askerId, at }: StructureContext): boolean {
  return managesUsers({ index, askerId, at })
}

/**
 * What a record with a key means: what an earlier import called so, else the only thing that had the key or the name for its
 * name at that place (undefined: anywhere), unless another record means it.
 */
export function known(
  { names, used, claims }: StructureContext,
  kind: Parameters<Names['named']>[0],
  { key, name }: { key: string; name: string },
  place: number | null | undefined,
): number | undefined {
  if (used.has(`${kind} key ${key}`)) throw problem(`The key ${key} stands in the file twice: leave one`)
  used.add(`${kind} key ${key}`)
  const remembered = names.remembered(kind, key)
  const other = claims.get(`${kind} ${remembered}`) ?? key
  if (other !== key) throw problem(`${key} and ${other} stand for the same thing since earlier imports: leave one`)
  if (remembered !== undefined) return remembered
  for (const text of [key, name]) {
    const id = names.named(kind, text, place)
    const thing = `${kind} ${id}`
    if (id === undefined || claims.has(thing) || used.has(thing)) continue
    used.add(thing)
    return id
  }
  // What is made is called so from now on, and if it is refused nothing is.
  names.add(kind, key, undefined)
  return undefined
}

interface Home {
  /** Undefined: the record says nothing of it. */
  id: number | undefined
  /** Where it is looked for by its name. */
  place: number | null | undefined
}

/**
 * To which organisation something of the file belongs. Where the record does not say it, what an earlier import called by its
 * key is known wherever it is now, as is a service, whose name is its own everywhere; else what the import is for.
 */
export function homeOf(
  context: StructureContext,
  kind: 'edgeGroup' | 'userGroup' | 'service',
  { organisation }: { organisation?: string },
): Home {
  const id = organisation === undefined ? undefined : idOf(context, 'organisation', organisation)
  return { id, place: id ?? (kind === 'service' ? undefined : context.names.homeId) }
}

/** What becomes of a row: nothing, or one part; what the file calls it is remembered from the first time on. */
export function part<R extends { id: number }>(
  { names }: StructureContext,
  entity: 'organisation' | 'site' | 'service' | 'edgeGroup' | 'userGroup',
  key: string,
  before: R | undefined,
  after: R,
): PlannedRecord | undefined {
  const isRemembered = before !== undefined && names.remembered(entity, key) === before.id
  names.add(entity, key, after.id)
  const isSame = before !== undefined && isDeepStrictEqual(before, after)
  if (isSame && isRemembered) return undefined
  const parts = isSame ? [] : [{ entity, id: after.id, before: before ?? null, after } as never]
  return { parts, ...(isRemembered ? {} : { key: { kind: entity, key, targetId: after.id } }) }
}

/** An id that a name means, or a refusal. */
export function idOf({ names }: StructureContext, kind: KeyKind | 'edge', key: string): number {
  const found = names.find(kind, key)
  if (typeof found === 'number') return found
  throw new AppError('generic', [
    found === undefined
      ? `There is no ${kind} ${key.slice(0, 100)} here`
      : `There are several of the name ${key.slice(0, 100)}`,
  ])
}

/** Without what says nothing. */
export function defined<T extends object>(given: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as never
}

export function planOrganisation(context: StructureContext, record: OrganisationRecord): Planned {
  const { index, ids, names } = context
  const parentId = record.parent === undefined ? null : idOf(context, 'organisation', record.parent)
  const id = known(context, 'organisation', record, parentId)
  const before = id === undefined ? undefined : index.row('organisation', id)
  const isMain = parentId === null
  if (isMain && names.rootId !== undefined && id !== names.rootId)
    return 'This organisation would lie outside of the one that the import is for: name a parent inside'
  const base: OrganisationRow = before ?? {
    id: ids.take('organisation'),
    name: record.name,
    parentId,
    canEditSites: isMain,
    canCreateSuborganisations: isMain,
    maxOpenemsRole: isMain ? 'admin' : 'installer',
    publicAccess: false,
    strictRoles: true,
  }
  const { canEditSites, canCreateSuborganisations, maxOpenemsRole, publicAccess, strictRoles } = record
  const change = defined({ canEditSites, canCreateSuborganisations, maxOpenemsRole, publicAccess, strictRoles })
  const after: OrganisationRow = { ...base, ...change, name: requireName(record.name) }
  if (before !== undefined && before.parentId !== parentId) return 'An organisation stays where it is in the tree'
  if (before === undefined) {
    if (!may(context, 'createSub', parentId ?? PLATFORM_RESOURCE_ID)) return 'You cannot create this organisation'
    const misfit = parentId === null ? undefined : index.misfit('suborganisation', parentId, 0)
    if (misfit !== undefined) return { ok: false, reason: misfit }
  } else if (
    after.name !== before.name &&
    !may(context, 'edit', before.id) &&
    !may(context, 'manageGroup', before.id)
  ) {
    return 'You cannot rename this organisation'
  }
  const isOpened = (
    ['canEditSites', 'canCreateSuborganisations', 'maxOpenemsRole', 'publicAccess', 'strictRoles'] as const
  ).some((gate) => after[gate] !== base[gate])
  if (isOpened && !isManager(context))
    return 'Gates and policies are set by hand, or by whoever looks after the platform'
  return part(context, 'organisation', record.key, before, after)
}

export function planRole(context: StructureContext, record: RoleRecord): Planned {
  const { index, ids } = context
  const organisationId = record.organisation === undefined ? null : idOf(context, 'organisation', record.organisation)
  const before = index.roleByName(record.name, organisationId)
  const after: RoleRow = {
    id: before?.id ?? ids.take('role'),
    name: record.name,
    organisationId,
    selfMask: maskOf(...record.self),
    contentMask: maskOf(...record.content),
    suborganisationMask: maskOf(...record.suborganisation),
    openemsRole: record.openemsRole ?? before?.openemsRole ?? null,
  }
  if (before !== undefined && isDeepStrictEqual(before, after)) return undefined
  if (organisationId === null) return 'The roles of the service are the same everywhere'
  if (
    !/^[a-z][A-Za-z0-9-]*(\.[a-z][A-Za-z0-9-]*)+$/.test(record.name) ||
    /^(openems|org|resource|group)\./.test(record.name)
  )
    return 'A role is named like acme.technician: words joined by dots, and the first is none of the service'
  const organisation = index.row('organisation', organisationId)
  if (organisation === undefined || organisation.parentId !== null) return 'Roles are those of the main organisation'
  if (!may(context, 'manageGroup', organisationId)) return 'You cannot decide about roles there'
  const rank = record.openemsRole === undefined ? -1 : openemsRoles.indexOf(record.openemsRole)
  if (rank > openemsRoles.indexOf(organisation.maxOpenemsRole)) return 'In this organisation no role is that strong'
  // Who was granted it would have more at once: guarded as if granted anew, which needs whoever may grant anything.
  if (before !== undefined && !isManager(context)) return 'A role that is there is changed by hand'
  return { parts: [{ entity: 'role', id: after.id, before: before ?? null, after }] }
}

export function planService(context: StructureContext, record: ServiceRecord): Planned {
  const { index, ids, at } = context
  const home = homeOf(context, 'service', record)
  const id = known(context, 'service', record, home.place)
  const before = id === undefined ? undefined : index.row('service', id)
  const organisationId = home.id ?? before?.organisationId ?? context.names.homeId
  if (!isManager(context) && (organisationId === null || !may(context, 'manageMembers', organisationId)))
    return 'You cannot make services there'
  const disabledAt = record.disabled
    ? (before?.disabledAt ?? at)
    : record.disabled === false
      ? null
      : (before?.disabledAt ?? null)
  const after: ServiceRow = {
    id: before?.id ?? ids.take('service'),
    name: requireName(record.name),
    organisationId,
    disabledAt,
  }
  const namesake = index.serviceByName(after.name)
  if (namesake !== undefined && namesake.id !== after.id)
    return 'A service of this name exists already: its name is its own everywhere'
  return part(context, 'service', record.key, before, after)
}

export function planSite(context: StructureContext, record: SiteRecord): Planned {
  const { index, ids } = context
  const organisationId = idOf(context, 'organisation', record.organisation)
  const id = known(context, 'site', record, organisationId)
  const before = id === undefined ? undefined : index.row('site', id)
  const { location, isVirtual } = record
  const base: SiteRow = before ?? {
    id: ids.take('site'),
    name: '',
    organisationId,
    isVirtual: false,
    location: '',
    labels: [],
  }
  const labels =
    record.labels === undefined ? base.labels : record.labels.map((label) => requireText(label, 'The label'))
  if (location !== undefined) requireText(location, 'The location', 500)
  const after: SiteRow = { ...base, ...defined({ location, isVirtual }), name: requireName(record.name), labels }
  if (before === undefined) {
    if (index.row('organisation', organisationId)?.parentId !== null)
      return 'Sites are those of the main organisation (P-04)'
    if (!may(context, 'createSite', organisationId)) return 'You cannot create sites there'
  } else if (before.organisationId !== organisationId) return 'A site is moved to another organisation by hand'
  else if (!isDeepStrictEqual(before, after) && !may(context, 'edit', before.id)) return 'You cannot change this site'
  return part(context, 'site', record.key, before, after)
}
