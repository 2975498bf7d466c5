import { z } from 'zod'
import { type GrantRow, PUBLIC_PRINCIPAL_ID } from '../access/model.ts'
import { controlsUserGroup } from '../access/people-door.ts'
import { type lookOf, may, toIso } from './rights-shapes.ts'
import { role } from './shapes.ts'

type Looking = ReturnType<typeof lookOf>

const windows = z.array(z.tuple([z.string().nullable(), z.string().nullable()])).nullable()

/** One grant by which somebody sees an edge; names are left out of what the asker cannot see (G-14, GD-04). */
const way = z.object({
  /** Granted to himself, to a user group, or to everybody. */
  to: z.enum(['self', 'userGroup', 'everybody']),
  groupId: z.number().optional(),
  groupName: z.string().optional(),
  on: z.enum(['platform', 'organisation', 'site', 'edgeGroup', 'edge']),
  onId: z.number().optional(),
  onName: z.string().optional(),
  role: z.string(),
  validTo: z.string().nullable(),
})

/** One of those who may see an edge. */
export const audienceView = z.object({
  kind: z.enum(['user', 'service']),
  /** Login or name of the service; left out for whom the asker cannot know. */
  login: z.string().optional(),
  /** Role on the wire; null: he sees it in lists and has none. */
  role: role.nullable(),
  /** Times of stored values that he may read: null all, [] none. */
  windows,
  /** Only the past. */
  historicOnly: z.boolean(),
  /** Patterns of component ids; null all. */
  components: z.array(z.string()).nullable(),
  ways: z.array(way),
})

/** A row of the answer, as the asker may see it. */
export function audienceRow(
  look: Looking,
  edgeId: number,
  { principalId, isShown }: { principalId: number; isShown: boolean },
): z.input<typeof audienceView> {
  const { index, at } = look
  const access = index.access(principalId, edgeId, at)
  const user = index.user(principalId)
  const name = user?.login ?? index.row('service', principalId)?.name
  const ways = index.grantsReaching(principalId, edgeId, at).map((grant) => wayOf(look, principalId, grant))
  return {
    kind: user ? 'user' : 'service',
    ...(isShown && name !== undefined ? { login: name } : {}),
    role: access.role ?? null,
    windows: access.windows?.map(([from, to]) => [toIso(from), toIso(to)]) ?? null,
    historicOnly: access.historicOnly,
    components: access.components,
    ways: [...new Map(ways.map((one) => [JSON.stringify(one), one])).values()],
  }
}

function wayOf(look: Looking, principalId: number, grant: GrantRow): z.input<typeof way> {
  return {
    ...granteeOf(look, principalId, grant.principalId),
    ...placeOf(look, grant.resourceId),
    role: look.index.row('role', grant.roleId)?.name ?? '',
    validTo: toIso(grant.validTo),
  }
}

function granteeOf(look: Looking, principalId: number, granteeId: number) {
  if (granteeId === PUBLIC_PRINCIPAL_ID) return { to: 'everybody' as const }
  if (granteeId === principalId) return { to: 'self' as const }
  const group = look.index.row('userGroup', granteeId)
  const isOwn = look.index
    .membershipsOf(look.askerId)
    .some((row) => row.groupId === granteeId && row.state === 'active')
  if (group === undefined || !(isOwn || controlsUserGroup(look, group))) return { to: 'userGroup' as const }
  return { to: 'userGroup' as const, groupId: group.id, groupName: group.name }
}

function placeOf(look: Looking, resourceId: number) {
  const { index } = look
  const isKnown = may(look, 'discover', resourceId)
  const edge = index.edge(resourceId)
  if (edge) return { on: 'edge' as const, onId: edge.id, onName: edge.edgeId }
  for (const on of ['organisation', 'site', 'edgeGroup'] as const) {
    const row = index.row(on, resourceId)
    if (row) return isKnown ? { on, onId: row.id, onName: row.name } : { on }
  }
  return { on: 'platform' as const }
}
