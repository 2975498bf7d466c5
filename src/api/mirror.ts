import { z } from 'zod'
import { principalOf } from '../access/door.ts'
import { PLATFORM_RESOURCE_ID } from '../access/model.ts'
import { defineMethod } from '../rpc/method.ts'
import { backendClients, readsAll } from './backend-access.ts'
import { empty, integer } from './shapes.ts'

const position = integer.pipe(z.number().min(0).max(Number.MAX_SAFE_INTEGER))

const subscribeMetadata = defineMethod({
  name: 'subscribeMetadata',
  summary:
    'Follows all edges, users and changes of rights on this socket: from a revision on, or, where that cannot be, from a snapshot (`startOver`).',
  clients: backendClients,
  params: z.object({
    fromRevision: position.optional(),
    /** Of that revision: tells whether the log is still the one it belonged to. */
    hash: z.string().max(100).optional(),
    /** Of the answer before, and of the last `metadataHead`: states are sent from there on. */
    instance: z.string().max(100).optional(),
    statePosition: position.optional(),
  }),
  result: z.object({
    /** The snapshot belongs to it, or what follows begins after it. */
    revision: z.number(),
    /** Pages of a snapshot follow: what the mirror has is void. */
    startOver: z.boolean(),
    instance: z.string(),
    edges: z.number(),
    users: z.number(),
  }),
  ...readsAll,
  example: {
    params: { fromRevision: 4711 },
    result: { revision: 4711, startOver: false, instance: 'a2c5', edges: 100, users: 20 },
  },
  handler: async (call, { fromRevision, ...rest }) => {
    const { ctx, session } = call
    const { caller } = session
    const principalId = principalOf(caller)
    ctx.store.assertFresh()
    const mayRead = () => ctx.store.index.allows(principalId, 'manageUser', PLATFORM_RESOURCE_ID, ctx.clock().getTime())
    const from = fromRevision === undefined ? undefined : { fromRevision, ...rest }
    const { subscriber, startOver, revision } = await ctx.mirrors.subscribe(session.channel, mayRead, from)
    // The peer may be gone by now, or signed out.
    if (session.channel.isOpen && session.caller === caller) session.hold('mirror', subscriber)
    else subscriber[Symbol.dispose]()
    // After the answer.
    setImmediate(() => subscriber.pump())
    return {
      revision,
      startOver,
      instance: ctx.mirrors.instance,
      edges: ctx.store.index.edgeCount,
      users: [...ctx.store.index.rows('user')].length,
    }
  },
})

const unsubscribeMetadata = defineMethod({
  name: 'unsubscribeMetadata',
  summary: 'Ends what `subscribeMetadata` began.',
  clients: backendClients,
  params: empty,
  result: empty,
  ...readsAll,
  example: { params: {}, result: {} },
  handler: ({ session }) => {
    session.hold('mirror', undefined)
    return {}
  },
})

export const mirrorMethods = [subscribeMetadata, unsubscribeMetadata]
