import { knownTo, maySeeAudience } from '../../src/access/audience-door.ts'
import { explain } from '../../src/access/explain.ts'
import { type Permission, PLATFORM_RESOURCE_ID } from '../../src/access/model.ts'
import { audienceRow } from '../../src/api/audience-view.ts'
import { atOnce } from '../../src/lib/slices.ts'
import { type Crowd, NOW, type Times, timesOf } from './engine-crowd.ts'
import type { UserClass } from './fleet.ts'

/** Why somebody may see something (`allow`), and why he may not do something (`deny`). */
export interface ExplainTimes {
  name: string
  allow: Times
  deny: Times
  /** The most single changes that an answer told of, each of which would do. */
  nearMisses: number
}

/** Who may see an edge that very many may see: the first page of the answer. */
export interface AudienceTimes {
  asker: string
  /** How many may see it, and how many of them the asker cannot know. */
  total: number
  hidden: number
  /** The first question of all, and the same again. */
  cold: Times
  warm: Times
}

const QUESTIONS = 300
const LIMIT = 20
/** Long enough for all questions: a p99 of a hundred would be the worst of them. */
const AUDIENCE_MS = 20_000
/** Of a hundred users: 45,000 with a million edges. */
const AUDIENCE_PERCENT = 45
const MOST = 1.02
const [PLATFORM_ADMIN, RESOURCE_ADMIN] = [1, 9]

interface Question {
  userId: number
  edgeId: number
  permission: Permission
}

/** An administrator asks about users of every class, a question after the other. */
export function measureExplain(crowd: Crowd): ExplainTimes[] {
  const { facts, index } = crowd
  const look = { index, askerId: newcomerWith(crowd, PLATFORM_ADMIN, PLATFORM_RESOURCE_ID), at: NOW }
  return facts.classes.map((one) => {
    let nearMisses = 0
    const ask = ({ userId, edgeId, permission }: Question, isAllowed: boolean) => {
      const about = { principalId: userId, resourceId: edgeId, permission, at: NOW, own: new Set<number>() }
      const answer = explain(look, { ...about, ...index.explainable(userId, edgeId, permission) })
      if (answer.allowed !== isAllowed) throw new Error(`${permission} of ${userId} on ${edgeId}: ${answer.sentence}`)
      nearMisses = Math.max(nearMisses, answer.nearMisses.length + answer.moreNearMisses)
    }
    const allow = timesOf(
      QUESTIONS,
      () => seenBy(crowd, one),
      (question) => ask(question, true),
    )
    const deny = timesOf(
      QUESTIONS,
      () => deniedTo(crowd, one),
      (question) => ask(question, false),
    )
    return { name: one.name, allow, deny, nearMisses }
  })
}

/** Any edge that a user sees. */
function seenBy(crowd: Crowd, { users }: UserClass): Question {
  const userId = crowd.someOf(users)
  const total = crowd.index.countEdges(userId, NOW, Number.POSITIVE_INFINITY)
  const query = { order: [], offset: crowd.random(total), limit: 1 }
  return { userId, edgeId: crowd.index.pageOfEdges(userId, query, NOW)[0] ?? 0, permission: 'discover' }
}

/** An edge that he does not see; who sees all is asked about for what he may not do with what he sees. */
function deniedTo(crowd: Crowd, { users }: UserClass): Question {
  const userId = crowd.someOf(users)
  for (let tries = 0; tries < 100; tries++) {
    const edgeId = crowd.someEdge()
    if (!crowd.index.allows(userId, 'discover', edgeId, NOW)) return { userId, edgeId, permission: 'discover' }
  }
  return { userId, edgeId: crowd.someEdge(), permission: 'control' }
}

/** For an administrator, who knows everybody, and for one who may grant on this edge alone and knows nobody. */
export function measureAudience(crowd: Crowd): AudienceTimes[] {
  const edgeId = crowd.someEdge()
  showToMany(crowd, edgeId)
  return [
    { asker: 'an administrator', askerId: newcomerWith(crowd, PLATFORM_ADMIN, PLATFORM_RESOURCE_ID) },
    { asker: 'its owner', askerId: newcomerWith(crowd, RESOURCE_ADMIN, edgeId) },
  ].map(({ asker, askerId }) => {
    const ask = () => audience(crowd, askerId, edgeId)
    const { total, hidden } = ask()
    const cold = timesOf(QUESTIONS, () => crowd.forgetDerived(), ask, AUDIENCE_MS)
    return { asker, total, hidden, cold, warm: timesOf(QUESTIONS, ask, ask, AUDIENCE_MS) }
  })
}

/** As a request asks and answers. */
function audience({ index }: Crowd, askerId: number, edgeId: number) {
  const look = { index, askerId, at: NOW }
  if (!maySeeAudience(look, edgeId)) throw new Error('the asker may not ask')
  const page = { sort: 'name', descending: false, offset: 0, limit: LIMIT } as const
  const { page: rows, ...counts } = atOnce(index.audience(edgeId, { isShown: knownTo(look), ...page }, NOW))
  return { ...counts, users: rows.map((row) => audienceRow(look, edgeId, row)) }
}

/** Grants an edge to user groups, each with what is in it, until about so many of the users may see it. */
function showToMany(crowd: Crowd, edgeId: number): void {
  const { firstUserGroup, size } = crowd.facts
  const wanted = (size.users * AUDIENCE_PERCENT) / 100
  const count = { isShown: () => true, sort: 'id', descending: false, offset: 0, limit: 0 } as const
  for (let group = firstUserGroup; atOnce(crowd.index.audience(edgeId, count, NOW)).total < wanted; group++) {
    if (group >= firstUserGroup + size.userGroups) throw new Error('too few users are in groups')
    const grant = crowd.grant(group, edgeId)
    crowd.apply('grant', grant)
    if (atOnce(crowd.index.audience(edgeId, count, NOW)).total > MOST * wanted) crowd.apply('grant', grant)
  }
}

function newcomerWith(crowd: Crowd, roleId: number, resourceId: number): number {
  const userId = crowd.newcomer({ name: '', users: [], joins: [], holds: [] })
  crowd.apply('grant', { ...crowd.grant(userId, resourceId), roleId })
  return userId
}
