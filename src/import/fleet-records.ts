import type { z } from 'zod'
import type { Window } from '../access/model.ts'
import {
  FLEET_FORMAT,
  FLEET_VERSION,
  type FleetEntry,
  type FleetSection,
  fleetSections,
  secretMembers,
} from './fleet-format.ts'
import { sentenceOf } from './issue-text.ts'
import type { ImportItem, ImportProblem, ImportRecord, Place, PrincipalRef, ResourceRef, UserRecord } from './model.ts'
import { problemAt, Unreadable } from './unreadable.ts'

/** Checks an entry of a fleet file and makes its record; what is wrong with it, every bit of it, otherwise. */
export function recordsOf(section: FleetSection, entry: unknown, place: Place): ImportItem[] {
  const parsed = fleetSections[section].safeParse(entry)
  if (!parsed.success) return parsed.error.issues.map((issue) => problemOf(issue, entry, place))
  return [toRecord[section](parsed.data as never, place)]
}

/** What the file says of itself, in `format` and `version`. Throws Unreadable for a file this is not the reader of. */
export function requireKnown(member: string, value: unknown, place: Place): void {
  if (member === 'format' && value === FLEET_FORMAT) return
  if (member === 'version' && value === FLEET_VERSION) return
  if (member === 'version') {
    const text = `This service reads version ${FLEET_VERSION} of the format: export the fleet with a service of the same release`
    throw new Unreadable(place, 'format', text)
  }
  throw new Unreadable(place, 'format', `A fleet file says "format": "${FLEET_FORMAT}"`)
}

type Makers = { [S in FleetSection]: (entry: FleetEntry<S>, place: Place) => ImportRecord }

const toRecord: Makers = {
  organisations: (entry, place) => ({ kind: 'organisation', place, ...entry }),
  roles: (entry, place) => ({ kind: 'role', place, ...entry }),
  users: toUser,
  services: (entry, place) => ({ kind: 'service', place, ...entry }),
  userGroups: (entry, place) => ({ kind: 'userGroup', place, ...entry }),
  memberships: ({ group, member, state, ...dates }, place) => ({
    kind: 'membership',
    place,
    group,
    member: toRef(member) as PrincipalRef,
    ...(state === undefined ? {} : { state }),
    ...toPeriod(dates),
  }),
  sites: (entry, place) => ({ kind: 'site', place, ...entry }),
  edges: ({ id, firstSetupAt, ...entry }, place) => ({
    kind: 'edge',
    place,
    edgeId: id,
    ...entry,
    ...(firstSetupAt === undefined ? {} : { firstSetupAt: Date.parse(firstSetupAt) }),
  }),
  edgeGroups: (entry, place) => ({ kind: 'edgeGroup', place, ...entry }),
  containments: ({ parent, child }, place) => ({
    kind: 'containment',
    place,
    parent: toRef(parent) as ResourceRef,
    child: toRef(child) as ResourceRef,
  }),
  grants: ({ to, on, validFrom, validTo, dataWindows, ...entry }, place) => ({
    kind: 'grant',
    place,
    principal: toRef(to) as PrincipalRef,
    resource: toRef(on) as ResourceRef,
    ...entry,
    ...toPeriod({ ...(validFrom === undefined ? {} : { validFrom }), ...(validTo === undefined ? {} : { validTo }) }),
    ...(dataWindows === undefined ? {} : { dataWindows: dataWindows.map(toWindow) }),
  }),
}

function toUser({ restrictions, alerting, continues: _, ...entry }: FleetEntry<'users'>, place: Place): UserRecord {
  const record: UserRecord = { kind: 'user', place, ...entry, login: entry.login.trim().toLowerCase() }
  if (restrictions !== undefined) {
    const byEdge = Object.entries(restrictions).map(
      ([edgeId, windows]) => [edgeId, { windows: windows.map(toWindow) }] as const,
    )
    record.restrictions = { mode: 'set', byEdge: new Map(byEdge) }
  }
  if (alerting !== undefined) record.alerting = alerting.map(({ edge, ...delays }) => ({ edgeId: edge, ...delays }))
  return record
}

function toPeriod({ validFrom, validTo }: { validFrom?: string; validTo?: string }) {
  return {
    ...(validFrom === undefined ? {} : { validFrom: Date.parse(validFrom) }),
    ...(validTo === undefined ? {} : { validTo: Date.parse(validTo) }),
  }
}

function toWindow([from, to]: readonly [string | null, string | null]): Window {
  return [from === null ? null : Date.parse(from), to === null ? null : Date.parse(to)]
}

/** `{ site: 'mill' }` as kind and key; `{ platform: true }` and `{ public: true }` have none. */
function toRef(named: object): { kind: string; key: string } {
  const [kind = '', key] = Object.entries(named)[0] ?? []
  return { kind, key: typeof key === 'string' ? key : '' }
}

function problemOf(issue: z.core.$ZodIssue, entry: unknown, place: Place): ImportProblem {
  const path = issue.path.reduce<string>(
    (before, step) => (typeof step === 'number' ? `${before}[${step}]` : `${before}.${String(step)}`),
    place.path ?? '',
  )
  const isSecret = issue.path.some((step) => secretMembers.has(step))
  const value = isSecret ? undefined : at(entry, issue.path)
  const shown = value === undefined || typeof value === 'object' ? undefined : String(value)
  return problemAt({ ...place, path }, 'format', sentenceOf(issue), shown)
}

function at(entry: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, step) => (typeof inner === 'object' && inner !== null ? Reflect.get(inner, step) : undefined),
    entry,
  )
}
