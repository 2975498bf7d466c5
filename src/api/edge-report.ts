import { z } from 'zod'
import { principalOf } from '../access/door.ts'
import { tellConfig } from '../edges/edge-notifications.ts'
import { problem } from '../errors.ts'
import { levels } from '../live/edge-states.ts'
import { defineMethod } from '../rpc/method.ts'
import { backendClients } from './backend-access.ts'
import { edgeId } from './shapes.ts'

const epochMs = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
const report = z.object({
  edgeId,
  /** When it was so; without it now. */
  at: epochMs.optional(),
  online: z.boolean().optional(),
  lastMessage: epochMs.optional(),
  version: z
    .string()
    .regex(/^[ -~]{1,60}$/)
    .optional(),
  sumState: z.enum(levels).optional(),
  config: z.record(z.string(), z.unknown()).optional(),
})

const reportEdgeStates = defineMethod({
  name: 'reportEdgeStates',
  summary:
    'What a backend that holds the sockets of edges knows of them, many at once. An edge connected here wins, else the newest report; with the reporting connection they go offline.',
  clients: backendClients,
  params: z.object({ reports: z.array(report).min(1).max(1000) }),
  result: z.object({
    taken: z.number(),
    /** `unknown`: no such edge, or not the caller’s to report; `connected`: it speaks for itself here. */
    ignored: z.array(z.object({ edgeId: z.string(), reason: z.enum(['unknown', 'connected', 'older']) })),
  }),
  scope: 'write',
  access: 'signedIn',
  example: {
    params: { reports: [{ edgeId: 'edge0', online: true, version: '2026.4.0', sumState: 'OK' }] },
    result: { taken: 1, ignored: [] },
  },
  handler: ({ ctx, session, caller, now }, { reports }) => {
    const principalId = principalOf(caller)
    ctx.store.assertFresh()
    // Reports last as long as the connection, so there has to be one.
    if (!session.channel.isOpen) throw problem('Report edges over a WebSocket')
    const reporter = ctx.reports.of(session.channel, (opened) => session.hold('reporter', opened))
    const at = now.getTime()
    const ignored: { edgeId: string; reason: 'unknown' | 'connected' | 'older' }[] = []
    for (const { edgeId: name, config, sumState, ...said } of reports) {
      const edge = ctx.store.index.edgeByName(name)
      if (edge === undefined || ctx.store.index.componentsOf(principalId, 'configRaw', edge.id, at) !== null) {
        ignored.push({ edgeId: name, reason: 'unknown' })
        continue
      }
      const outcome = reporter.report(edge.id, {
        ...said,
        // A clock that runs ahead must not win for ever.
        at: Math.min(said.at ?? at, at),
        lastMessage: said.lastMessage === undefined ? undefined : Math.min(said.lastMessage, at),
        sumState: sumState === undefined ? undefined : levels.indexOf(sumState),
      })
      if (outcome !== 'taken') ignored.push({ edgeId: name, reason: outcome })
      else if (config !== undefined && ctx.configs.received(edge.id, config, null)) {
        const live = ctx.hub.find(edge.id)
        if (live) tellConfig(ctx, live, config)
      }
    }
    return { taken: reports.length - ignored.length, ignored }
  },
})

export const edgeReportMethods = [reportEdgeStates]
