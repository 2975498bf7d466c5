import { randomBytes } from 'node:crypto'
import type { LoggedChange } from '../access/access-store.ts'
import type { Change, UserRow } from '../access/model.ts'
import { keyedHash } from '../lib/secrets.ts'
import type { AccountsContext } from './accounts-context.ts'
import { checkPassword, type SignInRefused } from './session-service.ts'
import { networkOf } from './throttle.ts'

/** How long a password that was right goes on being right without being computed again. */
const REMEMBER_MS = 5 * 60_000
const MAX_REMEMBERED = 10_000

type LoginsContext = Pick<AccountsContext, 'db' | 'clock' | 'passwords' | 'throttle' | 'store'>
type Outcome = { ok: true; userId: number } | SignInRefused

/**
 * People whose programs send login and password with every connection or request (HTTP Basic). The rules are those of
 * log-in; what was right is remembered for minutes, as a hash under a key of this process, because bcrypt for each request
 * would occupy a core. A new password, disabling and deletion end that at once, on every node.
 */
export class PasswordLogins implements Disposable {
  readonly #ctx: LoginsContext
  readonly #key = randomBytes(32)
  readonly #right = new Map<string, { userId: number; until: number }>()
  readonly #checking = new Map<string, Promise<Outcome>>()
  /** Where somebody's password was right since the start: strangers cannot lock him out of there. */
  readonly #places = new Map<string, true>()
  /** When, counted in changes, an account last changed in a way that ends log-ins. */
  readonly #changedAt = new Map<number, number>()
  #changes = 0
  readonly #unsubscribe: () => void

  constructor(ctx: LoginsContext) {
    this.#ctx = ctx
    this.#unsubscribe = ctx.store.onChange((changes, graph) => {
      for (const userId of loginsEndedBy(changes, graph)) this.#forget(userId)
    })
  }

  /** Whose login and password this is, or why not; attempts at the same time are computed once. */
  async verify(given: { login: string; password: string; clientAddress: string }): Promise<Outcome> {
    const network = networkOf(given.clientAddress)
    const key = keyedHash(this.#key, JSON.stringify([given.login, given.password, network]))
    const known = this.#right.get(key)
    if (known !== undefined && this.#ctx.clock().getTime() < known.until) return { ok: true, userId: known.userId }
    const checking = this.#checking.get(key) ?? this.#check(key, network, given)
    this.#checking.set(key, checking)
    try {
      return await checking
    } finally {
      this.#checking.delete(key)
    }
  }

  [Symbol.dispose](): void {
    this.#unsubscribe()
  }

  async #check(key: string, network: string, given: Parameters<typeof checkPassword>[1]): Promise<Outcome> {
    const isKnownPlace = (userId: number) => this.#places.has(`${userId} ${network}`)
    for (;;) {
      const startedAt = this.#changes
      const checked = await checkPassword(this.#ctx, { ...given, isKnownPlace })
      if (!checked.ok) return checked
      const userId = checked.found.user.id
      // The password may have been changed while it was computed.
      if ((this.#changedAt.get(userId) ?? 0) > startedAt) continue
      put(this.#right, key, { userId, until: this.#ctx.clock().getTime() + REMEMBER_MS })
      put(this.#places, `${userId} ${network}`, true)
      return { ok: true, userId }
    }
  }

  #forget(userId: number): void {
    put(this.#changedAt, userId, ++this.#changes)
    for (const [key, known] of this.#right) if (known.userId === userId) this.#right.delete(key)
  }
}

/** Whose log-ins end by these rows of the log: who got a new password, or whose account was disabled or deleted. */
export function loginsEndedBy(changes: readonly LoggedChange[], graph: readonly Change[]): number[] {
  const changed = changes.filter(
    ({ noted, entity, action }) => noted && entity === 'user' && action === 'user.passwordChanged',
  )
  const gone = graph.filter(({ entity, after }) => entity === 'user' && isGone(after as UserRow | null))
  return [...changed.map(({ entityId }) => Number(entityId)), ...gone.map(({ id }) => id)]
}

function isGone(after: UserRow | null): boolean {
  return after === null || after.disabledAt !== null
}

/** Adds at the end; the map keeps the newest. */
function put<K, V>(map: Map<K, V>, key: K, value: V): void {
  map.delete(key)
  map.set(key, value)
  if (map.size <= MAX_REMEMBERED) return
  for (const oldest of map.keys()) {
    map.delete(oldest)
    break
  }
}
