import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { ServiceClient } from '../client/service-client.ts'
import { ServiceError } from '../client/service-error.ts'
import { ConfigError, readConfig } from '../config.ts'
import { controlSocketPath } from '../start.ts'

export interface ClientOptions {
  url?: string
  token?: string
  dataDir?: string
}

/** No service runs on the data folder. */
export class NotRunning extends ConfigError {}

const TIMEOUT_MS = 60_000

/**
 * A connection to a running service: over its local control socket, or at an address with a service token (`--url` and
 * `--token`). Throws NotRunning, or ConfigError when the service lets nobody in like this.
 */
export async function openService(options: ClientOptions): Promise<ServiceClient> {
  const client = new ServiceClient({ ...placeOf(options), timeoutMs: TIMEOUT_MS, reconnect: false })
  try {
    return await client.connected()
  } catch (error) {
    throw withAdvice(error as Error, options)
  }
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

function placeOf({ url, token, dataDir }: ClientOptions): { url: string; token?: string } {
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

function withAdvice(error: Error & { code?: unknown }, { url, dataDir }: ClientOptions): Error {
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
