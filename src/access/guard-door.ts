import type { Actor, Write } from '../db/write.ts'
import { type AppError, problem } from '../errors.ts'
import { inSlices } from '../lib/slices.ts'
import { maxGroupsOfOne } from './graph-depth.ts'
import type { GuardReason, GuardResult } from './graph-guard.ts'
import type { RightsChange } from './graph-owners.ts'
import { type GrantRow, type MembershipRow, type Permission, PLATFORM_RESOURCE_ID, type RoleRow } from './model.ts'
import { controlsUserGroup, grantsWithGroups } from './people-door.ts'
import type { NewGrant } from './resource-queries.ts'
import { hasRight, refusal, rightsHolder } from './write-door.ts'

/**
 * The guards on every path that conveys rights, asked inside the write that does it. What they refuse ends the write. Those that
 * may have very much to look at do it in turns: until the write is done nobody else writes.
 */

/** Nobody grants what he does not hold himself, for as long and for that data (G-01). */
export function guardGrant(w: Write, actor: Actor, grant: NewGrant, by: Permission): void {
  const askerId = rightsHolder(actor)
  if (askerId !== null) pass(w, actor, w.index.guardGrant(askerId, grant, w.now.getTime(), by))
}

/** Nobody lifts anybody by editing a role beyond what he could grant himself, wherever it is granted (2.3). */
export async function guardRole(w: Write, actor: Actor, role: RoleRow, grants: readonly GrantRow[]): Promise<void> {
  const askerId = rightsHolder(actor)
  if (askerId !== null) pass(w, actor, await inSlices(w.index.guardRole(askerId, { role, grants }, w.now.getTime())))
}

/** Nobody passes on by a membership what he could not grant (G-31). `memberId` undefined: nobody, answered for like anybody. */
export async function guardMembership(
  w: Write,
  actor: Actor,
  membership: Pick<MembershipRow, 'groupId' | 'validFrom' | 'validTo'> & { memberId: number | undefined },
): Promise<void> {
  const proposed = { ...membership, memberId: membership.memberId ?? 0 }
  const askerId = rightsHolder(actor)
  if (askerId !== null) pass(w, actor, await inSlices(w.index.guardMembership(askerId, proposed, w.now.getTime())))
  else mustFit(w, actor, w.index.misfit('membership', proposed.groupId, proposed.memberId))
}

/** Nobody passes on by putting one thing into another what he could not grant, and it must fit there (T4, G-30, G-34). */
export async function guardContainment(
  w: Write,
  actor: Actor,
  link: { parentId: number; childId: number },
): Promise<void> {
  const askerId = rightsHolder(actor)
  if (askerId !== null) pass(w, actor, await inSlices(w.index.guardContainment(askerId, link, w.now.getTime())))
  else mustFit(w, actor, w.index.misfit('containment', link.parentId, link.childId))
}

/** An organisation can lie below another: the tree is not too deep. */
export function guardSuborganisation(w: Write, actor: Actor, parentId: number): void {
  mustFit(w, actor, w.index.misfit('suborganisation', parentId, 0))
}

/** Nobody passes an organisation on to those above its new place beyond what he could grant them (P-08, G-01). */
export async function guardOrganisation(
  w: Write,
  actor: Actor,
  link: { parentId: number; childId: number },
): Promise<void> {
  const misfit = w.index.misfit('suborganisation', link.parentId, link.childId)
  if (misfit === 'cycle') throw problem('An organisation cannot lie below itself')
  const askerId = rightsHolder(actor)
  if (askerId !== null) pass(w, actor, await inSlices(w.index.guardOrganisation(askerId, link, w.now.getTime())))
  else mustFit(w, actor, misfit)
}

/** Nobody lets through the gate of a sub-organisation what he does not hold himself (P-13, G-01). */
export function guardGate(w: Write, actor: Actor, organisationId: number): void {
  const askerId = rightsHolder(actor)
  if (askerId !== null) pass(w, actor, w.index.guardGate(askerId, organisationId, w.now.getTime()))
}

