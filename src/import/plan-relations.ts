import { isDeepStrictEqual } from 'node:util'
import { normalLimits, requireFit, requirePublic, requireWindows, termsOf } from '../access/grant-rules.ts'
import type { GuardResult } from '../access/graph-guard.ts'
import {
  type EdgeGroupRow,
  type GrantRow,
  type MembershipRow,
  PLATFORM_RESOURCE_ID,
  PUBLIC_PRINCIPAL_ID,
  type RoleRow,
  type UserGroupRow,
} from '../access/model.ts'
import { controlsUserGroup } from '../access/people-door.ts'
import { roleNamed } from '../access/role-grant-service.ts'
import { requireName, requireText } from '../access/write-door.ts'
import type { BatchPart } from '../db/change-log.ts'
import { AppError } from '../errors.ts'
import { atOnce } from '../lib/slices.ts'
import { linkName } from './known.ts'
import type {
  ContainmentRecord,
  GrantRecord,
  GroupRecord,
  MembershipRecord,
  PrincipalRef,
  ResourceRef,
} from './model.ts'
import { homeOf, idOf, isManager, known, may, type Planned, part, type StructureContext } from './plan-ground.ts'

export function planGroup(context: StructureContext, record: GroupRecord): Planned {
  const { index, ids, askerId } = context
  const { kind } = record
  const home = homeOf(context, kind, record)
  const id = known(context, kind, record, home.place)
  const before: EdgeGroupRow | UserGroupRow | undefined = id === undefined ? undefined : index.row(kind, id)
  const organisationId = home.id ?? before?.organisationId ?? context.names.homeId
  const ownerId = record.owner === undefined ? (before?.ownerId ?? null) : userId(context, record.owner)
  const after: EdgeGroupRow | UserGroupRow = {
    id: before?.id ?? ids.take(kind),
    name: requireName(record.name),
    description: requireText(record.description ?? before?.description ?? '', 'The description', 2000),
    purpose: requireText(record.purpose ?? before?.purpose ?? '', 'The purpose'),
    organisationId,
    ownerId,
  }
  const needed = kind === 'edgeGroup' ? 'manageGroup' : 'manageMembers'
  const isOwn = organisationId !== null && may(context, needed, organisationId)
  if (!isDeepStrictEqual(before, after) && !isOwn && !isManager(context))
    return 'You cannot make or change groups there'
  if (ownerId !== (before?.ownerId ?? null) && ownerId !== null && ownerId !== askerId && !isManager(context))
    return 'Whoever owns a group is set by who looks after the platform'
  const planned = part(context, kind, record.key, before, after)
  if (before === undefined && kind === 'edgeGroup' && askerId !== null && !isManager(context))
    planned?.parts.push(administration(context, askerId, after.id))
  return planned
}

/** Whoever makes a group of edges administers it (G-02); who looks after the platform may do so anyway. */
function administration({ index, ids, source }: StructureContext, askerId: number, groupId: number): BatchPart {
  const always = { components: null, validFrom: null, validTo: null, dataWindows: null }
  const roleId = roleNamed(index, 'group.administration').id
  const id = ids.take('grant')
  const after = { id, principalId: askerId, resourceId: groupId, roleId, ...always, source, grantedBy: askerId }
  return { entity: 'grant', id, before: null, after }
}

export function planContainment(context: StructureContext, record: ContainmentRecord): Planned {
  const { index, askerId, at, ids } = context
  const link = { parentId: resourceId(context, record.parent), childId: resourceId(context, record.child) }
  const name = linkName(link)
  if (context.contained.has(name)) return undefined
  const result: GuardResult =
    askerId === null
      ? fits(index.misfit('containment', link.parentId, link.childId))
      : atOnce(index.guardContainment(askerId, link, at))
  if (!result.ok) return result
  context.contained.add(name)
  const after = { id: ids.take('containment'), ...link }
  return { parts: [{ entity: 'containment', id: after.id, before: null, after }] }
}

