import { z } from 'zod'
import { openemsRoles, type Permission, permissionBits } from '../access/model.ts'
import { languages } from '../accounts/account-rules.ts'
import { MAX_PERIODS } from './model.ts'

/**
 * The file of a whole fleet, as JSON or YAML: what an export writes and an import reads back. Strict: what is not named here
 * is refused. A member that is left out says nothing: what is new gets the default, what is there keeps its own. Passwords,
 * API keys and setup passwords never leave the service, which has but their hashes; `apiKey` and `setupPassword` of an edge
 * can be given by hand.
 */

/** What a fleet file says of itself in its first member. */
export const FLEET_FORMAT = 'ems-metadata-fleet'
export const FLEET_VERSION = 1

const MAX_SETTINGS_DEPTH = 20
const MAX_LABELS = 100
const MAX_COMPONENTS = 100
const permissions = Object.keys(permissionBits) as [Permission, ...Permission[]]

const key = z.string().min(1).max(200)
const text = z.string().max(500)
const login = z.string().min(1).max(200)
const edgeId = z.string().min(1).max(200)
const minutes = z.int().min(0).max(1_000_000)
const instant = z.iso.datetime('Write a time in UTC like 2030-01-31T00:00:00Z').describe('An instant in UTC')
/** [from, to) */
const windows = z
  .array(z.tuple([instant.nullable(), instant.nullable()]))
  .max(MAX_PERIODS)
  .describe('[from, to), null is open')
const settings = z
  .record(z.string(), z.unknown())
  .refine((value) => isShallow(value, MAX_SETTINGS_DEPTH), `Settings are nested at most ${MAX_SETTINGS_DEPTH} deep`)
const role = z.enum(openemsRoles)
const period = { validFrom: instant.exactOptional(), validTo: instant.exactOptional() }

const user = z.strictObject({ user: login })
const userGroup = z.strictObject({ userGroup: key })
const service = z.strictObject({ service: key })
const principal = z.union([user, userGroup, service, z.strictObject({ public: z.literal(true) })], {
  error: 'names one of user, userGroup, service and public: true',
})
const member = z.union([user, userGroup, service], { error: 'names one of user, userGroup and service' })

const organisation = z.strictObject({ organisation: key })
const site = z.strictObject({ site: key })
const edge = z.strictObject({ edge: edgeId })
const edgeGroup = z.strictObject({ edgeGroup: key })
const container = z.union([organisation, edgeGroup], { error: 'names one of organisation and edgeGroup' })
const content = z.union([site, edge, edgeGroup], { error: 'names one of site, edge and edgeGroup' })
const resource = z.union([organisation, site, edge, edgeGroup, z.strictObject({ platform: z.literal(true) })], {
  error: 'names one of organisation, site, edge, edgeGroup and platform: true',
})

const group = z.strictObject({
  key,
  name: text,
  description: z.string().max(2000).exactOptional(),
  purpose: text.exactOptional(),
  organisation: key.exactOptional(),
  owner: login.exactOptional(),
})

/** What stands in each list of the file, in the order in which an export writes them. */
export const fleetSections = {
  organisations: z.strictObject({
    key,
    name: text,
    parent: key.exactOptional(),
    canEditSites: z.boolean().exactOptional(),
    canCreateSuborganisations: z.boolean().exactOptional(),
    maxOpenemsRole: role.exactOptional(),
    publicAccess: z.boolean().exactOptional(),
    strictRoles: z.boolean().exactOptional(),
  }),
  roles: z.strictObject({
    name: key,
    organisation: key.exactOptional(),
    self: z.array(z.enum(permissions)),
    content: z.array(z.enum(permissions)),
    suborganisation: z.array(z.enum(permissions)),
    openemsRole: role.exactOptional(),
  }),
  users: z.strictObject({
    login,
    continues: z
      .literal(true)
      .describe('More restrictions and alerting of the user in the entry before, where one would be too long')
      .exactOptional(),
    email: z.string().max(254).exactOptional(),
    name: text.exactOptional(),
    firstname: text.exactOptional(),
    lastname: text.exactOptional(),
    phone: text.exactOptional(),
    address: z
      .strictObject({
        street: text.exactOptional(),
        zip: text.exactOptional(),
        city: text.exactOptional(),
        country: text.exactOptional(),
        companyName: text.exactOptional(),
      })
      .exactOptional(),
    language: z.enum(languages).exactOptional(),
    shareable: z.boolean().exactOptional(),
    disabled: z.boolean().exactOptional(),
    globalRole: role.exactOptional(),
    settings: settings.exactOptional(),
    claims: z.record(key, text).exactOptional(),
    restrictions: z.record(edgeId, windows).exactOptional(),
    alerting: z
      .array(
        z.strictObject({
          edge: edgeId,
          offlineDelayMinutes: minutes,
          faultDelayMinutes: minutes,
          warningDelayMinutes: minutes,
        }),
      )
      .exactOptional(),
  }),
  services: z.strictObject({
    key,
    name: text,
    organisation: key.exactOptional(),
    disabled: z.boolean().exactOptional(),
  }),
  userGroups: group,
  memberships: z.strictObject({
    group: key,
    member,
    state: z.enum(['invited', 'active', 'rejected']).exactOptional(),
    ...period,
  }),
  sites: z.strictObject({
    key,
    name: text,
    organisation: key,
    isVirtual: z.boolean().exactOptional(),
    location: text.exactOptional(),
    labels: z.array(text).max(MAX_LABELS).exactOptional(),
  }),
  edges: z.strictObject({
    id: edgeId,
    comment: text.exactOptional(),
    producttype: text.exactOptional(),
    serialNumber: text.exactOptional(),
    emsType: text.exactOptional(),
    site: key.exactOptional(),
    organisation: key.exactOptional(),
    settings: settings.exactOptional(),
    firstSetupAt: instant.exactOptional(),
    apiKey: z.string().min(1).max(512).describe('Read by an import, never written by an export').exactOptional(),
    setupPassword: z.string().min(1).max(200).describe('Read by an import, never written').exactOptional(),
  }),
  edgeGroups: group,
  containments: z.strictObject({ parent: container, child: content }),
  grants: z.strictObject({
    to: principal,
    on: resource,
    role: key,
    roleOrganisation: key.describe('Whose own role it is; left out: a role of the service').exactOptional(),
    components: z.array(z.string().min(1).max(200)).max(MAX_COMPONENTS).exactOptional(),
    ...period,
    dataWindows: windows.describe('Left out: all timestamps; []: none').exactOptional(),
    source: z.string().min(1).max(200).exactOptional(),
  }),
} as const

export type FleetSection = keyof typeof fleetSections
/** One entry of a list of the file. */
export type FleetEntry<S extends FleetSection = FleetSection> = z.output<(typeof fleetSections)[S]>
export const fleetSectionNames = Object.keys(fleetSections) as FleetSection[]

/** Members whose values no problem may show. */
export const secretMembers: ReadonlySet<PropertyKey> = new Set(['apiKey', 'setupPassword'])

/** The JSON Schema of a fleet file (draft 2020-12), for editors and integrators. */
export function fleetJsonSchema(): Record<string, unknown> {
  const lists = Object.entries(fleetSections).map(([name, entry]) => [name, z.array(entry).exactOptional()])
  const whole = z.strictObject({
    format: z.literal(FLEET_FORMAT),
    version: z.literal(FLEET_VERSION),
    ...(Object.fromEntries(lists) as Record<string, z.ZodType>),
  })
  return z.toJSONSchema(whole, { io: 'input' })
}

function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  return depth > 0 && Object.values(value).every((inner) => isShallow(inner, depth - 1))
}
