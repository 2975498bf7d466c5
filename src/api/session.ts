import { z } from 'zod'
import type { UserRow } from '../access/model.ts'
import { uiLanguage } from '../accounts/account-rules.ts'
import { registerUser as register } from '../accounts/registration-service.ts'
import { endSession, signInWithPassword, signInWithToken } from '../accounts/session-service.ts'
import { AppError } from '../errors.ts'
import { type Call, defineMethod } from '../rpc/method.ts'
import { registration } from './registration-shapes.ts'
import { empty, role } from './shapes.ts'

export const authenticated = z.object({
  token: z.string(),
  user: z.object({
    id: z.string(),
    name: z.string(),
    language: z.string(),
    hasMultipleEdges: z.boolean(),
    settings: z.record(z.string(), z.unknown()),
    globalRole: role,
    /** Set while another acts as this user: who, and until when (E-06). */
    impersonatedBy: z.object({ id: z.string(), name: z.string(), until: z.string() }).optional(),
  }),
  edges: z.array(z.never()),
})

type SignIn = Awaited<ReturnType<typeof signInWithToken>>

/** Binds the socket to the session, or refuses with 1003, the one code that means "log in again" to the UI. */
export function admit(call: Call, outcome: SignIn): z.input<typeof authenticated> {
  if (!outcome.ok) throw new AppError('authenticationFailed')
  const { user, sessionId, token, impersonation } = outcome
  call.session.signIn({ type: 'user', principalId: user.id, sessionId, token, ...(impersonation && { impersonation }) })
  const actor = impersonation && call.ctx.store.index.user(impersonation.actorId)
  const impersonatedBy = actor && { id: actor.login, name: actor.name, until: outcome.expiresAt.toISOString() }
  return { token, user: { ...toSessionUser(call, user), impersonatedBy }, edges: [] }
}

function toSessionUser({ ctx, now }: Call, user: UserRow) {
  const claims = Object.fromEntries(ctx.store.index.claimsOf(user.id).map(({ key, value }) => [key, value]))
  const { claims: _notHis, ...settings } = user.settings
  return {
    id: user.login,
    name: user.name,
    language: uiLanguage(user.language).toUpperCase(),
    hasMultipleEdges: ctx.store.index.countEdges(user.id, now.getTime(), 2, { withRole: true }) > 1,
    // Without a theme the UI covers the page with a question after every log-in (ui.md section 0, rule 5).
    settings: { theme: 'light', ...settings, ...(Object.keys(claims).length > 0 ? { claims } : {}) },
    globalRole: user.globalRole,
  }
}

const authenticateWithPassword = defineMethod({
  name: 'authenticateWithPassword',
  summary: 'Logs in with login or e-mail address and password.',
  clients: ['ui'],
  params: z.object({ username: z.string().max(300).default(''), password: z.string().max(1000) }),
  result: authenticated,
  access: 'public',
  exclusive: true,
  unlimited: true,
  handler: async (call, params) => {
    call.ctx.store.assertFresh()
    const { clientAddress } = call.session
    return admit(
      call,
      await signInWithPassword(call.ctx, { login: params.username, password: params.password, clientAddress }),
    )
  },
})

const authenticateWithToken = defineMethod({
  name: 'authenticateWithToken',
  summary:
    'Takes a session up again, as the UI does after every reconnect; the answer waits until the UI is ready for it.',
  clients: ['ui'],
  params: z.object({ token: z.string().max(4000) }),
  result: authenticated,
  access: 'public',
  exclusive: true,
  unlimited: true,
  answerAfterMs: (ctx) => ctx.config.uiTokenAnswerMs,
  handler: async (call, params) => {
    call.ctx.store.assertFresh()
    return admit(call, await signInWithToken(call.ctx, params.token, call.session.clientAddress))
  },
})

const logout = defineMethod({
  name: 'logout',
  summary: 'Ends the session everywhere. Always succeeds; the socket stays for the next log-in.',
  clients: ['ui'],
  params: empty,
  result: empty,
  access: 'public',
  exclusive: true,
  unlimited: true,
  handler: async ({ ctx, session, caller }) => {
    session.signOut()
    if (caller.type === 'user')
      await endSession(ctx, { sessionId: caller.sessionId, reason: 'logout', actorId: caller.principalId })
    return {}
  },
})

const registerUser = defineMethod({
  name: 'registerUser',
  summary: 'Creates an account where the configuration allows it; the role the client sends is ignored.',
  clients: ['ui'],
  params: z.object({
    user: registration,
    oem: z.string().max(300).optional(),
  }),
  result: empty,
  access: 'public',
  exclusive: true,
  unlimited: true,
  handler: async ({ ctx, session }, { user }) => {
    await register(ctx, { ...user, clientAddress: session.clientAddress })
    return {}
  },
})

export const sessionMethods = [authenticateWithPassword, authenticateWithToken, logout, registerUser]