export function planMembership(context: StructureContext, record: MembershipRecord): Planned {
  const { index, askerId, at, ids } = context
  const groupId = idOf(context, 'userGroup', record.group)
  const memberId = principalId(context, record.member)
  const before = index.membershipsOf(memberId).find((row) => row.groupId === groupId)
  const after: MembershipRow = {
    id: before?.id ?? 0,
    groupId,
    memberId,
    state: record.state ?? before?.state ?? 'active',
    validFrom: record.validFrom ?? before?.validFrom ?? null,
    validTo: record.validTo ?? before?.validTo ?? null,
    addedBy: before?.addedBy ?? askerId,
  }
  if (before !== undefined && isDeepStrictEqual({ ...before }, after)) return undefined
  const group = index.row('userGroup', groupId)
  if (group === undefined || !controlsUserGroup({ index, askerId, at }, group))
    return 'You do not decide about this group'
  const result =
    askerId === null
      ? fits(index.misfit('membership', groupId, memberId))
      : atOnce(index.guardMembership(askerId, after, at))
  if (!result.ok) return result
  if (before === undefined) after.id = ids.take('membership')
  return { parts: [{ entity: 'membership', id: after.id, before: before ?? null, after }] }
}

export async function planGrant(context: StructureContext, record: GrantRecord): Promise<Planned> {
  const { index, askerId, at, ids } = context
  const role = roleIn(context, record)
  if (role === undefined) return `There is no role ${record.role.slice(0, 100)}`
  const source = record.source !== undefined && isManager(context) ? record.source : context.source
  const { components = null, dataWindows = null } = record
  requireWindows(dataWindows)
  const row: Omit<GrantRow, 'id'> = {
    principalId: principalId(context, record.principal),
    resourceId: resourceId(context, record.resource),
    roleId: role.id,
    ...normalLimits({ components: components && [...components], dataWindows: dataWindows && [...dataWindows] }),
    validFrom: record.validFrom ?? null,
    validTo: record.validTo ?? null,
    source,
    grantedBy: askerId,
  }
  const granted = await context.granted.of(row.principalId)
  const terms = termsOf(row)
  // What an export says is there already, also where whoever brings it back may not say where it comes from.
  const exported = termsOf({ ...row, source: record.source ?? source })
  if (granted.has(terms) || granted.has(exported)) return undefined
  requireFit(index, role, { id: row.resourceId, kind: record.resource.kind })
  requirePublic(row.principalId, role)
  if (row.validFrom !== null && row.validTo !== null && row.validFrom >= row.validTo)
    return 'The period would end before it begins'
  const by = role.name.startsWith('org.') ? 'manageMembers' : 'share'
  const result: GuardResult = askerId === null ? { ok: true } : index.guardGrant(askerId, row, at, by)
  if (!result.ok) return result
  granted.add(terms)
  const after = { id: ids.take('grant'), ...row }
  return { parts: [{ entity: 'grant', id: after.id, before: null, after }] }
}

function roleIn(context: StructureContext, { role, roleOrganisation }: GrantRecord): RoleRow | undefined {
  const owner = roleOrganisation === undefined ? null : idOf(context, 'organisation', roleOrganisation)
  return context.index.roleByName(role, owner)
}

function fits(reason: ReturnType<StructureContext['index']['misfit']>): GuardResult {
  return reason === undefined ? { ok: true } : { ok: false, reason }
}

function resourceId(context: StructureContext, { kind, key }: ResourceRef): number {
  if (kind !== 'platform') return idOf(context, kind, key)
  if (context.organisationId === null) return PLATFORM_RESOURCE_ID
  throw new AppError('generic', ['The platform lies outside of the organisation that the import is for'])
}

function principalId(context: StructureContext, { kind, key }: PrincipalRef): number {
  if (kind === 'public') return PUBLIC_PRINCIPAL_ID
  return kind === 'user' ? userId(context, key) : idOf(context, kind, key)
}

/** Of somebody the file brings, or of whom the importing actor may know (G-17). */
function userId(context: StructureContext, login: string): number {
  const { index, newUsers, askerId } = context
  const name = login.trim().toLowerCase()
  const brought = newUsers.get(name)
  if (brought !== undefined) return brought
  const user = index.userByLogin(name)
  if (user !== undefined && (user.shareable || user.id === askerId || isManager(context))) return user.id
  throw new AppError('generic', [`There is no user ${name.slice(0, 100)} here`])
}
