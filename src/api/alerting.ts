import { z } from 'zod'
import { edgeRoleOf, holdsRole } from '../access/door.ts'
import type { AppContext } from '../context.ts'
import { type Alerting, listAlerting, stampAlerts, storeAlerting } from '../edges/alerting-settings.ts'
import { problem } from '../errors.ts'
import { type Call, defineMethod } from '../rpc/method.ts'
import { backendClients, readsAll, speaksForUsers } from './backend-access.ts'
import { actorOf, instant, login } from './rights-shapes.ts'
import { edgeId, empty, integer } from './shapes.ts'
import { actorFor, personOf } from './subject.ts'

const delay = integer.pipe(z.number().min(0).max(525_600))
const alerting = z.object({
  userLogin: z.string().max(300),
  offlineEdgeDelay: delay.default(0),
  faultEdgeDelay: delay.default(0),
  warningEdgeDelay: delay.default(0),
})
const settings = z.array(alerting).max(1000)
/** When somebody was told last; null is never. */
const lastTold = z.string().nullable()
const silent = { offlineEdgeDelay: 0, faultEdgeDelay: 0, warningEdgeDelay: 0 }

/** What the subject may see of the settings for an edge: his own, and for an admin of the edge everybody's. */
async function visibleSettings({ ctx, now }: Call, userId: number, name: string): Promise<Alerting[]> {
  const { edge, role } = edgeRoleOf(ctx, { type: 'subject', principalId: userId }, name, now)
  return await listAlerting(ctx, edge.id, role === 'admin' ? undefined : userId)
}

