import { z } from 'zod'
import { decidesAboutAll, knownTo, maySeeAudience } from '../access/audience-door.ts'
import { type ChannelPart, channelParts } from '../access/graph-data.ts'
import type { EdgeRow, UserRow, Window } from '../access/model.ts'
import { ofOneRevision } from '../access/one-revision.ts'
import { managesUsers } from '../access/people-door.ts'
import { intersectWindows } from '../access/windows.ts'
import { problem } from '../errors.ts'
import { type Call, defineMethod } from '../rpc/method.ts'
import { audienceRow, audienceView } from './audience-view.ts'
import { edgePage, edgesQuery } from './edge.ts'
import {
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
import { edgeId, edgeMetadata } from './shapes.ts'

type Looking = ReturnType<typeof lookOf>

const channel = z
  .string()
  .max(300)
  .regex(/^[^/]+\/.+$/, 'an address like meter0/ActivePower')
const range = z.tuple([z.string(), z.string()])
const toRanges = (windows: readonly Window[]) =>
  windows.map(([from, to]): [string, string] => [toIso(from) ?? '', toIso(to) ?? ''])

const authorizeData = defineMethod({
  name: 'authorizeData',
  summary:
    'Which of these channels of an edge a user may read in [from, to), and when. Everything in `channels` may be read in all of `allowed`; `parts` tells more where channels differ. A service asks about anybody, a person about himself or whom he decides about.',
  clients,
  params: z.strictObject({
    userId: login,
    edgeId,
    channels: z.array(channel).max(5000),
    from: instant,
    to: instant,
  }),
  result: z.object({
    allowed: z.array(range),
    channels: z.array(z.string()),
    parts: z.array(z.object({ channels: z.array(z.string()), allowed: z.array(range) })),
    /** `denied`: there is no such user or edge, or he may not see it. */
    reason: z.enum(['all', 'part', 'none', 'denied']),
  }),
  access: 'signedIn',
  scope: 'authenticate',
  handler: (call, params) => {
    if (params.from >= params.to) throw problem('The range would end before it begins')
    const look = lookOf(call)
    const [from, to] = [params.from.getTime(), params.to.getTime()]
    const { user, edge } = dataSubject(call, look, params)
    const nothing = { allowed: [], channels: [], parts: [] }
    if (user === undefined || edge === undefined || !look.index.allows(user.id, 'discover', edge.id, look.at))
      return { ...nothing, reason: 'denied' as const }
    const parts = channelParts(look.index.authorizeData(user.id, edge.id, from, to, look.at), params.channels)
    if (parts.length === 0) return { ...nothing, reason: 'none' as const }
    const [first] = parts
    const isAll =
      parts.length === 1 &&
      first?.channels.length === new Set(params.channels).size &&
      first.windows.length === 1 &&
      first.windows[0]?.[0] === from &&
      first.windows[0][1] === to
    return {
      ...common(parts),
      parts: parts.map(({ channels, windows }) => ({ channels, allowed: toRanges(windows) })),
      reason: isAll ? ('all' as const) : ('part' as const),
    }
  },
})

/** All channels, and the times at which every one of them may be read; nothing if there is no such time. */
function common(parts: readonly ChannelPart[]) {
  const windows = parts.reduce<readonly Window[]>(
    (left, part) => intersectWindows(left, part.windows) ?? [],
    parts[0]?.windows ?? [],
  )
  return { allowed: toRanges(windows), channels: windows.length > 0 ? parts.flatMap((part) => part.channels) : [] }
}

/** Whom and what the question is about, as far as the asker may ask; a person who may not ask is refused. */
function dataSubject(
  { caller }: Call,
  look: Looking,
  params: { userId: string; edgeId: string },
): { user?: UserRow | undefined; edge?: EdgeRow | undefined } {
  const user = look.index.userByLogin(params.userId.toLowerCase())
  const edge = look.index.edgeByName(params.edgeId)
  if (caller.type === 'service') return edge && may(look, 'history', edge.id) ? { user, edge } : {}
  if (user?.id === look.askerId || managesUsers(look)) return { user, edge }
  if (user === undefined || edge === undefined || !may(look, 'share', edge.id) || !knownTo(look)(user.id))
    throw refused(look, 'user')
  if (!decidesAboutAll(look, look.index.grantsReaching(user.id, edge.id, look.at))) throw refused(look, 'user')
  return { user, edge }
}

const getUserEdges = defineMethod({
  name: 'getUserEdges',
  summary:
    'A page of the edges a user may see, with his roles, as getEdges tells him; of those only that the caller may see, too. For services, and for those who handle accounts.',
  clients,
  params: edgesQuery.extend({ userId: login }),
  result: z.object({ edges: z.array(edgeMetadata) }),
  access: 'signedIn',
  scope: 'authenticate',
  handler: (call, { userId, ...query }) => {
    const look = lookOf(call)
    const user = look.index.userByLogin(userId.toLowerCase())
    if (user?.id === look.askerId) return edgePage(call, user.id, query)
    if (call.caller.type !== 'service' && !managesUsers(look)) throw refused(look, 'user')
    if (user === undefined) return { edges: [] }
    return edgePage(call, user.id, query, (id) => may(look, 'discover', id))
  },
})

const edgeUsersQuery = z.strictObject({ edgeId, ...paging })

const getEdgeUsers = defineMethod({
  name: 'getEdgeUsers',
  summary:
    'Who may see an edge: in which role, by which grants, which times; for those who grant there, audit it or handle the members of its organisation. Accounts that the caller cannot know are counted and not named.',
  clients,
  params: edgeUsersQuery,
  result: z.object({
    users: z.array(audienceView),
    total,
    /** How many of them are not named. */
    hidden: z.number(),
    /** Strangers may see an overview, too (K7). */
    everybody: z.boolean(),
  }),
  access: 'signedIn',
  scope: 'read',
  handler: (call, params) => ofOneRevision(call.ctx.store, () => edgeUsers(call, params)),
})

function* edgeUsers(call: Call, { edgeId, page, limit, query, sort, descending }: z.output<typeof edgeUsersQuery>) {
  const look = lookOf(call)
  const edge = look.index.edgeByName(edgeId)
  if (edge === undefined || !maySeeAudience(look, edge.id))
    throw refused(look, 'share', edge === undefined && `edge ${edgeId}`)
  const wanted = { isShown: knownTo(look), text: query, sort, descending, offset: page * limit, limit }
  const { page: rows, ...counts } = yield* look.index.audience(edge.id, wanted, look.at)
  return { ...counts, users: rows.map((row) => audienceRow(look, edge.id, row)) }
}

export const decisionMethods = [authorizeData, getUserEdges, getEdgeUsers]
