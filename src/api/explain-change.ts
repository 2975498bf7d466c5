import { z } from 'zod'
import { type AccessChange, effectOf } from '../access/change-service.ts'
import { ownGroups } from '../access/people-door.ts'
import { AppError } from '../errors.ts'
import { authorise, parseParams, requireSignedIn } from '../rpc/authorise.ts'
import { type Call, defineMethod, type Method } from '../rpc/method.ts'
import { node, permissions, toNode, window } from './explain-shapes.ts'
import { grantMethods } from './grant.ts'
import { groupMethods } from './group.ts'
import { operatorMethods } from './operator.ts'
import { organisationMethods } from './organisation.ts'
import { operatorClients as clients, lookOf, paging, toIso, total } from './rights-shapes.ts'
import { role } from './shapes.ts'
import { siteMethods } from './site.ts'

/** The methods that can be tried: those that do nothing but change rights and structure. */
const triable = [
  'grantRole',
  'revokeGrant',
  'grantAccess',
  'revokeAccess',
  'addGroupMember',
  'removeGroupMember',
  'deleteUserGroup',
  'addToEdgeGroup',
  'removeFromEdgeGroup',
  'deleteEdgeGroup',
  'addOrganisationMember',
  'setOrganisationRole',
  'removeOrganisationMember',
  'moveOrganisation',
  'setOrganisationGates',
  'setTenantPolicies',
  'shareSite',
  'unshareSite',
  'moveEdge',
] as const
const MAX_PRINCIPALS = 1000
const operation = z.strictObject({ method: z.enum(triable), params: z.record(z.string(), z.unknown()) })

const methods: ReadonlyMap<string, Method> = new Map(
  [...grantMethods, ...operatorMethods, ...groupMethods, ...organisationMethods, ...siteMethods].map(
    (method: Method) => [method.name, method],
  ),
)

/** Runs one call as dispatch would. */
async function run(call: Call, { method: name, params }: z.output<typeof operation>): Promise<void> {
  const method = methods.get(name)
  if (method === undefined) throw new AppError('unknownMethod', [name])
  requireSignedIn(method, call.caller)
  const parsed = parseParams(method, params)
  authorise(call, method, call.caller, parsed)
  await method.handler(call, parsed as never)
}

const explainChange = defineMethod({
  name: 'explainChange',
  summary:
    'What calls of other methods would do to access, one after the other, without doing it: who would gain or lose what. Needs the rights for the calls themselves; tells what the caller may know of.',
  clients,
  params: z.strictObject({ operations: z.array(operation).min(1).max(50), page: paging.page, limit: paging.limit }),
  result: z.object({
    changes: z.array(
      z.object({
        principal: node,
        resource: node,
        gained: permissions,
        lost: permissions,
        roleBefore: role.nullable(),
        roleAfter: role.nullable(),
        /** Which timestamps of stored values may be read: null all, [] none. */
        windowsBefore: z.array(window).nullable(),
        windowsAfter: z.array(window).nullable(),
      }),
    ),
    total,
    /** On how many things each gains and loses something: of the first thousand. */
    principals: z.array(z.object({ principal: node, gains: z.number(), loses: z.number() })),
    /** False: more would be concerned than was looked at. */
    complete: z.boolean(),
  }),
  access: 'signedIn',
  // The trial is not cut to what whoever acts as somebody may do.
  personal: true,
  handler: async (call, { operations, page, limit }) => {
    const look = lookOf(call)
    const own = await ownGroups(call.ctx.db, look)
    const effect = await call.ctx.trial(
      async (trial) => {
        const ctx = { ...call.ctx, write: trial.write }
        for (const one of operations) await run({ ...call, ctx }, one)
        return trial.changes()
      },
      (changes) => effectOf(changes, look, own),
    )
    const shown = effect.changes.slice(page * limit, (page + 1) * limit)
    return {
      ...effect,
      principals: countsOf(effect.changes),
      changes: shown.map((change) => ({
        ...change,
        principal: toNode(change.principal),
        resource: toNode(change.resource),
        windowsBefore: toWindows(change.windowsBefore),
        windowsAfter: toWindows(change.windowsAfter),
      })),
    }
  },
})

function countsOf(changes: readonly AccessChange[]) {
  const counts = new Map<string, { principal: z.input<typeof node>; gains: number; loses: number }>()
  for (const { principal, gained, lost } of changes) {
    const key = `${principal.kind} ${principal.id} ${principal.name}`
    const count = counts.get(key) ?? { principal: toNode(principal), gains: 0, loses: 0 }
    counts.set(key, count)
    if (gained.length > 0) count.gains += 1
    if (lost.length > 0) count.loses += 1
  }
  return [...counts.values()].slice(0, MAX_PRINCIPALS)
}

function toWindows(windows: readonly (readonly [number | null, number | null])[] | null) {
  return windows?.map(([from, to]): z.input<typeof window> => [toIso(from), toIso(to)]) ?? null
}

export const explainChangeMethods = [explainChange]
