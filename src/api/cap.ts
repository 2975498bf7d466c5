import { z } from 'zod'
import { knownTo } from '../access/audience-door.ts'
import { listRestrictionIdsOn } from '../access/cap-queries.ts'
import { handlesClaims, setClaim as storeClaim } from '../access/claim-service.ts'
import type { RestrictionRow } from '../access/model.ts'
import { managesUsers } from '../access/people-door.ts'
import { setRestriction as restrict } from '../access/restriction-service.ts'
import type { Period, Windows } from '../access/windows.ts'
import { pageOf } from '../lib/page.ts'
import { defineMethod } from '../rpc/method.ts'
import {
  actorOf,
  operatorClients as clients,
  instant,
  login,
  lookOf,
  may,
  paging,
  refused,
  toIso,
  total,
} from './rights-shapes.ts'
import { edgeId, empty } from './shapes.ts'

type Looking = ReturnType<typeof lookOf>

const claim = z.object({ key: z.string(), value: z.string() })

const setClaim = defineMethod({
  name: 'setClaim',
  summary:
    'Sets a claim of an account. Reserved keys take NONE, READ, WRITE or ADMIN, and NONE caps every grant; other keys are for the UI. A claim is not deleted but set to NONE.',
  clients,
  params: z.strictObject({ login, key: z.string().max(100), value: z.string().max(500) }),
  result: empty,
  access: 'signedIn',
  handler: async (call, params) => {
    await storeClaim(call.ctx, actorOf(call), params)
    return {}
  },
})

const listClaims = defineMethod({
  name: 'listClaims',
  summary: 'The claims of an account: of the own one, or of one whose claims the caller may set.',
  clients,
  params: z.strictObject({ login: login.optional(), ...paging }),
  result: z.object({ claims: z.array(claim), total }),
  access: 'signedIn',
  scope: 'read',
  handler: (call, { login: of, ...query }) => {
    const look = lookOf(call)
    const user = of === undefined ? look.index.user(look.askerId) : look.index.userByLogin(of.toLowerCase())
    if (user === undefined || !(user.id === look.askerId || handlesClaims(look, user))) throw refused(look, 'user')
    const rows = look.index.claimsOf(user.id)
    const { items, total } = pageOf(rows, ({ id, key }) => ({ id, name: key }), query)
    return { claims: items.map(({ key, value }) => ({ key, value })), total }
  },
})

const windows = z.array(z.tuple([z.string().nullable(), z.string().nullable()])).nullable()
const toWire = (given: Windows): z.input<typeof windows> =>
  given?.map(([from, to]): [string | null, string | null] => [toIso(from), toIso(to)]) ?? null

const period = z.strictObject({ from: instant.optional(), to: instant.optional() }).transform(
  ({ from, to }): Period => ({
    ...(from ? { from: from.getTime() } : {}),
    ...(to ? { to: to.getTime() } : {}),
  }),
)

const setRestriction = defineMethod({
  name: 'setRestriction',
  summary:
    'Restricts which stored values of an edge an account may read, over every grant: `merge` adds periods, `set` replaces them, an end alone cuts. The answer is what is left: null all, [] nothing.',
  clients,
  params: z
    .strictObject({
      login,
      edgeId,
      mode: z.enum(['merge', 'set']).default('merge'),
      periods: z.array(period).max(100).default([]),
      /** Lifts the restriction. Must be said: no period could mean the opposite (V17). */
      unrestricted: z.literal(true).optional(),
    })
    .refine(({ periods, unrestricted }) => !unrestricted || periods.length === 0, 'unrestricted goes without periods'),
  result: z.object({ windows }),
  access: 'signedIn',
  handler: async (call, { login: user, edgeId, mode, periods, unrestricted = false }) => {
    const upload = { mode, periods, unrestricted }
    return { windows: toWire(await restrict(call.ctx, actorOf(call), { login: user, edgeName: edgeId, upload })) }
  },
})

const restrictionView = z.object({ login: z.string().optional(), edgeId: z.string(), windows })

const listRestrictions = defineMethod({
  name: 'listRestrictions',
  summary:
    'Restrictions on an edge, for those who may grant there; or of an account, on such edges; without either the own ones of the caller.',
  clients,
  params: z.strictObject({ edgeId: edgeId.optional(), login: login.optional(), ...paging }),
  result: z.object({ restrictions: z.array(restrictionView), total }),
  access: 'signedIn',
  scope: 'read',
  handler: async (call, { edgeId: name, login: of, ...query }) => {
    const before = lookOf(call)
    const edge = name === undefined ? undefined : before.index.edgeByName(name)
    const ids = edge ? await listRestrictionIdsOn(call.ctx.db, edge.id) : []
    const look = lookOf(call)
    if (name !== undefined && (edge === undefined || !may(look, 'share', edge.id)))
      throw refused(look, 'share', edge === undefined && `edge ${name}`)
    const user = of === undefined ? look.index.user(look.askerId) : look.index.userByLogin(of.toLowerCase())
    const rows = edge
      ? ids.flatMap((id) => look.index.row('restriction', id) ?? [])
      : [...(user ? look.index.restrictionsOf(user.id).values() : [])]
    const asked = rows.filter((row) => (of === undefined && edge) || row.userId === user?.id)
    const views = shown(look, asked, of !== undefined)
    const { items, total } = pageOf(
      views,
      ({ id, view }) => ({ id, name: `${view.login ?? ''} ${view.edgeId}` }),
      query,
    )
    return { restrictions: items.map(({ view }) => view), total }
  },
})

/** What the caller may see of them: his own on edges that he knows, and those on edges where he may grant. */
function shown(
  look: Looking,
  rows: readonly RestrictionRow[],
  isByLogin: boolean,
): { id: number; view: z.input<typeof restrictionView> }[] {
  const isKnown = knownTo(look)
  const isManager = managesUsers(look)
  return rows.flatMap((row) => {
    const edge = look.index.edge(row.edgeId)
    const isOwn = row.userId === look.askerId && may(look, 'discover', row.edgeId)
    if (edge === undefined || !(isOwn || isManager || may(look, 'share', row.edgeId))) return []
    const login = isKnown(row.userId) ? look.index.user(row.userId)?.login : undefined
    if (isByLogin && login === undefined) return []
    const view = { ...(login === undefined ? {} : { login }), edgeId: edge.edgeId, windows: toWire(row.windows) }
    return [{ id: row.id, view }]
  })
}

export const capMethods = [setClaim, listClaims, setRestriction, listRestrictions]