/** Nobody lifts a claim of NONE that cuts what he does not hold himself (K8, G-01). */
export function guardClaim(w: Write, actor: Actor, userId: number, key: string): void {
  const askerId = rightsHolder(actor)
  if (askerId !== null) pass(w, actor, w.index.guardClaim(askerId, userId, key, w.now.getTime()))
}

/**
 * Nobody who looks after all accounts lets himself or others in to one that has more on the platform than he could grant, or for
 * longer (G-01, EC-10).
 */
export function guardEntry(w: Write, actor: Actor, principalId: number): void {
  for (const result of entries(w, actor, principalId)) pass(w, actor, result)
}

/** The same as a question. */
export function mayEnter(w: Write, actor: Actor, principalId: number): boolean {
  return entries(w, actor, principalId).every(({ ok }) => ok)
}

function entries(w: Write, actor: Actor, principalId: number): GuardResult[] {
  const askerId = rightsHolder(actor)
  if (askerId === null) return []
  const grants = grantsWithGroups(w.index, principalId).filter(({ resourceId }) => resourceId === PLATFORM_RESOURCE_ID)
  return grants.map((grant) => w.index.guardGrant(askerId, grant, w.now.getTime()))
}

/**
 * No organisation loses its last owner (P-09). Everything that one write takes away and adds is named at once. Whoever takes an
 * account away looks after all of them and is told which organisations it owns.
 */
export function guardOwners(w: Write, change: RightsChange): void {
  const ownerless = w.index.ownerlessAfter(change, w.now.getTime())
  if (ownerless.length === 0) return
  const names = ownerless.slice(0, 5).map((id) => w.index.row('organisation', id)?.name ?? '')
  const which = change.usersRemoved === undefined ? '' : `: ${names.join(', ')}`
  throw problem(`An organisation needs at least one owner, and this is its last${which}`)
}

/**
 * Whether somebody has nothing that the actor could not give him: whoever lets himself in as him would get no more than he
 * has. What stands beside the graph (groups he owns, invitations that wait for him) is asked elsewhere.
 */
export async function holdsNothingBeyond(w: Write, actor: Actor, userId: number): Promise<boolean> {
  const { index } = w
  const askerId = rightsHolder(actor)
  if (askerId === null) return true
  const at = w.now.getTime()
  for (const { groupId, validFrom, validTo } of index.membershipsOf(userId)) {
    const group = index.row('userGroup', groupId)
    if (group !== undefined && !controlsUserGroup({ index, askerId, at }, group)) return false
    const joining = { groupId, memberId: 0, validFrom, validTo }
    if (!(await inSlices(index.guardMembership(askerId, joining, at))).ok) return false
  }
  return index.grantsOf(userId).every((grant) => {
    if (index.row('edgeGroup', grant.resourceId)?.ownerId === userId) return true
    return hasRight(w, actor, 'share', grant.resourceId) && index.guardGrant(askerId, grant, at).ok
  })
}

function pass(w: Write, actor: Actor, result: GuardResult): void {
  if (!result.ok) throw answer(w, actor, result.reason, result.missing)
}

function mustFit(w: Write, actor: Actor, reason: GuardReason | undefined): void {
  if (reason !== undefined) throw answer(w, actor, reason)
}

function answer(w: Write, actor: Actor, reason: GuardReason, missing: readonly Permission[] = []): AppError {
  switch (reason) {
    case 'unknown':
    case 'noShare':
      return refusal(w, actor, 'share')
    case 'exceeds':
      return problem(`You cannot pass on what you do not hold yourself, or not for so long: ${missing.join(', ')}`)
    case 'wrongKind':
      return problem('The one cannot contain the other')
    case 'otherTenant':
      return problem('It belongs to another organisation')
    case 'cycle':
      return problem('A group cannot contain itself')
    case 'tooDeep':
      return problem('Groups and organisations are nested at most 10 deep')
    case 'tooMany':
      return problem(`It lies in ${maxGroupsOfOne} groups of this owner already: take it out of one of them first`)
  }
}
