import type { EntityName, EntityRows } from '../access/model.ts'
import type { Database } from './schema.ts'

const instants = ['validFrom', 'validTo', 'disabledAt'] as const
type Instant = (typeof instants)[number]
type Columns<E extends EntityName> = Record<keyof EntityRows[E], true>

/** What a graph row can be made from: the row itself, or a row of its table with everything else that stands there. */
export type GraphSource<E extends EntityName> = {
  [K in keyof EntityRows[E]]: K extends Instant ? EntityRows[E][K] | Date : EntityRows[E][K]
}

/** The table behind each kind of graph row. */
export const graphTables = {
  user: 'userAccount',
  userGroup: 'userGroup',
  service: 'service',
  membership: 'membership',
  organisation: 'organisation',
  site: 'site',
  edge: 'edge',
  edgeKey: 'edgeKey',
  edgeGroup: 'edgeGroup',
  containment: 'containment',
  role: 'role',
  grant: 'accessGrant',
  restriction: 'restriction',
  claim: 'claim',
} as const satisfies Record<EntityName, keyof Database>

/** The columns that are part of the graph. Secrets are not, and so never reach the log or another node. */
const graphColumns: { [E in EntityName]: Columns<E> } = {
  user: {
    id: true,
    login: true,
    email: true,
    name: true,
    language: true,
    settings: true,
    globalRole: true,
    shareable: true,
    disabledAt: true,
  },
  userGroup: { id: true, name: true, description: true, purpose: true, organisationId: true, ownerId: true },
  service: { id: true, name: true, organisationId: true, disabledAt: true },
  membership: {
    id: true,
    groupId: true,
    memberId: true,
    state: true,
    validFrom: true,
    validTo: true,
    addedBy: true,
  },
  organisation: {
    id: true,
    name: true,
    parentId: true,
    canEditSites: true,
    canCreateSuborganisations: true,
    maxOpenemsRole: true,
    publicAccess: true,
    strictRoles: true,
  },
  site: { id: true, name: true, organisationId: true, isVirtual: true, location: true, labels: true },
  edge: {
    id: true,
    edgeId: true,
    comment: true,
    producttype: true,
    siteId: true,
    organisationId: true,
    settings: true,
  },
  edgeKey: { id: true, edgeId: true, keyHash: true, validTo: true },
  edgeGroup: { id: true, name: true, description: true, purpose: true, organisationId: true, ownerId: true },
  containment: { id: true, parentId: true, childId: true },
  role: {
    id: true,
    name: true,
    organisationId: true,
    selfMask: true,
    contentMask: true,
    suborganisationMask: true,
    openemsRole: true,
  },
  grant: {
    id: true,
    principalId: true,
    resourceId: true,
    roleId: true,
    components: true,
    validFrom: true,
    validTo: true,
    dataWindows: true,
    source: true,
    grantedBy: true,
  },
  restriction: { id: true, userId: true, edgeId: true, windows: true },
  claim: { id: true, userId: true, key: true, value: true },
}

/** The same columns as a list, in a fixed order. */
export const graphColumnNames = Object.fromEntries(
  Object.entries(graphColumns).map(([entity, columns]) => [entity, Object.keys(columns)]),
) as Record<EntityName, string[]>

/** Whether a name in the log is one of the graph's. */
export function isEntityName(name: string): name is EntityName {
  return Object.hasOwn(graphColumns, name)
}

/** Whether a column holds an instant: a time in its table, epoch milliseconds in the graph. */
export function isInstant(column: string): column is Instant {
  return (instants as readonly string[]).includes(column)
}

/** The graph's part of a row: its columns and nothing else, times as epoch milliseconds. */
export function toGraphRow<E extends EntityName>(entity: E, source: GraphSource<E>): EntityRows[E] {
  const from = source as Record<string, unknown>
  const row: Record<string, unknown> = {}
  for (const column of graphColumnNames[entity]) {
    const value = from[column]
    if (value === undefined) throw new TypeError(`A row of ${entity} for the log lacks ${column}`)
    row[column] = value instanceof Date ? value.getTime() : value
  }
  return row as unknown as EntityRows[E]
}
