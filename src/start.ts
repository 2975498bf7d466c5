import { join } from 'node:path'
import { AccessStore } from './access/access-store.ts'
import { PasswordLogins } from './accounts/password-logins.ts'
import { ensureFirstAdministrator } from './accounts/registration-service.ts'
import { ServiceTokenRegistry } from './accounts/service-token-registry.ts'
import { SessionRegistry } from './accounts/session-registry.ts'
import { SigningKeys } from './accounts/signing-keys.ts'
import { Throttle } from './accounts/throttle.ts'
import { SessionTokens } from './accounts/tokens.ts'
import { EdgeTexts } from './api/edge-texts.ts'
import { type Config, ConfigError } from './config.ts'
import type { AppContext } from './context.ts'
import { openDatabase } from './db/database.ts'
import { checkRelease, migrateToLatest, pendingMigrations, thisRelease } from './db/migrate.ts'
import { createTrial } from './db/trial.ts'
import { createWriter } from './db/write.ts'
import { ConfigStore } from './edges/config-store.ts'
import { EdgeCredentials } from './edges/credentials.ts'
import { EdgeReports } from './edges/edge-reports.ts'
import { KeyCopies } from './edges/key-copies.ts'
import { StateWriter } from './edges/state-writer.ts'
import { ImportJobs } from './import/import-service.ts'
import { startJobs } from './jobs/jobs.ts'
import { type Clock, systemClock } from './lib/clock.ts'
import { makeDataFolder } from './lib/data-folder.ts'
import { createPasswordPool } from './lib/password.ts'
import { Seals } from './lib/seals.ts'
import { deriveKey, loadOrCreateSecret } from './lib/secrets.ts'
import { putPoolBehindMainThread } from './lib/thread-priority.ts'
import { beginAllYoung } from './lib/young-objects.ts'
import { EdgeTables } from './live/edge-tables.ts'
import { LiveHub } from './live/hub.ts'
import type { LiveEvents } from './live/live-events.ts'
import type { Log } from './log.ts'
import { MetadataFeed } from './mirror/metadata-feed.ts'
import { writeNotification } from './rpc/envelope.ts'
import { requireSafeEdgeManager } from './server/edge-app-access.ts'
import { type RunningService, startService } from './server/service.ts'

export interface StartedService extends AsyncDisposable {
  ctx: AppContext
  service: RunningService
  /** Set when the first administrator was made with a random password: the only time it can be shown. */
  generatedAdminPassword: string | undefined
  controlSocket: string
}

export interface StartOptions {
  config: Config
  log: Log
  clock?: Clock
  /** Port 0 means "any free port" instead of "off". */
  anyPort?: boolean
}

/** Name of the local control socket in the data folder. */
export function controlSocketPath(dataDir: string): string {
  return join(dataDir, 'control.sock')
}

/**
 * Starts the service: database, migrations, index, last known states, listeners, jobs; in that order, and in the opposite
 * order when disposed. Throws ConfigError with what to do when it cannot.
 */
