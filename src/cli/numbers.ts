import { InvalidArgumentError, Option } from 'commander'
import { ConfigError } from '../config.ts'

/** An id or a count from the command line. Throws commander's error for anything else. */
export function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Not a whole number.')
}

/** An option that takes an id or a count. */
export function number(flags: string, description: string): Option {
  return new Option(flags, description).argParser(wholeNumber)
}

/** A page, which people count from 1, as methods count it. */
export function pageIndex(page: unknown): number {
  if (Number(page) < 1) throw new ConfigError('Pages are counted from 1.')
  return Number(page) - 1
}

/** Options for the beginning and the end of something. */
export function instants(): Option[] {
  return [
    new Option('--from <instant>', 'works from (2026-12-24T00:00:00Z)').argParser(instant),
    new Option('--to <instant>', 'works until').argParser(instant),
  ]
}

/** An instant from the command line, in UTC. Throws commander's error for anything else. */
export function instant(text: string): string {
  const at = Date.parse(text)
  if (Number.isNaN(at)) throw new InvalidArgumentError('an instant like 2026-12-24T00:00:00Z')
  return new Date(at).toISOString()
}

/** The end of the log as `verify-audit` says it. Throws commander's error for anything else. */
export function logHead(text: string): { revision: number; hash: string } {
  const [, revision, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? []
  if (revision === undefined || hash === undefined) throw new InvalidArgumentError('what verify-audit said to keep')
  return { revision: Number(revision), hash }
}
