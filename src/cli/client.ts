import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import WebSocket from 'ws'
import { ConfigError, readConfig } from '../config.ts'
import { createPeerClient } from '../server/peer-client.ts'
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
 * Calls one method of a running service: over its local control socket, or at an address with a service token
 * (`--url` and `--token`). Throws NotRunning, or what the service answered.
 */
export async function callService(
  options: ClientOptions,
  method: string,
  params: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const socket = open(options)
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('unexpected-response', (_request, response) => {
      reject(
        new ConfigError(
          response.statusCode === 401
            ? 'The service refuses this token.'
            : `The service answered HTTP ${response.statusCode}; --url must end in /service.`,
        ),
      )
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const gone = options.url === undefined && (error.code === 'ECONNREFUSED' || error.code === 'ENOENT')
      reject(gone ? notRunning(controlSocketOf(options.dataDir)) : error)
    })
  })
  const client = createPeerClient((text) => socket.send(text))
  socket.on('message', (data) => client.receive(JSON.parse(String(data))))
  socket.on('close', () => client.rejectAllPendingRequests('The service closed the connection.'))
  try {
    return (await client.timeout(TIMEOUT_MS).request(method, params)) as Record<string, unknown>
  } finally {
    socket.close()
  }
}

/** The control socket of the data folder; a killed service may have left a dead one. */
export function controlSocketOf(dataDir: string | undefined): string {
  return resolve(controlSocketPath(dataDir ?? readConfig({ EMS_SECRET: 'x'.repeat(32), ...process.env }).dataDir))
}

function open(options: ClientOptions): WebSocket {
  if (options.url !== undefined) {
    if (options.token === undefined)
      throw new ConfigError(
        '--url needs --token: make one with "ems-metadata create-service-token" on the machine of the service.',
      )
    if (!/^wss?:\/\//.test(options.url) || !URL.canParse(options.url))
      throw new ConfigError('--url must be an address like wss://host:8080/service.')
    return new WebSocket(options.url, { headers: { authorization: `Bearer ${options.token}` } })
  }
  const path = controlSocketOf(options.dataDir)
  if (!existsSync(path)) throw notRunning(path)
  return new WebSocket(`ws+unix:${path}:/`)
}

/** What to say then. */
export function notRunning(path: string): NotRunning {
  return new NotRunning(
    `No service runs on this data folder (nobody listens on ${path}). Start it, or name the folder with --data-dir, or use --url and --token.`,
  )
}
