import type { Connection } from './connection.ts'

/** Open UI and service sockets, found by session and principal without a scan. */
export class Sockets {
  readonly #all = new Set<Connection>()
  readonly #bySession = new Map<string, Set<Connection>>()
  readonly #byPrincipal = new Map<number, Set<Connection>>()
  #strangers = 0

  get size(): number {
    return this.#all.size
  }

  /** Sockets nobody has signed in on. */
  get strangers(): number {
    return this.#strangers
  }

  add(connection: Connection): void {
    this.#all.add(connection)
    if (connection.caller.type === 'anonymous') this.#strangers++
    else this.#index(connection)
  }

  signedIn(connection: Connection): void {
    this.#strangers--
    this.#index(connection)
  }

  /** Call before the caller is reset. */
  signedOut(connection: Connection): void {
    if (connection.caller.type === 'anonymous') return
    this.#strangers++
    this.#unindex(connection)
  }

  delete(connection: Connection): void {
    if (!this.#all.delete(connection)) return
    if (connection.caller.type === 'anonymous') this.#strangers--
    else this.#unindex(connection)
  }

  ofSession(sessionId: string): Connection[] {
    return [...(this.#bySession.get(sessionId) ?? [])]
  }

  ofPrincipal(principalId: number): Connection[] {
    return [...(this.#byPrincipal.get(principalId) ?? [])]
  }

  all(): Iterable<Connection> {
    return this.#all
  }

  #index(connection: Connection): void {
    const { caller } = connection
    if (caller.type === 'user') put(this.#bySession, caller.sessionId, connection)
    if ('principalId' in caller) put(this.#byPrincipal, caller.principalId, connection)
  }

  #unindex(connection: Connection): void {
    const { caller } = connection
    if (caller.type === 'user') take(this.#bySession, caller.sessionId, connection)
    if ('principalId' in caller) take(this.#byPrincipal, caller.principalId, connection)
  }
}

function put<K>(map: Map<K, Set<Connection>>, key: K, connection: Connection): void {
  const set = map.get(key)
  if (set) set.add(connection)
  else map.set(key, new Set([connection]))
}

function take<K>(map: Map<K, Set<Connection>>, key: K, connection: Connection): void {
  const set = map.get(key)
  set?.delete(connection)
  if (set?.size === 0) map.delete(key)
}
