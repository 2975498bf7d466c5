import { z } from 'zod'
import { edgeRoleOf, holdsRole } from '../access/door.ts'
import {
  getUserInformation as findInformation,
  setUserInformation as storeInformation,
  updateUserLanguage as storeLanguage,
  updateUserSettings as storeSettings,
} from '../accounts/profile-service.ts'
import { changeOwnPassword as changePassword } from '../accounts/user-service.ts'
import { listAlerting, storeAlerting } from '../edges/alerting-settings.ts'
import { AppError, problem } from '../errors.ts'
import { type Call, defineMethod } from '../rpc/method.ts'
import { edgeId, empty, integer } from './shapes.ts'

const text = z.string().max(300).default('')
const address = z.object({ street: text, zip: text, city: text, country: text })

/** The person behind the call; services have no profile. */
function userIdOf(call: Call): number {
  const { caller } = call.session
  if (caller.type !== 'user') throw new AppError('unauthenticated', ['user'])
  return caller.principalId
}

const getUserInformation = defineMethod({
  name: 'getUserInformation',
  summary: 'Profile of the caller. Protocol C.3; every member is present, because the UI reads them unchecked.',
  clients: ['ui'],
  params: empty,
  result: z.object({
    user: z.object({
      firstname: z.string(),
      lastname: z.string(),
      email: z.string(),
      phone: z.string(),
      address,
      company: z.object({ name: z.string() }),
    }),
  }),
  access: 'signedIn',
  handler: async (call) => {
    const userId = userIdOf(call)
    const user = await findInformation(call.ctx, userId)
    if (user.firstname !== '' || user.lastname !== '') return { user }
    // The profile page shows these two in place of the name and has no fields to enter them.
    return { user: { ...user, lastname: call.ctx.store.index.user(userId)?.name ?? '' } }
  },
})

const setUserInformation = defineMethod({
  name: 'setUserInformation',
  summary: 'Changes the profile of the caller. Protocol C.3.',
  clients: ['ui'],
  params: z.object({
    user: z.object({
      firstname: text,
      lastname: text,
      email: text,
      phone: text,
      address,
      company: z.object({ name: text }).optional(),
    }),
  }),
  result: empty,
  access: 'signedIn',
  handler: async (call, params) => {
    const { company, ...user } = params.user
    await storeInformation(call.ctx, userIdOf(call), company ? { ...user, company } : user)
    return {}
  },
})

const updateUserLanguage = defineMethod({
  name: 'updateUserLanguage',
  summary: 'Language of the caller; an unknown one becomes German, as in OpenEMS. Protocol C.3.',
  clients: ['ui'],
  params: z.object({ language: z.string().max(20) }),
  result: empty,
  access: 'signedIn',
  handler: async (call, params) => {
    await storeLanguage(call.ctx, userIdOf(call), params.language)
    return {}
  },
})

const updateUserSettings = defineMethod({
  name: 'updateUserSettings',
  summary: 'Merges UI settings of the caller, one level deep. ui.md section 3.',
  clients: ['ui'],
  params: z.object({ settings: z.record(z.string(), z.unknown()) }),
  result: empty,
  access: 'signedIn',
  handler: async (call, params) => {
    await storeSettings(call.ctx, userIdOf(call), params.settings)
    return {}
  },
})

const changeOwnPassword = defineMethod({
  name: 'changeOwnPassword',
  summary: 'Changes the password of the caller and ends his other sessions.',
  clients: ['ui'],
  params: z.strictObject({ oldPassword: z.string().max(1000), newPassword: z.string().max(1000) }),
  result: empty,
  access: 'signedIn',
  handler: async (call, params) => {
    const { caller, clientAddress } = call.session
    if (caller.type !== 'user') throw new AppError('unauthenticated', ['user'])
    await changePassword(call.ctx, {
      ...params,
      userId: caller.principalId,
      sessionId: caller.sessionId,
      clientAddress,
    })
    return {}
  },
})

const delay = integer.pipe(z.number().min(0).max(525_600))
const alerting = z.object({
  userLogin: z.string().max(300),
  offlineEdgeDelay: delay.default(0),
  faultEdgeDelay: delay.default(0),
  warningEdgeDelay: delay.default(0),
})

const getUserAlertingConfigs = defineMethod({
  name: 'getUserAlertingConfigs',
  summary: 'Alerting delays in minutes of the caller, and for an admin of the edge those of the others. Protocol C.3.',
  clients: ['ui'],
  params: z.object({ edgeId }),
  result: z.object({ currentUserSettings: alerting, otherUsersSettings: z.array(alerting) }),
  access: { edgeRole: 'guest', edges: (params) => params.edgeId },
  handler: async (call, params) => {
    const userId = userIdOf(call)
    const { edge, role } = edgeRoleOf(call.ctx, call.session.caller, params.edgeId, call.now)
    const own = call.ctx.store.index.user(userId)?.login ?? ''
    const all = await listAlerting(call.ctx, edge.id, role === 'admin' ? undefined : userId)
    const none = { userLogin: own, offlineEdgeDelay: 0, faultEdgeDelay: 0, warningEdgeDelay: 0 }
    return {
      currentUserSettings: all.find((entry) => entry.userLogin === own) ?? none,
      otherUsersSettings: all.filter((entry) => entry.userLogin !== own),
    }
  },
})

const setUserAlertingConfigs = defineMethod({
  name: 'setUserAlertingConfigs',
  summary: 'Sets alerting delays in minutes, 0 is off. Those of others need the role admin on the edge. Protocol C.3.',
  clients: ['ui'],
  params: z.object({ edgeId, userSettings: z.array(alerting).max(1000) }),
  result: empty,
  access: { edgeRole: 'guest', edges: (params) => params.edgeId },
  handler: async (call, params) => {
    const userId = userIdOf(call)
    const { ctx, now } = call
    const { edge, role } = edgeRoleOf(ctx, call.session.caller, params.edgeId, now)
    const entries = params.userSettings.map((entry) => {
      const user = ctx.store.index.userByLogin(entry.userLogin.trim().toLowerCase())
      // The same text whether the account is missing or merely not yours to change.
      if (
        user === undefined ||
        (user.id !== userId && (role !== 'admin' || !holdsRole(ctx, user.id, edge.id, 'guest', now.getTime())))
      ) {
        throw problem(`You may not change the alerting of [${entry.userLogin.slice(0, 100)}]`)
      }
      return { ...entry, userId: user.id }
    })
    await storeAlerting(ctx, userId, edge.id, entries)
    return {}
  },
})

export const userMethods = [
  getUserInformation,
  setUserInformation,
  updateUserLanguage,
  updateUserSettings,
  changeOwnPassword,
  getUserAlertingConfigs,
  setUserAlertingConfigs,
]
