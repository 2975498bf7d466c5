import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { ServiceClient } from '../client/service-client.ts'
import { ServiceError } from '../client/service-error.ts'
import { ConfigError, readConfig } from '../config.ts'
import { controlSocketPath } from '../start.ts'

export interface ClientOptions {
  url?: string
  token?: string
  /** Login of a person; `--url` is then where the UI connects. */
  as?: string
  dataDir?: string
}

/** No service runs on the data folder. */
export class NotRunning extends ConfigError {}

const TIMEOUT_MS = 60_000

/** Somebody's own connection: he is logged out with its end. */
class PersonClient extends ServiceClient {
  token: string | undefined

  override async close(): Promise<void> {
    if (this.isConnected) await this.request('logout', {})
    await super.close()
  }
}

/**
 * A connection to a running service: over its local control socket, or at an address with a service token (`--url` and
 * `--token`) or as a person (`--as`). Throws NotRunning, or ConfigError when the service lets nobody in like this.
 */
export async function openService(options: ClientOptions, timeoutMs = TIMEOUT_MS): Promise<ServiceClient> {
  const { as: username } = options
  const password = username === undefined ? undefined : ownPassword(username)
  const Client = username === undefined ? ServiceClient : PersonClient
  const client = new Client({ ...placeOf(options), timeoutMs, reconnect: false })
  try {
    await client.connected()
  } catch (error) {
    throw withAdvice(error as Error, options)
  }
  if (client instanceof PersonClient && username !== undefined) await signIn(client, username, password)
  return client
}

async function signIn(client: PersonClient, username: string, password: string | undefined): Promise<void> {
  try {
    const { token } = (await client.request('authenticateWithPassword', { username, password })) as { token: string }
    client.token = token
  } catch (error) {
    await client.close()
    throw error
  }
}

/** Header `Authorization` for HTTP beside an open connection: of the service token, or of the session. */
export function bearerOf(client: ServiceClient, { token }: ClientOptions): string {
  return `Bearer ${(client instanceof PersonClient ? client.token : token) ?? ''}`
}

/** The same without a connection: of the service token, or of log-in and password. Throws ConfigError without them. */
export function credentialsOf(options: ClientOptions): string {
  const { token } = placeOf(options)
  if (options.as === undefined) return `Bearer ${token ?? ''}`
  return `Basic ${Buffer.from(`${options.as}:${ownPassword(options.as)}`).toString('base64')}`
}

/** A path at the address of `--url`, by HTTP. */
export function httpAddress(path: string, { url = '' }: ClientOptions): URL {
  return new URL(path, url.replace(/^ws/, 'http'))
}

/** What to say when something else answered there than was asked. */
export function notByHttp(address: URL, status: number): ConfigError {
  const place = address.origin.replace(/^http/, 'ws')
  return new ConfigError(
    `${address.origin} answers HTTP ${status} to ${address.pathname}: files go over the HTTP port of the service. Say its address: --url ws://host:8080/service with --token, or --url ws://host:8080/ui with --as, not ${place}.`,
  )
}

/** Not an option: other users of the machine could read it there. */
function ownPassword(login: string): string {
  const password = process.env['EMS_LOGIN_PASSWORD']
  if (password === undefined) throw new ConfigError(`Say the password of ${login} in EMS_LOGIN_PASSWORD.`)
  return password
}

/** Calls one method on a connection of its own. Throws what `openService` does, or ServiceError: what was answered. */
export async function callService(
  options: ClientOptions,
  method: string,
  params: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  await using client = await openService(options)
  return (await client.request(method, params)) as Record<string, unknown>
}

/** The control socket of the data folder; a killed service may have left a dead one. */
export function controlSocketOf(dataDir: string | undefined): string {
  return resolve(controlSocketPath(dataDir ?? readConfig({ EMS_SECRET: 'x'.repeat(32), ...process.env }).dataDir))
}

function placeOf({ url, token, as: login, dataDir }: ClientOptions): { url: string; token?: string } {
  if (login !== undefined) {
    if (url === undefined || !/^wss?:\/\//.test(url) || !URL.canParse(url))
      throw new ConfigError('--as needs --url with the address for the UI, like ws://host:8082.')
    return { url }
  }
  if (url === undefined) {
    const path = controlSocketOf(dataDir)
    if (!existsSync(path)) throw notRunning(path)
    return { url: `ws+unix:${path}:/` }
  }
  if (token === undefined)
    throw new ConfigError(
      '--url needs --token: make one with "ems-metadata create-service-token" on the machine of the service.',
    )
  if (!/^wss?:\/\//.test(url) || !URL.canParse(url))
    throw new ConfigError('--url must be an address like wss://host:8080/service.')
  return { url, token }
}

function withAdvice(error: Error & { code?: unknown }, { url, as: login, dataDir }: ClientOptions): Error {
  if (login !== undefined && error instanceof ServiceError && error.httpStatus !== undefined)
    return new ConfigError(`The service answered HTTP ${error.httpStatus}; --url must be the address for the UI.`)
  if (error instanceof ServiceError && error.httpStatus === 401)
    return new ConfigError('The service refuses this token.')
  if (error instanceof ServiceError && error.httpStatus !== undefined)
    return new ConfigError(`The service answered HTTP ${error.httpStatus}; --url must end in /service.`)
  const isGone = url === undefined && (error.code === 'ECONNREFUSED' || error.code === 'ENOENT')
  return isGone ? notRunning(controlSocketOf(dataDir)) : error
}

/** What to say then. */
export function notRunning(path: string): NotRunning {
  return new NotRunning(
    `No service runs on this data folder (nobody listens on ${path}). Start it, or name the folder with --data-dir, or use --url and --token.`,
  )
}
