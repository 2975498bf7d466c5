import type { AccessStore } from './access-store.ts'
import type { OpenemsRole } from './model.ts'

/** No answer about a role is good for longer without being asked for again. */
export const LONGEST_ROLE_MS = 600_000

/** The role of a user on an edge, null for none, and how long that holds if nothing is changed (domain rules 2.5). */
export function roleAnswer(
  store: AccessStore,
  { userId, edgeId }: { userId: string; edgeId: string },
  now: Date,
): { role: OpenemsRole | null; validForMs: number } {
  store.assertFresh()
  const { index } = store
  const user = index.userByLogin(userId.toLowerCase())
  const edge = index.edgeByName(edgeId)
  if (user === undefined || edge === undefined) return { role: null, validForMs: LONGEST_ROLE_MS }
  const at = now.getTime()
  const { role, until } = index.edgeRoleUntil(user.id, edge.id, at)
  return { role: role ?? null, validForMs: Math.max(1, Math.min(until - at, LONGEST_ROLE_MS)) }
}
