import {
  type EdgeRow,
  type GrantRow,
  type OpenemsRole,
  PUBLIC_PRINCIPAL_ID,
  permissionBits,
} from '../../../src/access/model.ts'
import { type Contribution, Oracle } from './oracle.ts'
import type { Step } from './worlds.ts'

/** Lists, holders, owners and readable data by the book, over the naive access of the oracle. */

/** A list to ask for: filters, order and page. */
export interface ListQuery {
  text: string | undefined
  producttypes: string[]
  /** Only edges whose id leaves this rest by three; undefined: all. */
  rest: number | undefined
  /** Only edges with a role. */
  withRole: boolean
  order: { field: 'id' | 'comment' | 'rank'; descending: boolean }[]
  offset: number
  limit: number
}

/** The page of edges that a list must give, as ids. */
export function edgePage(oracle: Oracle, principalId: number, query: ListQuery, at: number): number[] {
  const { text, producttypes, rest, offset, limit } = query
  const wanted = oracle.edges(principalId, at).filter((edge) => {
    if (query.withRole && oracle.access(principalId, edge.id, at).role === undefined) return false
    const content = [edge.edgeId, edge.comment, edge.producttype].join('\n').toLowerCase()
    if (text && !content.includes(text.toLowerCase())) return false
    if (rest !== undefined && edge.id % 3 !== rest) return false
    return producttypes.length === 0 || producttypes.includes(edge.producttype)
  })
  return wanted
    .sort((a, b) => compareEdges(a, b, query.order))
    .slice(offset, offset + limit)
    .map(({ id }) => id)
}

/** The page of organisations, sites or edge groups that a list must give, as ids. */
export function containerPage(
  oracle: Oracle,
  principalId: number,
  kind: 'organisation' | 'site' | 'edgeGroup',
  { text, offset, limit }: Pick<ListQuery, 'text' | 'offset' | 'limit'>,
  at: number,
): number[] {
  const rows: readonly { id: number; name: string }[] = oracle.rows[kind]
  return rows
    .filter(({ id }) => (oracle.access(principalId, id, at).mask & permissionBits.discover) !== 0)
    .filter(({ name }) => text === undefined || name.toLowerCase().includes(text.toLowerCase()))
    .sort((a, b) => naturally(a.name, b.name) || a.id - b.id)
    .slice(offset, offset + limit)
    .map(({ id }) => id)
}

/** The accounts that may know of a resource by grants that are not everybody's. */
export function holders(oracle: Oracle, resourceId: number, at: number): number[] {
  const accounts = [...oracle.rows.user, ...oracle.rows.service].map(({ id }) => id)
  return accounts
    .filter((id) =>
      oracle.contributions(id, resourceId, at).some((one) => !one.isPublic && one.mask & permissionBits.discover),
    )
    .sort((a, b) => a - b)
}

/** Whether a grant to everybody lets everybody know of a resource. */
export function everybodySees(oracle: Oracle, resourceId: number, at: number): boolean {
  return (oracle.access(PUBLIC_PRINCIPAL_ID, resourceId, at).mask & permissionBits.discover) !== 0
}

/** Whether somebody may read the values that a component of an edge had at an instant. */
export function mayRead(
  oracle: Oracle,
  {
    principalId,
    edgeId,
    component,
    instant,
    at,
  }: Record<'principalId' | 'edgeId' | 'instant' | 'at', number> & {
    component: string
  },
): boolean {
  if ((oracle.access(principalId, edgeId, at).mask & permissionBits.history) === 0) return false
  const shows = (one: Contribution) =>
    (one.mask & permissionBits.history) !== 0 &&
    (one.windows === null || one.windows.some(([from, to]) => (from ?? 0) <= instant && instant < (to ?? 99))) &&
    (one.grant.components === null || one.grant.components.some((pattern) => fits(pattern, component)))
  return oracle.contributions(principalId, edgeId, at).some(shows)
}

