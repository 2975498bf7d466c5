import type { AccessIndex } from '../access/access-index.ts'
import type { EdgeRow, UserRow } from '../access/model.ts'
import type {
  AuthzChanged,
  MetadataChanged,
  MirroredEdge,
  MirroredState,
  MirroredUser,
} from '../client/notifications.ts'
import { graphChanges, type LoggedChange } from '../db/change-log.ts'
import type { EdgeStates } from '../live/edge-states.ts'
import { noteRights, type RightsChanged } from './rights-changed.ts'

/** Writes a notification as it goes out; `rpc/envelope.ts` has the one there is. */
export type WriteNotification = (method: string, params: Record<string, unknown>) => string

/** A user as the stock backend keeps him (protocol E.2): `userId` is the external id, `id` what roles and alerting use. */
export function toMirroredUser(user: UserRow): MirroredUser {
  return {
    userId: String(user.id),
    id: user.login,
    name: user.name,
    email: user.email ?? '',
    language: user.language,
    globalRole: user.globalRole,
    settings: user.settings,
    disabled: user.disabledAt !== null,
  }
}

/** What the log says about an edge. */
export function toMirroredEdge(edge: EdgeRow): MirroredEdge {
  return { id: edge.edgeId, comment: edge.comment, producttype: edge.producttype, settings: edge.settings }
}

/** What the edge itself says; `lastMessage` in epoch ms, as of the last change of anything else. */
export function toMirroredState(states: EdgeStates, edge: Pick<EdgeRow, 'id' | 'edgeId'>): MirroredState {
  const { online, version, sumState, lastMessageAt } = states.get(edge.id)
  return { id: edge.edgeId, online, version, sumState, lastMessage: lastMessageAt }
}

/** The notifications that stand for a piece of the log, in order; none when it says nothing a mirror keeps. Pure. */
export function changesToTexts(
  changes: readonly LoggedChange[],
  end: { revision: number; hash: string },
  index: Pick<AccessIndex, 'user' | 'edge' | 'row'>,
  write: WriteNotification,
): string[] {
  const edges = new Map<string, EdgeRow | null>()
  const users = new Map<number, UserRow | null>()
  const rights: RightsChanged = { everything: false, users: new Set(), edges: new Set() }
  for (const change of changes.flatMap(graphChanges)) {
    if (change.entity === 'edge') edges.set((change.after ?? change.before)?.edgeId ?? '', change.after)
    if (change.entity === 'user') users.set(change.id, change.after)
    noteRights(rights, change, index)
  }
  const texts: string[] = []
  if (edges.size > 0 || users.size > 0) {
    const changed: MetadataChanged = {
      ...end,
      ...list('edges', rowsOf(edges).map(toMirroredEdge)),
      ...list('removedEdges', goneOf(edges)),
      ...list('users', rowsOf(users).map(toMirroredUser)),
      ...list('removedUsers', goneOf(users).map(String)),
    }
    texts.push(write('metadataChanged', { ...changed }))
  }
  const { everything, users: logins, edges: names } = rights
  if (everything || logins.size > 0 || names.size > 0) {
    const changed: AuthzChanged = {
      epoch: end.revision,
      ...(everything ? {} : { ...list('users', [...logins]), ...list('edges', [...names]) }),
    }
    texts.push(write('authzChanged', { ...changed }))
  }
  return texts
}

function list<K extends string, T>(name: K, rows: readonly T[]): { [P in K]?: T[] } {
  return (rows.length === 0 ? {} : { [name]: rows }) as { [P in K]?: T[] }
}

function rowsOf<T>(rows: ReadonlyMap<unknown, T | null>): T[] {
  return [...rows.values()].filter((row) => row !== null)
}

function goneOf<K>(rows: ReadonlyMap<K, unknown>): K[] {
  return [...rows].filter(([, row]) => row === null).map(([key]) => key)
}
