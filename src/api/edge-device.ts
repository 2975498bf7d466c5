import { z } from 'zod'
import { findBySetupPassword } from '../edges/edge-service.ts'
import { AppError, problem } from '../errors.ts'
import { defineMethod } from '../rpc/method.ts'
import { answerEdge } from './app-center.ts'
import { empty } from './shapes.ts'

const checkSetupPassword = defineMethod({
  name: 'checkSetupPassword',
  summary: 'Whether a setup password is that of the asking edge; 1003 also when it is another edge’s.',
  clients: ['edge'],
  params: z.object({ setupPassword: z.string().min(1).max(100) }),
  result: empty,
  access: 'edge',
  handler: async ({ ctx, caller }, params) => {
    if (caller.type !== 'edge') throw new AppError('unauthenticated', ['edge'])
    using attempt = await ctx.throttle.begin({
      account: `setupPassword edge ${caller.edgeId}`,
      password: params.setupPassword,
      clientAddress: `edge-${caller.edgeId}`,
      isKnownAddress: async () => false,
    })
    if (attempt === undefined) throw new AppError('tooManyRequests')
    const edge = await findBySetupPassword(ctx, params.setupPassword)
    if (edge?.id === caller.edgeId) {
      return {}
    }
    await attempt.failed()
    throw new AppError('authenticationFailed', ['checkSetupPassword'])
  },
})

const payload = z.object({ payload: z.record(z.string(), z.unknown()) })

const appCenter = defineMethod({
  name: 'appCenter',
  summary: 'App-Center requests of an edge: every app is free, and the edge keeps by itself what it has.',
  clients: ['edge'],
  params: payload,
  result: z.record(z.string(), z.unknown()),
  access: 'edge',
  handler: (_call, params) => answerEdge(params) as Record<string, unknown>,
})

const oauthRegistry = defineMethod({
  name: 'oauthRegistry',
  summary: 'OAuth client secrets kept for edges; none are kept here.',
  clients: ['edge'],
  params: payload,
  result: empty,
  access: 'edge',
  handler: () => {
    throw problem('No OAuth registry is configured')
  },
})

export const edgeDeviceMethods = [checkSetupPassword, appCenter, oauthRegistry]
