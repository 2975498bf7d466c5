import { z } from 'zod'
import {
  getUserInformation as findInformation,
  setUserInformation as storeInformation,
  updateUserLanguage as storeLanguage,
  updateUserSettings as storeSettings,
} from '../accounts/profile-service.ts'
import { changeOwnPassword as changePassword } from '../accounts/user-service.ts'
import { AppError } from '../errors.ts'
import { defineMethod } from '../rpc/method.ts'
import { empty } from './shapes.ts'
import { actorFor, onBehalf, personOf } from './subject.ts'

const text = z.string().max(300).default('')
const address = z.object({ street: text, zip: text, city: text, country: text })

const getUserInformation = defineMethod({
  name: 'getUserInformation',
  summary:
    'Profile of the caller, or of whom a service speaks for; every member is present, because the UI reads them unchecked.',
  clients: ['ui', 'service', 'backend'],
  params: z.object(onBehalf),
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
  scope: 'authenticate',
  access: 'signedIn',
  personal: true,
  handler: async (call, params) => {
    const userId = personOf(call, params.userId)
    const user = await findInformation(call.ctx, userId)
    if (user.firstname !== '' || user.lastname !== '') return { user }
    // The profile page shows these two in place of the name and has no fields to enter them.
    return { user: { ...user, lastname: call.ctx.store.index.user(userId)?.name ?? '' } }
  },
})

const setUserInformation = defineMethod({
  name: 'setUserInformation',
  summary: 'Changes the profile of the caller.',
  clients: ['ui', 'service', 'backend'],
  params: z.object({
    user: z.object({
      firstname: text,
      lastname: text,
      email: text,
      phone: text,
      address,
      company: z.object({ name: text }).optional(),
    }),
    ...onBehalf,
  }),
  result: empty,
  scope: 'authenticate',
  access: 'signedIn',
  personal: true,
  handler: async (call, params) => {
    const userId = personOf(call, params.userId)
    const { company, ...user } = params.user
    await storeInformation(call.ctx, userId, company ? { ...user, company } : user, actorFor(call, userId))
    return {}
  },
})

const updateUserLanguage = defineMethod({
  name: 'updateUserLanguage',
  summary: 'Language of the caller; an unknown one becomes German, as in OpenEMS.',
  clients: ['ui', 'service', 'backend'],
  params: z.object({ language: z.string().max(20), ...onBehalf }),
  result: empty,
  scope: 'authenticate',
  access: 'signedIn',
  personal: true,
  handler: async (call, params) => {
    const userId = personOf(call, params.userId)
    await storeLanguage(call.ctx, userId, params.language, actorFor(call, userId))
    return {}
  },
})

const updateUserSettings = defineMethod({
  name: 'updateUserSettings',
  summary: 'Merges UI settings of the caller, one level deep.',
  clients: ['ui', 'service', 'backend'],
  params: z.object({ settings: z.record(z.string(), z.unknown()), ...onBehalf }),
  result: empty,
  scope: 'authenticate',
  access: 'signedIn',
  personal: true,
  handler: async (call, params) => {
    const userId = personOf(call, params.userId)
    await storeSettings(call.ctx, userId, params.settings, actorFor(call, userId))
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
  personal: true,
  handler: async (call, params) => {
    const { caller } = call
    if (caller.type !== 'user') throw new AppError('unauthenticated', ['user'])
    await changePassword(call.ctx, {
      ...params,
      userId: caller.principalId,
      sessionId: caller.sessionId,
      clientAddress: call.session.clientAddress,
    })
    return {}
  },
})

export const userMethods = [
  getUserInformation,
  setUserInformation,
  updateUserLanguage,
  updateUserSettings,
  changeOwnPassword,
]