/** The role that somebody has for one component of an edge, null: for the edge as a whole, and whether he sees its values. */
export function componentAccess(
  oracle: Oracle,
  asked: { principalId: number; edgeId: number; component: string | null; at: number },
): { role: OpenemsRole | undefined; isLive: boolean } {
  const { principalId, edgeId, component, at } = asked
  const covers = ({ components }: GrantRow) =>
    components === null || (component !== null && components.some((pattern) => fits(pattern, component)))
  const covering = new Oracle({ ...oracle.rows, grant: oracle.rows.grant.filter(covers) })
  const { role, mask } = covering.access(principalId, edgeId, at)
  return { role, isLive: (mask & permissionBits.live) !== 0 }
}

/** The users who own an organisation for good (P-09): by grants and memberships that have begun and have no end. */
export function owners({ rows }: Oracle, organisationId: number, at: number): number[] {
  const lasts = (row: { validFrom: number | null; validTo: number | null }) =>
    row.validTo === null && (row.validFrom === null || row.validFrom <= at)
  const ownership = rows.role.filter(({ name, organisationId }) => name === 'org.owner' && organisationId === null)
  const owning = rows.grant
    .filter((row) => row.resourceId === organisationId && ownership.some(({ id }) => id === row.roleId) && lasts(row))
    .map(({ principalId }) => principalId)
  const active = rows.user.filter(({ disabledAt }) => disabledAt === null)
  const isOwner = (userId: number) => {
    const groups = new Set([userId])
    for (const member of groups) {
      for (const row of rows.membership) {
        const isGroup = rows.userGroup.some(({ id }) => id === row.groupId)
        if (row.memberId === member && row.state === 'active' && lasts(row) && isGroup) groups.add(row.groupId)
      }
    }
    return owning.some((id) => groups.has(id))
  }
  return active.map(({ id }) => id).filter(isOwner)
}

/** The organisations that lose their last owner when this row goes, or this user is disabled. */
export function orphans(oracle: Oracle, gone: Pick<Step, 'entity' | 'id'>, at: number): number[] {
  const rows = structuredClone(oracle.rows)
  const table: { id: number }[] = rows[gone.entity]
  const position = table.findIndex(({ id }) => id === gone.id)
  if (position >= 0) table.splice(position, 1)
  const after = new Oracle(rows)
  return rows.organisation
    .map(({ id }) => id)
    .filter((id) => owners(oracle, id, at).length > 0 && owners(after, id, at).length === 0)
}

function compareEdges(a: EdgeRow, b: EdgeRow, order: ListQuery['order']): number {
  const byId = naturally(a.edgeId, b.edgeId) || compare(a.edgeId, b.edgeId)
  let sign = 1
  for (const [index, { field, descending }] of order.entries()) {
    sign = descending ? -1 : 1
    let difference = byId
    if (field === 'comment') difference = naturally(a.comment, b.comment)
    if (field === 'rank') difference = (a.id % 2) - (b.id % 2)
    if (difference !== 0) return sign * difference
    if (index === order.length - 1 && field !== 'comment') sign = 1
  }
  return sign * byId
}

/** Natural order, letter by letter: runs of digits count as numbers, capitals as small letters. */
function naturally(one: string, other: string): number {
  const [a, b] = [one, other].map((text) => text.toLowerCase().match(/\d+|\D/g) ?? [])
  for (let at = 0; at < Math.max(a?.length ?? 0, b?.length ?? 0); at++) {
    const [x, y] = [a?.[at] ?? '', b?.[at] ?? '']
    const areNumbers = /^\d/.test(x) && /^\d/.test(y)
    const difference = areNumbers ? Number(x) - Number(y) : compare(x, y)
    if (difference !== 0) return difference
  }
  return 0
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

function fits(pattern: string, component: string): boolean {
  return pattern.endsWith('*') ? component.startsWith(pattern.slice(0, -1)) : pattern === component
}