export async function start({
  config,
  log,
  clock = systemClock,
  anyPort = false,
}: StartOptions): Promise<StartedService> {
  requireSafeEdgeManager(config)
  await using stack = new AsyncDisposableStack()
  await makeDataFolder(config.dataDir)
  const database = stack.use(
    await openDatabase({ url: config.databaseUrl, dataDir: config.dataDir, poolSize: config.databasePoolSize, log }),
  )
  const { db } = database
  await prepareSchema(config, database, log)
  await putPoolBehindMainThread()
  const secret = config.secret ?? (await loadOrCreateSecret(config.dataDir))
  const pepper = deriveKey(secret, 'keyed-hash')
  const store = stack.use(new AccessStore({ database, log, staleAfterMs: config.staleAfterMs }))
  await store.start()
  beginAllYoung()
  const keys = new SigningKeys({ db, clock, sealKey: deriveKey(secret, 'signing-keys'), tokenDays: config.sessionDays })
  await keys.ensureSigningKey()
  const write = createWriter({ db, store, clock, log })
  const states: StateWriter = new StateWriter({ db, states: () => hub.states, log, flushMs: config.stateFlushMs })
  const mirrors: MetadataFeed = stack.use(
    new MetadataFeed({ store, db, clock, log, states: () => hub.states, write: writeNotification }),
  )
  const told: readonly LiveEvents[] = [states, mirrors.states]
  const events: LiveEvents = {
    stateChanged(edgeId) {
      for (const listener of told) listener.stateChanged(edgeId)
      reports.stateChanged(edgeId)
    },
  }
  const reports: EdgeReports = new EdgeReports(() => hub, events)
  const hub: LiveHub = new LiveHub(clock, events)
  const configs = new ConfigStore({ db, clock, log })
  const [seal, ...olderSeals] = config.edgeKeySeals
  const keyCopies =
    seal === undefined
      ? undefined
      : stack.use(
          new KeyCopies({ db, store, write, pepper, seals: new Seals([seal, ...olderSeals], 'edge-key-copies'), log }),
        )
  const passwords = createPasswordPool({ cost: config.bcryptCost, maxQueue: config.passwordQueue })
  const throttle = new Throttle({ db, clock, pepper })
  const ctx: AppContext = {
    config,
    clock,
    log,
    database,
    db,
    store,
    write,
    trial: createTrial({ db, store, clock }),
    pepper,
    hub,
    edgeTexts: new EdgeTexts(store, hub.states),
    tables: new EdgeTables(hub),
    mirrors,
    reports,
    states,
    configs,
    credentials: new EdgeCredentials(pepper, (edgeId) =>
      hub.recheckKey(edgeId, (keyHash) => ctx.credentials.isValid(keyHash, clock().getTime())),
    ),
    keyCopies,
    passwords,
    tokens: new SessionTokens({ keys, clock, issuer: 'ems-metadata', audience: 'ems-metadata' }),
    throttle,
    sessions: stack.use(new SessionRegistry({ store, clock })),
    passwordLogins: stack.use(new PasswordLogins({ db, clock, passwords, throttle, store })),
    serviceTokens: stack.use(new ServiceTokenRegistry({ db, store, clock, pepper })),
    settings: {
      sessionDays: config.sessionDays,
      impersonationMinutes: config.impersonationMinutes,
      defaultEdgeGroup: config.defaultEdgeGroup,
      registration: config.registration,
      registrationRole: config.registrationRole,
    },
    imports: new ImportJobs({ db, store, write, clock, config, log, pepper, keyCopies }),
  }
  ctx.credentials.follow(store)
  const { generatedPassword } = await ensureFirstAdministrator(
    ctx,
    config.adminPassword === undefined ? {} : { password: config.adminPassword },
  )
  await states.load()
  await configs.load()
  await keyCopies?.start(clock())
  await ctx.imports.start()
  stack.use(ctx.imports)
  mirrors.start()
  stack.defer(() => configs.stop())
  stack.defer(() => states.stop())
  stack.defer(() => ctx.serviceTokens.writeUses().catch((error) => log.warn({ err: error }, 'uses not stamped')))
  states.start()
  configs.start(config.stateFlushMs)
  stack.use(startJobs(ctx, keys))
  const controlSocket = controlSocketPath(config.dataDir)
  const service = stack.use(await startService(ctx, { release: await thisRelease(), controlSocket, anyPort }))
  const resources = stack.move()
  return {
    ctx,
    service,
    generatedAdminPassword: generatedPassword,
    controlSocket,
    [Symbol.asyncDispose]: () => resources[Symbol.asyncDispose](),
  }
}

/** The embedded database migrates itself, nobody else can be using it; PostgreSQL when asked to (house rule B8). */
async function prepareSchema(
  config: Config,
  database: { db: AppContext['db']; engine: string },
  log: Log,
): Promise<void> {
  const options = { release: await thisRelease(), log }
  if (config.migrateOnStart ?? database.engine === 'embedded') {
    await migrateToLatest(database.db, options)
    return
  }
  const pending = await pendingMigrations(database.db)
  if (pending.length > 0) {
    throw new ConfigError(
      `The database needs ${pending.length} migration(s) first: run "ems-metadata migrate", or set EMS_MIGRATE_ON_START=true.`,
    )
  }
  await checkRelease(database.db, options)
}
