import { type DestinationStream, destination, type Level, type Logger, pino, stdSerializers } from 'pino'

/** What every part logs through; children carry `connectionId`, `method`, `userId` and the like. */
export type Log = Logger

/** Names of values that never reach the log, wherever they stand in what is logged; compared in lower case. */
const secretNames = new Set([
  'password',
  'oldpassword',
  'newpassword',
  'passwordhash',
  'setuppassword',
  'setuppasswordhash',
  'token',
  'accesstoken',
  'refreshtoken',
  'idtoken',
  'tokenhash',
  'apikey',
  'api_key',
  'key_hash',
  'keyhash',
  'secret',
  'clientsecret',
  'authorization',
  'cookie',
  'set-cookie',
  'sealedprivatejwk',
  'privatejwk',
])
const censored = '[redacted]'
const deepest = 8

/**
 * The root logger. Lines are collected and written in blocks, so that one line per call costs next to nothing, and
 * are flushed once a second and when the process ends.
 */
export function createLogger(options: { level: Level | 'silent'; destination?: DestinationStream }): Log {
  return pino(
    {
      level: options.level,
      formatters: { log: redacted, bindings: redacted },
      serializers: { err: (error) => redacted(stdSerializers.errWithCause(error)) },
    },
    options.destination ?? destination({ fd: 1, sync: false, minLength: 4096, periodicFlush: 1000 }),
  )
}

function redacted(record: object): Record<string, unknown> {
  return redactedRecord(record, 0)
}

function redactedRecord(record: object, depth: number): Record<string, unknown> {
  const copy: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(record)) copy[name] = redactedValue(name, value, depth)
  return copy
}

function redactedValue(name: string, value: unknown, depth: number): unknown {
  if (secretNames.has(name.toLowerCase()) && value !== null && value !== undefined) return censored
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Error || value instanceof Date) return value
  if (depth === deepest) return '[too deep]'
  if (Array.isArray(value)) return value.map((item) => redactedValue('', item, depth + 1))
  return redactedRecord(value, depth + 1)
}
