import { z } from 'zod'
import { nearMissCodes } from '../access/explain-near.ts'
import { explainAccess as explain, accessHistory as history } from '../access/explain-service.ts'
import { AppError } from '../errors.ts'
import { defineMethod } from '../rpc/method.ts'
import { node, permission, permissions, toNode, window } from './explain-shapes.ts'
import { operatorClients as clients, grantee, instant, login, lookOf, target, toIso } from './rights-shapes.ts'
import { edgeId, integer, role } from './shapes.ts'

/** About whom (default: the caller) and about what. */
const about = {
  userId: login.optional(),
  principal: grantee.optional(),
  edgeId: edgeId.optional(),
  resource: target.optional(),
}
type About = z.output<z.ZodObject<typeof about>>

const removal = z.object({ code: z.string(), detail: z.string().nullable(), permissions })
const path = z.object({
  /** From whom it is about to who holds the grant. */
  principals: z.array(node),
  role: z.string(),
  grantedBy: z.string().nullable(),
  source: z.string(),
  validFrom: z.string().nullable(),
  validTo: z.string().nullable(),
  dataWindows: z.array(window).nullable(),
  components: z.array(z.string()).nullable(),
  /** What it conveys now, and what entity gate, data windows and restriction took from it. */
  permissions,
  removed: z.array(removal),
  /** From what is granted down to what it is about. */
  resources: z.array(node),
})
const nearMissCode = z.enum(nearMissCodes)

function aboutOf({ userId, principal, edgeId, resource }: About) {
  if ((userId !== undefined && principal !== undefined) || (edgeId === undefined) === (resource === undefined)) {
    throw new AppError('invalidParams', ['name one principal at most, and either edgeId or resource'])
  }
  return {
    principal: userId === undefined ? principal : { login: userId },
    resource: resource ?? { edgeId: edgeId ?? '' },
  }
}

const explainAccess = defineMethod({
  name: 'explainAccess',
  summary:
    'Why somebody may or may not do something with an edge, a site, a group or an organisation, now or at another time: paths, what was cut off, what is missing. What the caller may not know of is left out.',
  clients,
  params: z.strictObject({ ...about, permission: permission.default('discover'), at: instant.optional() }),
  result: z.object({
    allowed: z.boolean(),
    code: z.enum(['allowed', 'denied', 'notFound', 'unknownPrincipal', 'unknownResource', 'notLoaded']),
    sentence: z.string(),
    role: role.nullable(),
    permissions,
    paths: z.array(path),
    morePaths: z.number(),
    /** What was taken from the sum of all paths. */
    caps: z.array(removal),
    /** Single changes each of which would allow it, the smallest first. */
    nearMisses: z.array(z.object({ code: nearMissCode, node, detail: z.string().nullable(), reason: z.string() })),
    moreNearMisses: z.number(),
    /** The smallest of them that the caller may make himself. */
    fix: z.object({ code: nearMissCode, sentence: z.string() }).nullable(),
  }),
  access: 'signedIn',
  handler: async (call, { permission, at, ...params }) => {
    const told = await explain(call.ctx, lookOf(call), { ...aboutOf(params), permission, at })
    return {
      ...told,
      paths: told.paths.map((one) => ({
        ...one,
        principals: one.principals.map(toNode),
        resources: one.resources.map(toNode),
        validFrom: toIso(one.validFrom),
        validTo: toIso(one.validTo),
        dataWindows: one.dataWindows?.map(([from, to]): z.input<typeof window> => [toIso(from), toIso(to)]) ?? null,
      })),
      nearMisses: told.nearMisses.map((miss) => ({ ...miss, node: toNode(miss.node) })),
    }
  },
})

const accessHistory = defineMethod({
  name: 'accessHistory',
  summary:
    'When the access of somebody to something began, changed and ended, oldest first: from the log and from periods that began or ended by themselves. For those who may read the log of the resource; of the own access for everybody.',
  clients,
  params: z.strictObject({ ...about, limit: integer.pipe(z.number().min(1).max(1000)).default(100) }),
  result: z.object({
    /** False: not there, or nothing the caller may know of. */
    known: z.boolean(),
    entries: z.array(
      z.object({
        /** Null: from before the log began. */
        at: z.string().nullable(),
        kind: z.enum(['began', 'changed', 'ended']),
        role: role.nullable(),
        permissions,
        gained: permissions,
        lost: permissions,
        /** What was done; null: nothing, a period began or ended. */
        action: z.string().nullable(),
        by: z.string().nullable(),
      }),
    ),
    /** Older ones that are left out. */
    more: z.number(),
  }),
  access: 'signedIn',
  handler: async (call, { limit, ...params }) => {
    const { entries, ...rest } = await history(call.ctx, lookOf(call), { ...aboutOf(params), limit })
    return { ...rest, entries: entries.map((entry) => ({ ...entry, at: toIso(entry.at) })) }
  },
})

export const explainMethods = [explainAccess, accessHistory]
