import type { IncomingMessage } from 'node:http'
import { type Config, ConfigError } from '../config.ts'
import { equalSecrets } from '../lib/constant-time.ts'

const nameForm = /^[A-Za-z0-9._-]{1,50}$/
const loopback = /^(127\.\d+\.\d+\.\d+|::1|localhost)$/i

/** Address the port for Backend.Edge.App listens on. */
export function edgeManagerHost(config: Config): string {
  return config.edgeManagerHost ?? config.host
}

/** Whether `/edge-manager` on the HTTP port is served: only to who knows the secret, and never around the certificates. */
export function servesEdgeAppsByPath(config: Config): boolean {
  const { edgeManagerSecrets, edgeManagerClientCa, edgeKeySeals } = config
  return edgeManagerSecrets.length > 0 && edgeManagerClientCa === undefined && edgeKeySeals.length > 0
}

/** Refuses a start that would tell every API key to whoever connects, or could tell none. Throws ConfigError. */
export function requireSafeEdgeManager(config: Config): void {
  const { edgeManagerPort, edgeManagerSecrets, edgeManagerClientCa, edgeKeySeals, tlsCert } = config
  if (edgeManagerClientCa !== undefined && tlsCert === undefined) {
    throw new ConfigError('EMS_EDGE_MANAGER_CLIENT_CA needs TLS: set TLS_CERT and TLS_KEY too.')
  }
  if (edgeManagerPort === 0) return
  if (edgeKeySeals.length === 0) {
    throw new ConfigError(
      'EMS_EDGE_MANAGER_PORT needs EMS_EDGE_KEY_SEALS, as Backend.Edge.App must be told API keys and only hashes are kept without. Make one: openssl rand -base64 33',
    )
  }
  const isGuarded = edgeManagerSecrets.length > 0 || edgeManagerClientCa !== undefined
  if (!isGuarded && !loopback.test(edgeManagerHost(config))) {
    throw new ConfigError(
      'EMS_EDGE_MANAGER_PORT tells every API key to whoever may connect: set EMS_EDGE_MANAGER_SECRET (openssl rand -hex 32), or EMS_EDGE_MANAGER_CLIENT_CA with TLS, or EMS_EDGE_MANAGER_HOST=127.0.0.1.',
    )
  }
}

/**
 * The name of the app that asks to be let in (header `id`, protocol B.4); undefined when it has none or does not prove
 * itself. The secret comes as `Authorization: Bearer <secret>` or, from the unmodified app, which sends nothing but its id,
 * as `id: <name>:<secret>`. Without a secret in the settings, certificate or loopback have decided already.
 */
export function edgeAppName(config: Config, request: IncomingMessage): string | undefined {
  const { id, authorization = '' } = request.headers
  if (typeof id !== 'string') return undefined
  const colon = id.indexOf(':')
  const name = (colon < 0 ? id : id.slice(0, colon)).trim()
  const bearer = authorization.startsWith('Bearer ') ? authorization.slice(7).trim() : undefined
  const given = bearer ?? (colon < 0 ? '' : id.slice(colon + 1).trim())
  const { edgeManagerSecrets: secrets } = config
  if (secrets.length > 0 && !secrets.some((secret) => equalSecrets(secret, given))) return undefined
  return nameForm.test(name) ? name : undefined
}
