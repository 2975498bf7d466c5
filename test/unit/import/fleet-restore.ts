import { AccessIndex } from '../../../src/access/access-index.ts'
import {
  type EntityName,
  emptySnapshot,
  maskOf,
  PLATFORM_RESOURCE_ID,
  PUBLIC_PRINCIPAL_ID,
  type Snapshot,
} from '../../../src/access/model.ts'
import { builtInRoles } from '../../../src/access/roles.ts'
import { exportFleet, type FleetSource } from '../../../src/import/export-fleet.ts'
import type { Delays, EdgeDetails, PersonDetails } from '../../../src/import/fleet-entries.ts'
import type { KeyedKind } from '../../../src/import/fleet-keys.ts'
import type { FleetTextFormat } from '../../../src/import/fleet-text.ts'
import type { ImportInput, ImportItem, ImportLimits, ImportRecord } from '../../../src/import/model.ts'
import { readFleet } from '../../../src/import/read-fleet.ts'

/** A service in memory: the graph, and what stands beside it. */
export interface World {
  snapshot: Snapshot
  people: Map<number, PersonDetails>
  edges: Map<number, EdgeDetails>
  delays: Map<number, Delays[]>
  keys: Record<KeyedKind, Map<number, string>>
}

export const limits: ImportLimits = {
  maxFileBytes: 1 << 30,
  maxUnpackedBytes: 1 << 30,
  maxUnpackedRatio: 100,
  maxRows: 1_000_000,
  maxColumns: 100,
  maxCellBytes: 1 << 20,
  maxProblems: 1000,
}

export function emptyWorld(): World {
  const keys = () => new Map<number, string>()
  return {
    snapshot: { ...emptySnapshot(), role: [...builtInRoles] },
    people: new Map(),
    edges: new Map(),
    delays: new Map(),
    keys: { organisation: keys(), site: keys(), edgeGroup: keys(), userGroup: keys(), service: keys() },
  }
}

export function sourceOf(world: World): FleetSource {
  return {
    index: AccessIndex.fromSnapshot(structuredClone(world.snapshot)),
    knownKeys: async (kind) => world.keys[kind],
    keepKeys: async () => undefined,
    people: async () => world.people,
    delays: async () => world.delays,
    edges: async () => world.edges,
  }
}

export async function exported(
  world: World,
  format: FleetTextFormat = 'json',
  organisationId: number | null = null,
): Promise<string> {
  let text = ''
  for await (const piece of exportFleet(sourceOf(world), { format, organisationId })) text += piece
  return text
}

/** A file in memory, handed out in pieces of a size that cuts everything somewhere. */
export function fileOf(text: string, pieceBytes = 1000): ImportInput {
  const bytes = Buffer.from(text)
  return {
    name: 'fleet',
    async *open() {
      for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
    },
  }
}

export async function readAll(text: string, pieceBytes?: number): Promise<ImportItem[]> {
  const items: ImportItem[] = []
  for await (const item of readFleet(fileOf(text, pieceBytes), {}, limits)) items.push(item)
  return items
}