/** Stores settings of the subject, and those of others when he is admin of the edge. */
async function store(call: Call, userId: number, name: string, given: z.output<typeof settings>): Promise<void> {
  const { ctx, now } = call
  const { edge, role } = edgeRoleOf(ctx, { type: 'subject', principalId: userId }, name, now)
  const entries = given.map((entry) => {
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
  await storeAlerting(ctx, actorFor(call, userId), edge.id, entries)
}

const getUserAlertingConfigs = defineMethod({
  name: 'getUserAlertingConfigs',
  summary: 'Alerting delays in minutes of the caller, and for an admin of the edge those of the others.',
  clients: ['ui'],
  params: z.object({ edgeId }),
  result: z.object({ currentUserSettings: alerting, otherUsersSettings: z.array(alerting) }),
  access: { edgeRole: 'guest', edges: (params) => params.edgeId },
  handler: async (call, params) => {
    const userId = personOf(call, undefined)
    const own = call.ctx.store.index.user(userId)?.login ?? ''
    const all = await visibleSettings(call, userId, params.edgeId)
    return {
      currentUserSettings: all.find((entry) => entry.userLogin === own) ?? { userLogin: own, ...silent },
      otherUsersSettings: all.filter((entry) => entry.userLogin !== own),
    }
  },
})

const setUserAlertingConfigs = defineMethod({
  name: 'setUserAlertingConfigs',
  summary: 'Sets alerting delays in minutes, 0 is off. Those of others need the role admin on the edge.',
  clients: ['ui'],
  params: z.object({ edgeId, userSettings: settings }),
  result: empty,
  access: { edgeRole: 'guest', edges: (params) => params.edgeId },
  handler: async (call, params) => {
    await store(call, personOf(call, undefined), params.edgeId, params.userSettings)
    return {}
  },
})

/** Settings for an edge of those who may still see it: an alert must not tell anybody of what he has lost (C-16). */
async function recipients({ ctx, now }: Call, name: string): Promise<Alerting[]> {
  ctx.store.assertFresh()
  const edge = ctx.store.index.edgeByName(name)
  if (edge === undefined) throw problem(`Unable to get Edge for id [${name}]`)
  const all = await listAlerting(ctx, edge.id, undefined)
  return all.filter(({ userLogin }) => mayBeTold(ctx, userLogin, edge.id, now.getTime()))
}

function mayBeTold(ctx: AppContext, userLogin: string, edge: number, at: number): boolean {
  const user = ctx.store.index.userByLogin(userLogin)
  return user !== undefined && holdsRole(ctx, user.id, edge, 'guest', at)
}

const getUserAlertingSettings = defineMethod({
  name: 'getUserAlertingSettings',
  summary: 'Alerting delays of one user for an edge, or of all who may see it.',
  clients: backendClients,
  params: z.object({ edgeId, userId: login.optional() }),
  result: z.object({ settings: z.array(alerting.extend({ lastOfflineAlert: lastTold, lastSumStateAlert: lastTold })) }),
  ...readsAll,
  example: {
    params: { edgeId: 'edge0', userId: 'ada' },
    result: {
      settings: [
        { userLogin: 'ada', ...silent, offlineEdgeDelay: 60, lastOfflineAlert: null, lastSumStateAlert: null },
      ],
    },
  },
  handler: async (call, params) => {
    const all = (await recipients(call, params.edgeId)).map(
      ({ lastOfflineAlertAt, lastSumStateAlertAt, ...delays }) => ({
        ...delays,
        lastOfflineAlert: toInstant(lastOfflineAlertAt),
        lastSumStateAlert: toInstant(lastSumStateAlertAt),
      }),
    )
    const wanted = params.userId?.toLowerCase()
    if (wanted === undefined) return { settings: all }
    const never = { userLogin: wanted, ...silent, lastOfflineAlert: null, lastSumStateAlert: null }
    return { settings: [all.find(({ userLogin }) => userLogin === wanted) ?? never] }
  },
})

const setUserAlertingSettings = defineMethod({
  name: 'setUserAlertingSettings',
  summary: 'Sets alerting delays as a user would: his own, and as admin of the edge those of others.',
  clients: backendClients,
  params: z.object({ userId: login, edgeId, settings }),
  result: empty,
  ...speaksForUsers,
  handler: async (call, params) => {
    await store(call, personOf(call, params.userId), params.edgeId, params.settings)
    return {}
  },
})

const getEdgeOfflineAlertingSettings = defineMethod({
  name: 'getEdgeOfflineAlertingSettings',
  summary: 'Who is to be told after how many minutes that an edge is offline.',
  clients: backendClients,
  params: z.object({ edgeId }),
  result: z.object({
    settings: z.array(
      z.object({ edgeId: z.string(), userLogin: z.string(), delay: z.number(), lastNotification: lastTold }),
    ),
  }),
  ...readsAll,
  example: {
    params: { edgeId: 'edge0' },
    result: {
      settings: [{ edgeId: 'edge0', userLogin: 'ada', delay: 60, lastNotification: '2026-12-24T00:00:00.000Z' }],
    },
  },
  handler: async (call, params) => {
    const all = await recipients(call, params.edgeId)
    const wanted = all.filter(({ offlineEdgeDelay }) => offlineEdgeDelay > 0)
    return {
      settings: wanted.map(({ userLogin, offlineEdgeDelay, lastOfflineAlertAt }) => ({
        edgeId: params.edgeId,
        userLogin,
        delay: offlineEdgeDelay,
        lastNotification: toInstant(lastOfflineAlertAt),
      })),
    }
  },
})

const getSumStateAlertingSettings = defineMethod({
  name: 'getSumStateAlertingSettings',
  summary: 'Who is to be told after how many minutes of fault or warning; 0 is never.',
  clients: backendClients,
  params: z.object({ edgeId }),
  result: z.object({
    settings: z.array(
      z.object({
        edgeId: z.string(),
        userLogin: z.string(),
        faultDelay: z.number(),
        warningDelay: z.number(),
        lastNotification: lastTold,
      }),
    ),
  }),
  ...readsAll,
  handler: async (call, params) => {
    const all = await recipients(call, params.edgeId)
    const wanted = all.filter(({ faultEdgeDelay, warningEdgeDelay }) => faultEdgeDelay > 0 || warningEdgeDelay > 0)
    return {
      settings: wanted.map(({ userLogin, faultEdgeDelay, warningEdgeDelay, lastSumStateAlertAt }) => ({
        edgeId: params.edgeId,
        userLogin,
        faultDelay: faultEdgeDelay,
        warningDelay: warningEdgeDelay,
        lastNotification: toInstant(lastSumStateAlertAt),
      })),
    }
  },
})

const reportAlertsSent = defineMethod({
  name: 'reportAlertsSent',
  summary:
    'Who was told about which edges, as the stock backend hands it to its mailer: what `lastNotification` says from then on.',
  clients: backendClients,
  params: z.object({
    template: z.enum(['alerting_offline', 'alerting_sum_state']),
    /** Without it now. */
    sentAt: instant.optional(),
    /** Edges and people that are not there are passed over. */
    mails: z
      .array(z.object({ edgeId, recipients: z.array(login).max(1000) }))
      .min(1)
      .max(1000),
  }),
  result: empty,
  ...readsAll,
  scope: 'write',
  example: {
    params: { template: 'alerting_offline', mails: [{ edgeId: 'edge0', recipients: ['ada'] }] },
    result: {},
  },
  handler: async (call, { template, sentAt = call.now, mails }) => {
    const { ctx, now } = call
    const pairs = mails.flatMap(({ edgeId: name, recipients: logins }) => {
      const edge = ctx.store.index.edgeByName(name)
      const users = logins.flatMap((one) => ctx.store.index.userByLogin(one.toLowerCase()) ?? [])
      return edge === undefined ? [] : users.map((user) => ({ edgeId: edge.id, userId: user.id }))
    })
    await stampAlerts(ctx, actorOf(call), {
      kind: template === 'alerting_offline' ? 'offline' : 'sumState',
      // A clock that runs ahead must not silence alerts to come.
      sentAt: sentAt < now ? sentAt : now,
      pairs,
    })
    return {}
  },
})

function toInstant(at: Date | null): string | null {
  return at?.toISOString() ?? null
}

export const alertingMethods = [
  getUserAlertingConfigs,
  setUserAlertingConfigs,
  getUserAlertingSettings,
  setUserAlertingSettings,
  getEdgeOfflineAlertingSettings,
  getSumStateAlertingSettings,
  reportAlertsSent,
]
