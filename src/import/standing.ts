import type { UserRow } from '../access/model.ts'
import type { UserRecord } from './model.ts'
import type { PlanWorld } from './plan-world.ts'

/** The account a record is about: by login, or by the address where that stands for it (D-02). */
export function accountOf({ index }: PlanWorld, { login, email }: UserRecord): UserRow | undefined {
  const found = index.userByLogin(login)
  return found ?? (email?.trim().toLowerCase() === login ? index.userByEmail(login) : undefined)
}

/** Every account that has the login or the address of a record, as either of the two; those with the login first. */
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

/** Whom a record is about: his standing, and the account that the import may know of. */
export interface Person {
  standing: Standing
  account: UserRow | undefined
}

/**
 * Whom a record is about; `imported` says of users what imports of the organisation did. Who agreed is a guest by his login
 * or by his address, whoever has the other of the two: nothing but what he is given is taken from the record.
 */
export function personOf(
  world: PlanWorld,
  record: UserRecord,
  imported: (id: number) => 'made' | 'agreed' | undefined,
): Person {
  const mayEdit = (user: UserRow) => world.mayEdit(user, imported(user.id) === 'made')
  const known = accountOf(world, record)
  const others = namesakes(world, record).filter(({ id }) => id !== known?.id)
  const agreed = others.find(({ id }) => imported(id) === 'agreed')
  const guest = (account: UserRow | undefined): Person =>
    account ? { standing: 'guest', account } : { standing: 'other', account: undefined }
  if (known === undefined) {
    if (agreed !== undefined || !others.every(mayEdit)) return guest(agreed)
    return { standing: 'own', account: known }
  }
  if (mayEdit(known) || known.id === world.askerId) {
    if (!others.every(mayEdit)) return guest(undefined)
    return { standing: mayEdit(known) ? 'own' : 'himself', account: known }
  }
  return guest(imported(known.id) === undefined ? agreed : known)
}
