import type { AppContext } from '../context.ts'
import type { Actor, Write } from '../db/write.ts'
import { problem } from '../errors.ts'
import { decidesAboutAll, knownTo } from './audience-door.ts'
import { deleteRestriction, insertRestriction, updateRestriction } from './cap-queries.ts'
import type { RestrictionRow } from './model.ts'
import { type Look, managesUsers } from './people-door.ts'
import { applyPeriods, type PeriodUpload, type Windows, windowsCover } from './windows.ts'
import { refusal, requireEdge, rightsHolder } from './write-door.ts'

/** Why periods are not taken. The text goes to whoever sent them. */
const reasons = {
  endWithOthers: 'A period with an end alone cannot stand beside others',
  emptySet: 'To set no period is ambiguous: say "unrestricted": true, or give a period',
  noBounds: 'A period needs a start or an end',
} as const

/**
 * Restricts which stored values of an edge a user may read, over every grant (D-14..24, V1-V17); null is unrestricted, [] is
 * nothing (T3). For whoever could withdraw all that lets the user see the edge. Nobody frees somebody of more than he
 * may read himself (G-01), and nobody restricts or frees himself.
 */
export async function setRestriction(
  ctx: Pick<AppContext, 'write'>,
  actor: Actor,
  { login, edgeName, upload }: { login: string; edgeName: string; upload: PeriodUpload },
): Promise<Windows> {
  for (const { from, to } of upload.periods) {
    if (from !== undefined && to !== undefined && from > to) throw problem('A period would end before it begins')
  }
  return ctx.write(actor, async (w) => {
    const { userId, edgeId } = requireManaged(w, actor, login, edgeName)
    const row = w.index.restrictionsOf(userId).get(edgeId)
    const before = row?.windows ?? null
    const result = applyPeriods(before, upload)
    if (!result.ok) throw problem(reasons[result.reason])
    requireOwn(w, actor, edgeId, before, result.windows)
    await storeRestriction(w, 'restriction.set', row, { userId, edgeId }, result.windows)
    return result.windows
  })
}

/** The user and the edge, if the actor decides about the access of the one to the other; else the same refusal for all. */
function requireManaged(w: Write, actor: Actor, login: string, edgeName: string) {
  const look: Look = { index: w.index, askerId: rightsHolder(actor), at: w.now.getTime() }
  const user = w.index.userByLogin(login.trim().toLowerCase())
  const edge = requireEdge(w, actor, 'share', edgeName)
  if (user === undefined || !knownTo(look)(user.id)) throw refusal(w, actor, 'share')
  if (user.id === look.askerId && !managesUsers(look)) throw problem('Nobody restricts himself, or frees himself')
  if (!decidesAboutAll(look, w.index.grantsReaching(user.id, edge.id, look.at)))
    throw problem('This user has access by a grant that you could not withdraw')
  return { userId: user.id, edgeId: edge.id }
}

/** Whether the asker may open to a user what a restriction cuts off at a moment. */
export function mayOpen(look: Look, userId: number, edgeId: number, at: number): boolean {
  const { index, askerId } = look
  if (askerId === null) return true
  if (userId === askerId && !managesUsers(look)) return false
  if (!index.allows(askerId, 'share', edgeId, look.at) || !knownTo(look)(userId)) return false
  if (!decidesAboutAll(look, index.grantsReaching(userId, edgeId, look.at))) return false
  return windowsCover(index.access(askerId, edgeId, look.at).windows, [[at, at + 1]])
}

/** What is opened must be open to the actor; to cut is always allowed. */
function requireOwn(w: Write, actor: Actor, edgeId: number, before: Windows, after: Windows): void {
  const askerId = rightsHolder(actor)
  if (askerId === null || windowsCover(before, after)) return
  if (!windowsCover(w.index.access(askerId, edgeId, w.now.getTime()).windows, after))
    throw problem('You cannot open a time that you may not read yourself')
}

/** Writes a restriction as part of a write; null lifts it. */
export async function storeRestriction(
  w: Write,
  action: string,
  before: RestrictionRow | undefined,
  of: { userId: number; edgeId: number },
  windows: Windows,
): Promise<void> {
  if (before === undefined) {
    if (windows === null) return
    const row = await insertRestriction(w.tx, { ...of, windows: [...windows] })
    w.inserted(action, 'restriction', row)
  } else if (windows === null) {
    await deleteRestriction(w.tx, before.id)
    w.deleted(action, 'restriction', before)
  } else if (JSON.stringify(before.windows) !== JSON.stringify(windows)) {
    const after = { ...before, windows: [...windows] }
    await updateRestriction(w.tx, after)
    w.updated(action, 'restriction', before, after)
  }
}
