import { z } from 'zod'
import {
  setImpersonationConsent as consent,
  endImpersonation as end,
  impersonate as start,
} from '../accounts/impersonation-service.ts'
import { signInWithToken } from '../accounts/session-service.ts'
import { AppError, problem } from '../errors.ts'
import { type Call, defineMethod } from '../rpc/method.ts'
import { id, login } from './rights-shapes.ts'
import { admit, authenticated } from './session.ts'
import { empty } from './shapes.ts'

const impersonate = defineMethod({
  name: 'impersonate',
  summary: 'Acts as another user for some minutes, with what both may do; answers like a log-in.',
  clients: ['ui'],
  params: z.strictObject({ login }),
  result: authenticated,
  access: 'signedIn',
  exclusive: true,
  personal: true,
  handler: async (call, params) => {
    const { principalId, sessionId } = person(call)
    return admit(call, await start(call.ctx, { actorId: principalId, sessionId, login: params.login }))
  },
})

const endImpersonation = defineMethod({
  name: 'endImpersonation',
  summary: 'Goes back to the session that acts as another; answers like a log-in.',
  clients: ['ui'],
  params: empty,
  result: authenticated,
  access: 'signedIn',
  exclusive: true,
  handler: async (call) => {
    const { principalId, sessionId, token, impersonation } = person(call)
    if (impersonation === undefined) throw problem('You do not act as anybody')
    const { ctx, session } = call
    // First, or the end of the session would cut this socket.
    session.signOut()
    await end(ctx, { sessionId, userId: principalId, impersonation })
    return admit(call, await signInWithToken(ctx, token, session.clientAddress))
  },
})

const setImpersonationConsent = defineMethod({
  name: 'setImpersonationConsent',
  summary: 'Whether those who decide about a user group may act as the caller, its member; ended at once.',
  clients: ['ui'],
  params: z.strictObject({ groupId: id, consents: z.boolean() }),
  result: empty,
  access: 'signedIn',
  personal: true,
  handler: async (call, { groupId, consents }) => {
    await consent(call.ctx, person(call).principalId, groupId, consents)
    return {}
  },
})

function person({ caller }: Call) {
  if (caller.type !== 'user') throw new AppError('unauthenticated', ['user'])
  return caller
}

export const impersonationMethods = [impersonate, endImpersonation, setImpersonationConsent]
