import { z } from 'zod'
import { edgeRoleOf, principalOf, requireLive } from '../access/door.ts'
import { defineMethod } from '../rpc/method.ts'
import { channel, edgeId, empty, integer, MAX_VALUES, requireAddresses } from './shapes.ts'

/** A newer subscription replaces the older one; whichever is last is what the socket holds. */
const TABLE = 'edgesCurrentData'

const subscribeEdgesChannels = defineMethod({
  name: 'subscribeEdgesChannels',
  summary:
    'Sends `edgesCurrentData` with these channels of these edges now and every 2 s; no ids or no channels ends it.',
  clients: ['backend'],
  params: z
    .object({
      /** Requests may overtake each other: only a higher one counts. Without it the request always counts. */
      count: integer.optional(),
      ids: z.array(edgeId).max(1000),
      channels: z.array(channel).max(1000),
    })
    .refine(({ ids, channels }) => ids.length * channels.length <= MAX_VALUES, `At most ${MAX_VALUES} values at once`),
  result: empty,
  scope: 'read',
  access: { edgeRole: 'guest', edges: (params) => params.ids },
  handler: ({ ctx, session, caller, now }, { count, ids, channels }) => {
    const edges = [...new Set(ids)].map((name) => {
      const { edge } = edgeRoleOf(ctx, caller, name, now)
      requireLive(ctx, principalOf(caller), edge, now)
      return { id: edge.id, name: edge.edgeId }
    })
    requireAddresses(channels)
    if (count !== undefined && count <= session.channelCount) return {}
    session.channelCount = count ?? session.channelCount
    const wanted = edges.length > 0 && channels.length > 0
    session.hold(TABLE, wanted ? ctx.tables.subscribe(session, edges, [...new Set(channels)]) : undefined)
    return {}
  },
})

export const backendMethods = [subscribeEdgesChannels]