/** Makes an empty service what the records say, with ids that have nothing to do with those of before. */
export function restored(records: readonly ImportRecord[]): World {
  const world = emptyWorld()
  const { snapshot } = world
  let nextId = 100_000
  const ids = new Map<string, number>([
    ['platform:', PLATFORM_RESOURCE_ID],
    ['public:', PUBLIC_PRINCIPAL_ID],
    ...builtInRoles.map(({ id, name }): [string, number] => [`role::${name}`, id]),
  ])
  const idOf = (name: string) => ids.get(name) ?? missing(name)
  const optional = (kind: string, key: string | undefined) => (key === undefined ? null : idOf(`${kind}:${key}`))
  for (const record of records) ids.set(nameOf(record), ids.get(nameOf(record)) ?? nextId++)
  const add = (entity: EntityName, row: object) => (snapshot[entity] as object[]).push(row)
  const keep = (kind: KeyedKind, id: number, key: string) => world.keys[kind].set(id, key)
  for (const record of records) {
    const id = idOf(nameOf(record))
    const rest = {
      id,
      organisationId: optional('organisation', 'organisation' in record ? record.organisation : undefined),
    }
    switch (record.kind) {
      case 'organisation': {
        const {
          canEditSites = false,
          canCreateSuborganisations = false,
          publicAccess = false,
          strictRoles = true,
        } = record
        const flags = { canEditSites, canCreateSuborganisations, publicAccess, strictRoles }
        const parentId = optional('organisation', record.parent)
        add('organisation', {
          id,
          name: record.name,
          parentId,
          ...flags,
          maxOpenemsRole: record.maxOpenemsRole ?? 'installer',
        })
        keep('organisation', id, record.key)
        break
      }
      case 'role': {
        const masks = { selfMask: maskOf(...record.self), contentMask: maskOf(...record.content) }
        const suborganisationMask = maskOf(...record.suborganisation)
        add('role', {
          ...rest,
          name: record.name,
          ...masks,
          suborganisationMask,
          openemsRole: record.openemsRole ?? null,
        })
        break
      }
      case 'service':
        add('service', { ...rest, name: record.name, disabledAt: record.disabled ? 0 : null })
        keep('service', id, record.key)
        break
      case 'userGroup':
      case 'edgeGroup': {
        const { description = '', purpose = '' } = record
        add(record.kind, { ...rest, name: record.name, description, purpose, ownerId: optional('user', record.owner) })
        keep(record.kind, id, record.key)
        break
      }
      case 'site': {
        const { isVirtual = false, location = '', labels = [] } = record
        add('site', { ...rest, name: record.name, isVirtual, location, labels })
        keep('site', id, record.key)
        break
      }
      case 'edge': {
        const { comment = '', producttype = '', settings = {}, serialNumber = '', emsType = '', firstSetupAt } = record
        add('edge', {
          ...rest,
          edgeId: record.edgeId,
          comment,
          producttype,
          settings,
          siteId: optional('site', record.site),
        })
        world.edges.set(id, {
          serialNumber,
          emsType,
          firstSetupAt: firstSetupAt === undefined ? null : new Date(firstSetupAt),
        })
        break
      }
      case 'membership': {
        const { state = 'active', validFrom = null, validTo = null, member } = record
        const memberId = idOf(`${member.kind}:${member.key}`)
        add('membership', {
          id,
          groupId: idOf(`userGroup:${record.group}`),
          memberId,
          state,
          validFrom,
          validTo,
          addedBy: null,
        })
        break
      }
      case 'containment': {
        const { parent, child } = record
        add('containment', {
          id,
          parentId: idOf(`${parent.kind}:${parent.key}`),
          childId: idOf(`${child.kind}:${child.key}`),
        })
        break
      }
      case 'grant': {
        const { principal, resource, components = null, validFrom = null, validTo = null, dataWindows = null } = record
        const ends = {
          principalId: idOf(`${principal.kind}:${principal.key}`),
          resourceId: idOf(`${resource.kind}:${resource.key}`),
          roleId: idOf(`role:${record.roleOrganisation ?? ''}:${record.role}`),
        }
        const source = record.source ?? 'manual'
        add('grant', { id, ...ends, components, validFrom, validTo, dataWindows, source, grantedBy: null })
        break
      }
      case 'user': {
        const { login, email = null, name = '', language = 'DE', settings = {}, globalRole = 'guest' } = record
        const disabledAt = record.disabled ? 0 : null
        add('user', {
          id,
          login,
          email,
          name,
          language,
          settings,
          globalRole,
          shareable: record.shareable ?? false,
          disabledAt,
        })
        const { firstname = '', lastname = '', phone = '', address } = record
        const { street = '', zip = '', city = '', country = '', companyName = '' } = address ?? {}
        world.people.set(id, { firstname, lastname, phone, street, zip, city, country, companyName })
        for (const [key, value] of Object.entries(record.claims ?? {}))
          add('claim', { id: nextId++, userId: id, key, value })
        for (const [edge, change] of record.restrictions?.byEdge ?? []) {
          const windows = 'windows' in change ? change.windows : []
          add('restriction', { id: nextId++, userId: id, edgeId: idOf(`edge:${edge}`), windows })
        }
        const delays = (record.alerting ?? []).map(({ edgeId, ...rest }) => ({
          ...rest,
          edgeId: idOf(`edge:${edgeId}`),
        }))
        world.delays.set(id, delays)
      }
    }
  }
  return world
}

function nameOf(record: ImportRecord): string {
  if (record.kind === 'edge') return `edge:${record.edgeId}`
  if (record.kind === 'user') return `user:${record.login}`
  if (record.kind === 'role') return `role:${record.organisation ?? ''}:${record.name}`
  if ('key' in record) return `${record.kind}:${record.key}`
  return JSON.stringify(record)
}

function missing(name: string): never {
  throw new Error(`The file refers to ${name}, which is not in it`)
}
