import type { AccessStore } from '../access/access-store.ts'
import type { OpenemsRole } from '../access/model.ts'
import type { Db } from '../db/database.ts'
import type { WriteFunction } from '../db/write.ts'
import type { Clock } from '../lib/clock.ts'
import type { PasswordPool } from '../lib/password.ts'
import type { ServiceTokenRegistry } from './service-token-registry.ts'
import type { SessionRegistry } from './session-registry.ts'
import type { Throttle } from './throttle.ts'
import type { SessionTokens } from './tokens.ts'

/** Settings of accounts and sessions, from the configuration. */
export interface AccountsSettings {
  /** Days until a session ends by itself. */
  sessionDays: number
  /** Minutes until acting as another ends by itself. */
  impersonationMinutes: number
  /** Whether each new account gets an edge group of its own (G-21). */
  defaultEdgeGroup: boolean
  registration: 'closed' | 'invitation' | 'open'
  /** Global role of whoever registers without an invitation; the client has no say. */
  registrationRole: OpenemsRole
}

/** What accounts and sessions need of the world. */
export interface AccountsContext {
  db: Db
  store: AccessStore
  write: WriteFunction
  clock: Clock
  passwords: PasswordPool
  tokens: SessionTokens
  throttle: Throttle
  sessions: SessionRegistry
  serviceTokens: ServiceTokenRegistry
  /** Keys the hashes of tokens that are kept: `deriveKey(secret, 'keyed-hash')`. */
  pepper: Uint8Array
  settings: AccountsSettings
}
