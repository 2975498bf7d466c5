import { isWorkInSteps } from '../lib/slices.ts'
import type { AccessIndex } from './access-index.ts'
import { maskOf, PLATFORM_RESOURCE_ID, permissionBits } from './model.ts'

/** Who acts as somebody, a person or a backend, and by what right: a user group that both are of, or null, the platform. */
export interface Impersonation {
  actorId: number
  groupId: number | null
}

/** What helping a member takes, and nothing that lasts longer than the help: no granting, no deciding about people or groups. */
const supportMask = maskOf('discover', 'overview', 'live', 'history', 'detail', 'control', 'install', 'alertsOwn')

/**
 * What somebody may do while he acts as another (E-06, K4), to be cut with what the other may do; 0: he may not act as him, or
 * not any more. The right is `impersonate` on the platform, or on the organisation of a user group, or to own that group; the
 * latter two reach its members only. Nobody acts as one who has a right on the platform that he lacks himself (EC-09, EC-10).
 * A right that is for some components or some periods only lets nobody act: the other's rights know nothing of that limit,
 * and he would see through him what he may not see himself.
 */
export function impersonationMask(
  index: AccessIndex,
  { actorId, groupId }: Impersonation,
  subjectId: number,
  at: number,
): number {
  const [actor, subject] = [index.user(actorId) ?? index.row('service', actorId), index.user(subjectId)]
  if (actor === undefined || subject === undefined || actorId === subjectId) return 0
  if (actor.disabledAt !== null || subject.disabledAt !== null) return 0
  const own = index.unlimitedMask(actorId, PLATFORM_RESOURCE_ID, at)
  if ((index.access(subjectId, PLATFORM_RESOURCE_ID, at).mask & ~own) !== 0) return 0
  if (groupId === null) return (own & permissionBits.impersonate) === 0 ? 0 : own
  const group = index.row('userGroup', groupId)
  if (group === undefined || !index.isMember(subjectId, groupId, at)) return 0
  const { ownerId, organisationId } = group
  const isHis = ownerId === actorId
  const decides = organisationId === null ? 0 : index.unlimitedMask(actorId, organisationId, at)
  return isHis || (decides & permissionBits.impersonate) !== 0 ? supportMask : 0
}

/**
 * The index as it answers while the rights of one principal are cut to a mask; everybody else's are as they are. That holds for
 * every step of what is answered in steps.
 */
export function limitedIndex(index: AccessIndex, limit: { principalId: number; mask: number }): AccessIndex {
  return new Proxy(index, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key, target)
      if (typeof member !== 'function') return member
      const within = <T>(body: () => T) => target.withLimit(limit, body)
      return (...given: unknown[]): unknown => {
        const answer: unknown = within(() => member.apply(target, given))
        return isWorkInSteps(answer) ? stepsWithin(answer, within) : answer
      }
    },
  })
}

function* stepsWithin(steps: Generator, within: <T>(body: () => T) => T): Generator {
  for (;;) {
    const { done, value } = within(() => steps.next())
    if (done) return value
    yield value
  }
}
