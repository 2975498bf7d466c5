import { createLogger, type Log } from '../../src/log.ts'

/** A logger that says nothing. */
export const silentLog: Log = createLogger({ level: 'silent' })

/** A logger whose lines can be looked at. */
export function recordingLog(): { log: Log; lines: Record<string, unknown>[]; messages: () => unknown[] } {
  const lines: Record<string, unknown>[] = []
  const log = createLogger({ level: 'trace', destination: { write: (line) => void lines.push(JSON.parse(line)) } })
  return { log, lines, messages: () => lines.map((line) => line.msg) }
}
