import { z } from 'zod'
import { PLATFORM_RESOURCE_ID } from '../access/model.ts'
import { problem } from '../errors.ts'
import { defineMethod } from '../rpc/method.ts'
import { edgeId } from './shapes.ts'

const listEdgesWithoutKeyCopy = defineMethod({
  name: 'listEdgesWithoutKeyCopy',
  summary:
    'Edges that cannot connect through a Backend.Edge.App, because no key of theirs has a copy: rotate it, or let the edge connect directly once.',
  clients: ['ui', 'service'],
  params: z.strictObject({ after: edgeId.optional(), limit: z.number().int().min(1).max(1000).default(100) }),
  result: z.object({ edgeIds: z.array(z.string()), total: z.number() }),
  access: { permission: 'install', resource: () => PLATFORM_RESOURCE_ID },
  handler: async ({ ctx, now }, { after, limit }) => {
    const { keyCopies, store } = ctx
    if (keyCopies === undefined) throw problem('No copies of API keys are kept: EMS_EDGE_KEY_SEALS is not set')
    const previous = after === undefined ? 0 : (store.index.edgeByName(after)?.id ?? 0)
    const rows = await keyCopies.edgesWithoutCopy({ now, after: previous, limit })
    return { edgeIds: rows.map((row) => row.edgeId), total: store.index.edgeCount - keyCopies.edgeCount }
  },
})

export const edgeManagerMethods = [listEdgesWithoutKeyCopy]
