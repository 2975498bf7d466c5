import type { Db } from '../db/database.ts'
import { inSlices } from '../lib/slices.ts'
import type { AccessStore } from './access-store.ts'
import { type Explanation, explain, explainsOthers, unexplained } from './explain.ts'
import { formerPrincipal, formerResource } from './explain-former-queries.ts'
import { findEdgeId, revisionAt } from './explain-queries.ts'
import { Redaction } from './explain-redact.ts'
import { type HistoryEntry, historyIn } from './explain-story.ts'
import { type Permission, PUBLIC_PRINCIPAL_ID } from './model.ts'
import { explainableThen } from './past-neighbour-service.ts'
import { pastOf } from './past-service.ts'
import { controlsService, type Look, managesUsers, ownGroups, seesUser, seesUserGroup } from './people-door.ts'
import { listGrantIdsOn } from './resource-queries.ts'
import { findTarget, type Grantee, type Target } from './role-grant-service.ts'

type Context = { store: AccessStore; db: Db }

export interface AccessQuestion {
  /** Default: the asker himself. */
  principal: Grantee | undefined
  resource: Target
  permission: Permission
  /** Default: now. */
  at: Date | undefined
}

/**
 * Why somebody may do something with a resource or why not, now or at another instant, as far as the asker may know
 * (domain rules 2.9, O-08, O-09). Never throws for what is not there: that answer is the same as for what may not be seen.
 */
export async function explainAccess(ctx: Context, look: Look, question: AccessQuestion): Promise<Explanation> {
  const { permission, at } = question
  const revision = at === undefined || at.getTime() >= look.at ? undefined : await revisionAt(ctx.db, at)
  const found = await resolve(ctx, look, question, revision)
  if (typeof found === 'string') return unexplained(found)
  const { principalId, resourceId, own } = found
  const about = { principalId, resourceId, permission, own, at: at?.getTime() ?? look.at }
  if (revision === undefined) {
    return explain(look, { ...about, ...look.index.explainable(principalId, resourceId, permission) })
  }
  if (!readsPast(look, principalId, resourceId)) return unexplained('notFound')
  const then = await explainableThen(ctx, about, revision)
  return explain(look, { ...about, ...then })
}

export interface AccessHistory {
  known: boolean
  entries: (Omit<HistoryEntry, 'actorId'> & { by: string | null })[]
  more: number
}

/** When somebody's access to a resource began, changed and ended, oldest first: the newest `limit` of that. */
export async function accessHistory(
  ctx: Context,
  look: Look,
  question: Pick<AccessQuestion, 'principal' | 'resource'> & { limit: number },
): Promise<AccessHistory> {
  const found = await resolve(ctx, look, question, 'last')
  const unknown = { known: false, entries: [], more: 0 }
  if (typeof found === 'string') return unknown
  const { principalId, resourceId, own } = found
  if (!readsPast(look, principalId, resourceId)) return unknown
  const past = await pastOf(ctx, principalId, resourceId, 0)
  const asked = { principalId, resourceId, until: look.at }
  const { slice, entries: story } = await inSlices(historyIn(past.rows, past.changes, asked))
  const redaction = new Redaction(look, slice, principalId, own)
  const entries = story.slice(-question.limit).map(({ actorId, ...entry }) => {
    const by = actorId !== null && redaction.knows(actorId) ? redaction.principal(actorId).name : null
    return { ...entry, by }
  })
  return { known: true, entries, more: story.length - entries.length }
}

/** The past of others is for those who may read the log of the resource; one's own while one knows of it. */
function readsPast(look: Look, principalId: number, resourceId: number): boolean {
  const { index, askerId, at } = look
  if (managesUsers(look) || askerId === null) return true
  if (askerId === principalId) return index.allows(askerId, 'discover', resourceId, at)
  return index.allows(askerId, 'auditRead', resourceId, at)
}

interface Resolved {
  principalId: number
  resourceId: number
  /** The groups that the asker belongs to. */
  own: ReadonlySet<number>
}

/**
 * Whom and what it is about, or what to say instead. Only those who look after all accounts learn what is missing (O-09), and who
 * or what was called so at an earlier revision, or at last, and is gone or called otherwise now.
 */
async function resolve(
  ctx: Context,
  look: Look,
  { principal, resource }: Pick<AccessQuestion, 'principal' | 'resource'>,
  past: number | 'last' | undefined,
): Promise<Resolved | 'notFound' | 'unknownPrincipal' | 'unknownResource' | 'notLoaded'> {
  const meant = async (now: number | undefined, former: (at: number | 'last') => Promise<number | undefined>) => {
    if (past === undefined || !managesUsers(look) || (past === 'last' && now !== undefined)) return now
    return (await former(past)) ?? now
  }
  const resourceId = await meant(findTarget(look.index, resource)?.id, (at) => formerResource(ctx.db, resource, at))
  const principalId =
    principal === undefined
      ? (look.askerId ?? undefined)
      : await meant(principalNamed(look, principal), (at) => formerPrincipal(ctx.db, principal, at))
  if (managesUsers(look)) {
    if (principalId === undefined) return 'unknownPrincipal'
    if (resourceId === undefined) return (await isUnloaded(ctx, resource)) ? 'notLoaded' : 'unknownResource'
  }
  if (principalId === undefined || resourceId === undefined) return 'notFound'
  const own = await ownGroups(ctx.db, look)
  const isFree = principalId === look.askerId || managesUsers(look)
  if (!isFree && !(explainsOthers(look, resourceId) && (await knows(ctx, look, principalId, resourceId, own)))) {
    return 'notFound'
  }
  return { principalId, resourceId, own }
}

function principalNamed({ index }: Look, named: Grantee): number | undefined {
  if ('everybody' in named) return PUBLIC_PRINCIPAL_ID
  if ('login' in named) return index.userByLogin(named.login.trim().toLowerCase())?.id
  if ('userGroupId' in named) return index.row('userGroup', named.userGroupId)?.id
  return index.serviceByName(named.service)?.id
}

/** Whether the asker, who may grant on the resource, knows of a principal: otherwise, or because it holds a grant there. */
async function knows(
  ctx: Context,
  look: Look,
  principalId: number,
  resourceId: number,
  own: ReadonlySet<number>,
): Promise<boolean> {
  const { index } = look
  const user = index.user(principalId)
  const group = index.row('userGroup', principalId)
  const service = index.row('service', principalId)
  if (group !== undefined) return seesUserGroup(look, group, own)
  if ((user && seesUser(look, user)) || (service && controlsService(look, service))) return true
  if (principalId === PUBLIC_PRINCIPAL_ID) return true
  const grantIds = await listGrantIdsOn(ctx.db, resourceId)
  return grantIds.some((id) => index.row('grant', id)?.principalId === principalId)
}

/** Whether an edge is in the database and this node does not have it: the log was not followed so far. */
async function isUnloaded({ db }: Context, resource: Target): Promise<boolean> {
  return 'edgeId' in resource && (await findEdgeId(db, resource.edgeId)) !== undefined
}
