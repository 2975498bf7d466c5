import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'
import { type Config, readConfig } from '../../src/config.ts'
import type { AppContext } from '../../src/context.ts'
import type { Clock } from '../../src/lib/clock.ts'
import type { Log } from '../../src/log.ts'
import type { RunningService } from '../../src/server/service.ts'
import { start } from '../../src/start.ts'
import { cloneDatabase } from './database.ts'
import { silentLog } from './log.ts'

/** The password of the account `admin` in every test service. */
export const adminPassword = 'admin'

export interface TestService extends AsyncDisposable {
  ctx: AppContext
  service: RunningService
  config: Config
  controlSocket: string
  /** Addresses of the entrances. */
  urls: { edge: string; ui: string; http: string; backend: string; rest: string; edgeManager: string }
}

export interface TestServiceOptions {
  engine?: 'postgres' | 'embedded'
  /** Differences from the settings of a test: cheap passwords, no delays for the UI. */
  config?: Partial<Config>
  clock?: Clock
  log?: Log
}

/** A whole service on free ports with a database of its own. Disposing stops it and drops the database. */
export async function startTestService(options: TestServiceOptions = {}): Promise<TestService> {
  await using stack = new AsyncDisposableStack()
  const dataDir = stack.use(await temporaryFolder()).path
  const storage: Partial<Config> = { dataDir }
  if (options.engine === 'embedded') await unpackEmbedded(dataDir)
  else storage.databaseUrl = stack.use(await cloneDatabase()).url
  const config = { ...testConfig(), ...storage, ...options.config }
  const { clock, log = silentLog } = options
  const started = stack.use(await start({ config, log, anyPort: true, ...(clock ? { clock } : {}) }))
  const resources = stack.move()
  return { ...describeService(started, config), [Symbol.asyncDispose]: () => resources.disposeAsync() }
}

/** A service on a database and folder that the test keeps, for restarts and for several nodes on one database. */
export async function startServiceOn(
  config: Partial<Config>,
  { clock, log = silentLog }: Pick<TestServiceOptions, 'clock' | 'log'> = {},
): Promise<TestService> {
  const whole = { ...testConfig(), ...config }
  const started = await start({ config: whole, log, anyPort: true, ...(clock ? { clock } : {}) })
  return { ...describeService(started, whole), [Symbol.asyncDispose]: () => started[Symbol.asyncDispose]() }
}

/** The settings of a test before any difference. */
export function testConfig(): Config {
  return readConfig({
    EMS_SECRET: 'a secret that is long enough for tests',
    ADMIN_PASSWORD: adminPassword,
    EMS_HOST: '127.0.0.1',
    EMS_EDGE_PORT: '0',
    EMS_UI_PORT: '0',
    EMS_HTTP_PORT: '0',
    EMS_BACKEND_PORT: '0',
    EMS_REST_PORT: '0',
    EMS_BCRYPT_COST: '4',
    EMS_UI_SUBSCRIBE_ANSWER_MS: '0',
    EMS_UI_TOKEN_ANSWER_MS: '0',
    EMS_UI_REQUESTS_PER_SECOND: '0',
    EMS_STATE_FLUSH_MS: '20',
    EMS_MIGRATE_ON_START: 'true',
    // Lists of groups would hold one more for every account; the tests of G-21 turn it on.
    EMS_DEFAULT_EDGE_GROUP: 'false',
  })
}

/** A folder that is deleted when disposed. */
export async function temporaryFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'ems-metadata-service-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }) }
}

/** Puts the prepared embedded database into a data folder; a fresh one takes seconds to make. */
export async function unpackEmbedded(dataDir: string): Promise<void> {
  const folder = join(dataDir, 'database')
  await mkdir(folder, { recursive: true })
  execFileSync('tar', ['-xf', inject('embeddedDump'), '-C', folder])
}

type Started = Awaited<ReturnType<typeof start>>

function describeService(started: Started, config: Config): Omit<TestService, typeof Symbol.asyncDispose> {
  const { ctx, service, controlSocket } = started
  const scheme = config.tlsCert === undefined ? 'ws' : 'wss'
  const urlOf = (port: number | undefined, by = scheme) => `${by}://127.0.0.1:${port}`
  const urls = {
    edge: urlOf(service.ports.edge),
    ui: urlOf(service.ports.ui),
    http: urlOf(service.ports.http, config.tlsCert === undefined ? 'http' : 'https'),
    backend: urlOf(service.ports.backend),
    edgeManager: urlOf(service.ports.edgeManager),
    rest: urlOf(service.ports.rest, config.tlsCert === undefined ? 'http' : 'https'),
  }
  return { ctx, service, config, controlSocket, urls }
}
