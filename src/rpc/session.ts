import type { Impersonation } from '../access/impersonation.ts'
import type { Scope } from '../accounts/scopes.ts'
import type { ServiceTokenHolder } from '../accounts/service-token-registry.ts'
import type { TableReader } from '../live/edge-tables.ts'
import type { Subscription, Watcher } from '../live/hub.ts'
import type { PushChannel } from '../mirror/metadata-subscriber.ts'
import type { ClientKind } from './method.ts'

/** Who speaks on a socket. */
export type Caller =
  | { type: 'anonymous' }
  | {
      type: 'user'
      principalId: number
      sessionId: string
      token: string
      /** Another acts as this user, by what right. */
      impersonation?: Impersonation
    }
  /** `token` unless it is the operator on this machine. */
  | { type: 'service'; principalId: number; scopes: ReadonlySet<Scope>; token?: ServiceTokenHolder }
  /** A person whose program brings login and password with the connection, without a session. */
  | { type: 'login'; principalId: number }
  | { type: 'edge'; edgeId: number; edgeName: string }

/** State of one socket that handlers may see and change; everything of it is reset by `signOut`. */
export interface Session extends TableReader {
  readonly kind: ClientKind
  readonly clientAddress: string
  readonly caller: Caller
  readonly watcher: Watcher
  subscription: Subscription | undefined
  /** Where notifications go that wait for whoever reads slowly. */
  readonly channel: PushChannel
  /** Highest `count` of subscribeChannels on this socket (ui.md section 4). */
  channelCount: number
  /** Keeps something for the socket that is disposed of with it, on `signOut`, and when another takes its name. */
  hold(name: string, resource: Disposable | undefined): void
  signIn(caller: Caller): void
  /** Forgets who is signed in and every subscription; the socket stays (ui.md section 0, rule 10). */
  signOut(): void
}

/** A session of who is answered and nothing else: no log-in, nothing pushed, nothing kept. */
export function silentSession(who: Pick<Session, 'kind' | 'clientAddress' | 'caller'>): Session {
  const nothing = { subscription: undefined, channel: noChannel, channelCount: -1 }
  return { ...who, ...silence, ...nothing, watcher: silence }
}

const silence = {
  liveComponents: () => [],
  maySeeSystemLog: () => false,
  pushData: () => true,
  pushNotification: () => undefined,
  pushFrame: () => undefined,
  hold: (_name: string, resource: Disposable | undefined) => resource?.[Symbol.dispose](),
  signIn: () => undefined,
  signOut: () => undefined,
}

const noChannel: PushChannel = {
  isOpen: false,
  push: () => undefined,
  drained: () => undefined,
  close: () => undefined,
}
