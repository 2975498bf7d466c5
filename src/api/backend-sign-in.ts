import { z } from 'zod'
import { principalOf } from '../access/door.ts'
import { registerUser } from '../accounts/registration-service.ts'
import { endSession, type SignIn, signInWithPassword, signInWithToken } from '../accounts/session-service.ts'
import { AppError } from '../errors.ts'
import { type Call, defineMethod } from '../rpc/method.ts'
import { backendClients, speaksForUsers } from './backend-access.ts'
import { registration } from './registration-shapes.ts'
import { empty } from './shapes.ts'

/** Where the person sits: without it all users of a backend would share the throttle of its own address. */
const clientAddress = z.string().min(1).max(100).optional()
const signedIn = z.object({ userId: z.string(), login: z.string(), token: z.string(), expiresAt: z.string() })
const example = {
  userId: '1007',
  login: 'ada',
  token: 'eyJhbGciOiJFUzI1NiJ9.e30.c2ln',
  expiresAt: '2027-01-01T00:00:00.000Z',
}

/** The session stays open without a socket here: the backend holds the socket, and asks again with the token. */
function admitted(call: Call, outcome: SignIn): z.input<typeof signedIn> {
  if (!outcome.ok) throw new AppError('authenticationFailed')
  const { user, sessionId, token, expiresAt } = outcome
  call.ctx.sessions.release(sessionId)
  // A backend would let whoever acts as another do all that this other may (K4).
  if (outcome.impersonation !== undefined) throw new AppError('authenticationFailed')
  return { userId: String(user.id), login: user.login, token, expiresAt: expiresAt.toISOString() }
}

function addressOf(call: Call, given: string | undefined): string {
  return given ?? call.session.clientAddress
}

const authenticateUserWithPassword = defineMethod({
  name: 'authenticateUserWithPassword',
  summary: 'Opens a session for a user of a backend; 1003 whatever was wrong. Attempts are limited.',
  clients: backendClients,
  params: z.object({ username: z.string().max(300), password: z.string().max(1000), clientAddress }),
  result: signedIn,
  ...speaksForUsers,
  example: { params: { username: 'ada', password: 'secret', clientAddress: '203.0.113.7' }, result: example },
  handler: async (call, { username, password, clientAddress: given }) => {
    call.ctx.store.assertFresh()
    const credentials = { login: username, password, clientAddress: addressOf(call, given) }
    return admitted(call, await signInWithPassword(call.ctx, credentials))
  },
})

const authenticateUserWithToken = defineMethod({
  name: 'authenticateUserWithToken',
  summary: 'Takes a session of a backend’s user up again; 1003 when it has ended.',
  clients: backendClients,
  params: z.object({ token: z.string().max(4000), clientAddress }),
  result: signedIn,
  ...speaksForUsers,
  example: { params: { token: example.token }, result: example },
  handler: async (call, { token, clientAddress: given }) => {
    call.ctx.store.assertFresh()
    return admitted(call, await signInWithToken(call.ctx, token, addressOf(call, given)))
  },
})

const logoutUser = defineMethod({
  name: 'logoutUser',
  summary: 'Ends the session of a token everywhere; a token that is worth nothing any more is no error.',
  clients: backendClients,
  params: z.object({ token: z.string().max(4000) }),
  result: empty,
  ...speaksForUsers,
  example: { params: { token: example.token }, result: {} },
  handler: async ({ ctx, caller }, { token }) => {
    const claims = await ctx.tokens.verify(token)
    const actorId = principalOf(caller)
    if (claims) await endSession(ctx, { sessionId: claims.sessionId, reason: 'logout', actorId })
    return {}
  },
})

const registerUserFor = defineMethod({
  name: 'registerUserFor',
  summary: 'Registers a user of a backend, where the configuration allows it; the role sent is ignored.',
  clients: backendClients,
  params: z.object({ user: registration, clientAddress }),
  result: z.object({ userId: z.string(), login: z.string() }),
  ...speaksForUsers,
  handler: async (call, { user, clientAddress: given }) => {
    const row = await registerUser(call.ctx, { ...user, clientAddress: addressOf(call, given) })
    return { userId: String(row.id), login: row.login }
  },
})

export const backendSignInMethods = [
  authenticateUserWithPassword,
  authenticateUserWithToken,
  logoutUser,
  registerUserFor,
]
