import { type DestinationStream, type Level, type Logger, pino, stdSerializers } from 'pino'
import { LineWriter } from './lib/line-writer.ts'

/** What every part logs through; children carry `connectionId`, `method`, `userId` and the like. */
export type Log = Logger

/** Names of values that never reach the log, wherever they stand in what is logged. */
const secretName =
  /(password|passphrase|passwd|token|secret|api[-_]?key|private[-_]?(key|jwk)|key[-_]?hash|authorization|cookie)([-_]?hash)?$/i
const CENSORED = '[redacted]'
const DEEPEST = 8
const REMEMBERED_NAMES = 2000
/** What may wait for a reader that is too slow; more is dropped rather than kept in memory. */
const MAX_BACKLOG = 16 * 1024 * 1024
const STANDARD_OUTPUT = 1

/**
 * The root logger. Lines are collected and written in blocks, so that one line per call costs next to nothing, and
 * are flushed once a second and when the process ends.
 */
export function createLogger(options: { level: Level | 'silent'; destination?: DestinationStream }): Log {
  const redact = createRedaction()
  const root = pino(
    { level: options.level, formatters: { log: redact }, serializers: { err: (value) => value } },
    options.destination ?? new LineWriter(STANDARD_OUTPUT, MAX_BACKLOG),
  )
  // @NOTE pino formats what is logged, but not what children carry; children inherit this method.
  const { child } = root
  root.child = function (this: Log, bindings, options) {
    return child.call(this, redact(bindings), options)
  } as Log['child']
  return root
}

/** A copy of a record without secrets; errors become records, so that theirs are found too. */
function createRedaction(): (record: object) => Record<string, unknown> {
  const known = new Map<string, boolean>()

  function isSecret(name: string): boolean {
    const answer = known.get(name)
    if (answer !== undefined) return answer
    const secret = secretName.test(name)
    if (known.size < REMEMBERED_NAMES) known.set(name, secret)
    return secret
  }

  function ofRecord(record: object, depth: number): Record<string, unknown> {
    const copy: Record<string, unknown> = {}
    for (const [name, value] of Object.entries(record)) {
      copy[name] = value !== null && value !== undefined && isSecret(name) ? CENSORED : ofValue(value, depth)
    }
    return copy
  }

  function ofValue(value: unknown, depth: number): unknown {
    if (typeof value !== 'object' || value === null || value instanceof Date) return value
    if (depth === DEEPEST) return '[too deep]'
    if (value instanceof Error) return ofRecord(stdSerializers.errWithCause(value), depth + 1)
    if (Array.isArray(value)) return value.map((item) => ofValue(item, depth + 1))
    return ofRecord(value, depth + 1)
  }

  /** Most lines carry plain values under harmless names and need no copy. */
  function isHarmless(record: Record<string, unknown>): boolean {
    for (const name in record) {
      const value = record[name]
      if ((typeof value === 'object' && value !== null) || isSecret(name)) return false
    }
    return true
  }

  return (record) =>
    isHarmless(record as Record<string, unknown>) ? (record as Record<string, unknown>) : ofRecord(record, 0)
}
