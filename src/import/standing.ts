import type { UserRow } from '../access/model.ts'
import type { UserRecord } from './model.ts'
import type { PlanWorld } from './plan-world.ts'

/** The account a record is about: by login, or by the address where that stands for it (D-02). */
export function accountOf({ index }: PlanWorld, { login, email }: UserRecord): UserRow | undefined {
  const found = index.userByLogin(login)
  return found ?? (email?.trim().toLowerCase() === login ? index.userByEmail(login) : undefined)
}

/** Every account that has the login or the address of a record, as either of the two. */
export function namesakes({ index }: PlanWorld, { login, email }: UserRecord): UserRow[] {
  const names = new Set([login, email?.trim().toLowerCase() || login])
  const found = [...names].flatMap((name) => [index.userByLogin(name) ?? [], index.userByEmail(name) ?? []].flat())
  return [...new Map(found.map((user) => [user.id, user])).values()]
}

/**
 * What a record means for the importer: `own`: somebody new, or whose account is his to change; `guest`: somebody who has more
 * elsewhere and let the organisation give him something: only that; `himself`; `other`: an account that is somebody else's,
 * which the import that first brings it reports like a new one (D-03).
 */
export type Standing = 'own' | 'guest' | 'himself' | 'other'

/** The standing of the account that a record is about; `imported` says of users what imports of the organisation did. */
export function standingOf(
  world: PlanWorld,
  record: UserRecord,
  imported: (id: number) => 'made' | 'agreed' | undefined,
): Standing {
  const mayEdit = (user: UserRow) => world.mayEdit(user, imported(user.id) === 'made')
  const known = accountOf(world, record)
  const others = namesakes(world, record).filter(({ id }) => id !== known?.id)
  if (!others.every(mayEdit)) return 'other'
  if (known === undefined || mayEdit(known)) return 'own'
  if (known.id === world.askerId) return 'himself'
  return imported(known.id) === undefined ? 'other' : 'guest'
}
