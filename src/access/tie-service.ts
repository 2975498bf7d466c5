import type { Write } from '../db/write.ts'
import type { ContainmentRow, GrantRow } from './model.ts'
import {
  deleteAlertingOf,
  deleteGrantRows,
  deletePlacesOf,
  deleteSetupPasswords,
  listGrantIdsOnAll,
} from './tie-queries.ts'
import { rowOf } from './write-door.ts'

/** Grants with this source show an earlier owner the time that was his; they outlive every further hand-over (D-25). */
export const HAND_OVER_SOURCE = 'handOver'

/** What was ended. */
export interface Ended {
  grants: GrantRow[]
  /** Shares with sub-organisations and places in edge groups. */
  containments: ContainmentRow[]
  /** Edges whose setup password lets nobody in any more. */
  setupPasswords: number[]
}

/**
 * Ends, as part of a write, everything by which people had these resources apart from where they belong: grants on them,
 * shares, places in groups, setup passwords, alerts of those who were granted something.
 */
export async function endTies(
  w: Write,
  action: string,
  { resourceIds, edgeIds, keepsSetupPassword = false }: TiedResources,
): Promise<Ended> {
  const granted = (await listGrantIdsOnAll(w.tx, resourceIds)).map((id) => rowOf(w, 'grant', id))
  const grants = granted.filter((grant) => !isPastOnly(grant, w.now.getTime()))
  await deleteGrantRows(
    w.tx,
    grants.map(({ id }) => id),
  )
  for (const grant of grants) w.deleted(action, 'grant', grant)
  const containments = (await deletePlacesOf(w.tx, resourceIds)).map((id) => rowOf(w, 'containment', id))
  for (const containment of containments) w.deleted(action, 'containment', containment)
  const setupPasswords = keepsSetupPassword ? [] : await deleteSetupPasswords(w.tx, edgeIds)
  const users = grants.map(({ principalId }) => principalId).filter((id) => w.index.user(id) !== undefined)
  await deleteAlertingOf(w.tx, edgeIds, [...new Set(users)])
  return { grants, containments, setupPasswords }
}

export interface TiedResources {
  /** Sites and edges. */
  resourceIds: readonly number[]
  /** The edges among them. */
  edgeIds: readonly number[]
  keepsSetupPassword?: boolean
}

/** What an earlier hand-over left to somebody: nothing of it is about today. */
function isPastOnly({ source, dataWindows }: GrantRow, now: number): boolean {
  return source === HAND_OVER_SOURCE && dataWindows !== null && dataWindows.every(([, to]) => to !== null && to <= now)
}
