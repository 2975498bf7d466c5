import type { AppContext } from '../context.ts'
import type { Actor } from '../db/write.ts'
import { problem } from '../errors.ts'
import { remembering } from './audience-door.ts'
import { insertClaim, updateClaim } from './cap-queries.ts'
import { requireClaimKey, requireClaimValue } from './claims.ts'
import { guardClaim } from './guard-door.ts'
import type { UserRow } from './model.ts'
import { grantsWithGroups, isAbove, type Look, managesUsers } from './people-door.ts'
import { refusal, rightsHolder } from './write-door.ts'

const MAX_CLAIMS = 200

/**
 * Sets a claim of a user: NONE caps all his grants, other values are for the UI. A claim is never deleted, only set to
 * NONE (D-08, K8). For whoever handles accounts, or handles all that this user has been granted (D-27); to lift NONE takes what
 * it cuts (G-01).
 */
export async function setClaim(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  given: { login: string; key: string; value: string },
): Promise<void> {
  const key = requireClaimKey(given.key)
  const value = requireClaimValue(key, given.value)
  await ctx.write(actor, async (w) => {
    const look: Look = { index: w.index, askerId: rightsHolder(actor), at: w.now.getTime() }
    const user = w.index.userByLogin(given.login.trim().toLowerCase())
    if (user === undefined || !handlesClaims(look, user)) throw refusal(w, actor, 'user')
    if (value !== 'NONE' && isClaimTakenFrom(look, key))
      throw problem('You cannot give what is taken from you yourself')
    const claims = w.index.claimsOf(user.id)
    const before = claims.find((claim) => claim.key === key)
    if (before?.value === value) return
    if (before?.value === 'NONE') guardClaim(w, actor, user.id, key)
    if (before) {
      const after = { ...before, value }
      await updateClaim(w.tx, after)
      w.updated('claim.set', 'claim', before, after)
      return
    }
    if (claims.length >= MAX_CLAIMS) throw problem(`A user has at most ${MAX_CLAIMS} claims`)
    w.inserted('claim.set', 'claim', await insertClaim(w.tx, { userId: user.id, key, value }))
  })
}

/** Whether the asker himself has this claim as NONE. */
export function isClaimTakenFrom({ index, askerId }: Look, key: string): boolean {
  return askerId !== null && index.claimsOf(askerId).some((claim) => claim.key === key && claim.value === 'NONE')
}

/** Whether the asker decides about the claims of a user who is not above him; about his own nobody does who does not handle accounts. */
export function handlesClaims(look: Look, user: UserRow): boolean {
  const { index, askerId, at } = look
  if (askerId === null || managesUsers(look)) return true
  if (user.id === askerId) return false
  const grants = grantsWithGroups(index, user.id)
  const handles = remembering((id) => index.allows(askerId, 'manageMembers', id, at))
  return grants.length > 0 && grants.every((grant) => handles(grant.resourceId) && !isAbove(look, grant))
}
