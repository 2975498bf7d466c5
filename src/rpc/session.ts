import type { Scope } from '../accounts/scopes.ts'
import type { ServiceTokenHolder } from '../accounts/service-token-registry.ts'
import type { Subscription, Watcher } from '../live/hub.ts'
import type { ClientKind } from './method.ts'

/** Who speaks on a socket. */
export type Caller =
  | { type: 'anonymous' }
  | {
      type: 'user'
      principalId: number
      sessionId: string
      token: string
    }
  /** `token` unless it is the operator on this machine. */
  | { type: 'service'; principalId: number; scopes: ReadonlySet<Scope>; token?: ServiceTokenHolder }
  | { type: 'edge'; edgeId: number; edgeName: string }

/** State of one socket that handlers may see and change; everything of it is reset by `signOut`. */
export interface Session {
  readonly kind: ClientKind
  readonly clientAddress: string
  readonly caller: Caller
  readonly watcher: Watcher
  subscription: Subscription | undefined
  /** Highest `count` of subscribeChannels on this socket (ui.md section 4). */
  channelCount: number
  signIn(caller: Caller): void
  /** Forgets who is signed in and every subscription; the socket stays (ui.md section 0, rule 10). */
  signOut(): void
}
