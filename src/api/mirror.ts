import { z } from 'zod'
import { principalOf } from '../access/door.ts'
import { PLATFORM_RESOURCE_ID } from '../access/model.ts'
import { type Call, defineMethod } from '../rpc/method.ts'
import { backendClients } from './backend-access.ts'
import { empty, integer } from './shapes.ts'

/** Whoever may see nothing is told nothing. */
const reads = { scope: 'read', access: 'signedIn' } as const
const position = integer.pipe(z.number().min(0).max(Number.MAX_SAFE_INTEGER))

const subscribeMetadata = defineMethod({
  name: 'subscribeMetadata',
  summary:
    'Follows all edges, users and changes of rights on this socket: from a revision on, or, where that cannot be, from a snapshot (`startOver`). A service that does not look after everything is told what it may see (`limited`), with numbers of its own, and always from a snapshot.',
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
    /** What follows is a part of everything: the edges the caller has a role on and the people it decides about, by name. */
    limited: z.boolean(),
  }),
  ...reads,
  example: {
    params: { fromRevision: 4711 },
    result: { revision: 4711, startOver: false, instance: 'a2c5', edges: 100, users: 20, limited: false },
  },
  handler: async (call, { fromRevision, ...rest }) => {
    const { ctx, session, caller } = call
    const principalId = principalOf(caller)
    ctx.store.assertFresh()
    const mayRead = () => ctx.store.index.allows(principalId, 'manageUser', PLATFORM_RESOURCE_ID, ctx.clock().getTime())
    if (!mayRead()) return await followLimited(call)
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
      limited: false,
    }
  },
})

async function followLimited({ ctx, session, caller }: Call) {
  const subscriber = ctx.mirrors.subscribeLimited(session.channel, principalOf(caller))
  const counted = await subscriber.begin()
  if (session.channel.isOpen && session.caller === caller) session.hold('mirror', subscriber)
  else subscriber[Symbol.dispose]()
  setImmediate(() => subscriber.start())
  return { revision: 0, startOver: true, instance: ctx.mirrors.instance, ...counted, limited: true }
}

const unsubscribeMetadata = defineMethod({
  name: 'unsubscribeMetadata',
  summary: 'Ends what `subscribeMetadata` began.',
  clients: backendClients,
  params: empty,
  result: empty,
  ...reads,
  example: { params: {}, result: {} },
  handler: ({ session }) => {
    session.hold('mirror', undefined)
    return {}
  },
})

export const mirrorMethods = [subscribeMetadata, unsubscribeMetadata]
