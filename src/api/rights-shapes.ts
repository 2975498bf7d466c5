import { z } from 'zod'
import type { AccessIndex } from '../access/access-index.ts'
import { principalOf } from '../access/door.ts'
import type { Permission, Window } from '../access/model.ts'
import { type Look, refusalTo } from '../access/people-door.ts'
import type { AppError } from '../errors.ts'
import type { Call } from '../rpc/method.ts'
import { edgeId, integer } from './shapes.ts'

/** Shapes shared by the methods that change people, structure and rights. */
export const operatorClients = ['ui', 'service'] as const
export const id = integer.pipe(z.number().min(1).max(2_147_483_647))
export const login = z.string().trim().min(1).max(254)
export const name = z.string().trim().min(1).max(200)
export const instant = z.iso.datetime({ offset: false }).transform((text) => new Date(text))
/** [validFrom, validTo); an end left out is open. */
export const period = { validFrom: instant.optional(), validTo: instant.optional() }

/** Page, search and order of a list. */
export const paging = {
  page: integer.pipe(z.number().min(0).max(1_000_000)).default(0),
  limit: integer.pipe(z.number().min(1).max(100)).default(20),
  query: z.string().max(200).optional(),
  sort: z.enum(['name', 'id']).default('name'),
  descending: z.boolean().default(false),
}
export const total = z.number()

/** Timestamps of stored values, [from, to) each; null is open. */
export const dataWindows = z
  .array(z.tuple([instant.nullable(), instant.nullable()]))
  .max(100)
  .transform((windows) => windows.map(([from, to]): Window => [from?.getTime() ?? null, to?.getTime() ?? null]))
export const component = z
  .string()
  .min(1)
  .max(100)
  .regex(/^[A-Za-z0-9_.*-]+$/, 'letters, digits, "_", ".", "-" and "*"')

/** Who holds a grant, named. */
export const grantee = z.union([
  z.strictObject({ login }),
  z.strictObject({ userGroupId: id }),
  z.strictObject({ service: z.string().min(1).max(200) }),
  z.strictObject({ everybody: z.literal(true) }),
])

/** What a grant is on, named. */
export const target = z.union([
  z.strictObject({ edgeId }),
  z.strictObject({ siteId: id }),
  z.strictObject({ organisationId: id }),
  z.strictObject({ edgeGroupId: id }),
  z.strictObject({ platform: z.literal(true) }),
])

/** Who calls, for the log and for the rights. */
export function actorOf(call: Call): { actorId: number } {
  return { actorId: principalOf(call.caller) }
}

/** Both ends of a period, open where left out. */
export function periodOf(params: { validFrom?: Date | undefined; validTo?: Date | undefined }) {
  return { validFrom: params.validFrom ?? null, validTo: params.validTo ?? null }
}

/** The caller's look at the graph as it is now. Throws 1006 where it is too old to trust. */
export function lookOf(call: Call): Look & { askerId: number } {
  const askerId = principalOf(call.caller)
  call.ctx.store.assertFresh()
  return { index: call.ctx.store.index, askerId, at: call.now.getTime() }
}

/** Whether the caller holds a permission. */
export function may(look: Look & { askerId: number }, permission: Permission, resourceId: number): boolean {
  return look.index.allows(look.askerId, permission, resourceId, look.at)
}

/** The one answer for what does not exist and what the caller may not do (G-14); `absent` as in `refusalTo`. */
export function refused(look: Look & { askerId: number }, what: string, absent?: string | false): AppError {
  return refusalTo(look, what, absent)
}

/** An id that is mentioned beside something else: only to those who may know of it (invariant 8). */
export function mention(look: Look & { askerId: number }, resourceId: number | null): number | undefined {
  return resourceId !== null && may(look, 'discover', resourceId) ? resourceId : undefined
}

/** Login of an account, if there is still one. */
export function loginOf(index: AccessIndex, principalId: number | null): string | null {
  return principalId === null ? null : (index.user(principalId)?.login ?? null)
}

/** An instant of the graph on the wire. */
export function toIso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString()
}
