import type { AccessStore } from './access/access-store.ts'
import type { AccountsSettings } from './accounts/accounts-context.ts'
import type { PasswordLogins } from './accounts/password-logins.ts'
import type { ServiceTokenRegistry } from './accounts/service-token-registry.ts'
import type { SessionRegistry } from './accounts/session-registry.ts'
import type { Throttle } from './accounts/throttle.ts'
import type { SessionTokens } from './accounts/tokens.ts'
import type { EdgeTexts } from './api/edge-texts.ts'
import type { Config } from './config.ts'
import type { Db, OpenDatabase } from './db/database.ts'
import type { TrialFunction } from './db/trial.ts'
import type { WriteFunction } from './db/write.ts'
import type { ConfigStore } from './edges/config-store.ts'
import type { EdgeCredentials } from './edges/credentials.ts'
import type { EdgeReports } from './edges/edge-reports.ts'
import type { KeyCopies } from './edges/key-copies.ts'
import type { StateWriter } from './edges/state-writer.ts'
import type { ImportJobs } from './import/import-service.ts'
import type { Clock } from './lib/clock.ts'
import type { PasswordPool } from './lib/password.ts'
import type { EdgeTables } from './live/edge-tables.ts'
import type { LiveHub } from './live/hub.ts'
import type { Log } from './log.ts'
import type { MetadataFeed } from './mirror/metadata-feed.ts'

/** Every part of the service, joined once at start. */
export interface AppContext {
  config: Config
  clock: Clock
  log: Log
  database: OpenDatabase
  db: Db
  store: AccessStore
  write: WriteFunction
  trial: TrialFunction
  pepper: Uint8Array
  hub: LiveHub
  edgeTexts: EdgeTexts
  tables: EdgeTables
  mirrors: MetadataFeed
  reports: EdgeReports
  states: StateWriter
  configs: ConfigStore
  credentials: EdgeCredentials
  /** API keys in clear; undefined unless the operator opted in. */
  keyCopies: KeyCopies | undefined
  passwords: PasswordPool
  tokens: SessionTokens
  throttle: Throttle
  sessions: SessionRegistry
  serviceTokens: ServiceTokenRegistry
  passwordLogins: PasswordLogins
  settings: AccountsSettings
  imports: ImportJobs
}
