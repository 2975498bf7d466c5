import type { z } from 'zod'
import { type Setting, settings } from './settings.ts'

type Settings = typeof settings
type Optional = { [K in keyof Settings]: Settings[K] extends { default: string } ? never : K }[keyof Settings]
/** The settings, read and typed. */
export type Config = { [K in Exclude<keyof Settings, Optional>]: z.output<Settings[K]['schema']> } & {
  [K in Optional]: z.output<Settings[K]['schema']> | undefined
}

/** A start that cannot go on; the text says what to do. */
export class ConfigError extends Error {
  override name = 'ConfigError'
}

/** Variables of the command line's own (help of `create-user` and `--token`), not of the service. */
const clientVariables = ['EMS_TOKEN', 'EMS_PASSWORD']

/** Reads the settings out of an environment. Throws ConfigError with every problem found, a line each. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const problems: string[] = []
  const config: Record<string, unknown> = {}
  const known = new Set<string>([...Object.values(settings).map((setting) => setting.env), ...clientVariables])
  for (const name of Object.keys(env)) {
    if (name.startsWith('EMS_') && !known.has(name)) {
      problems.push(`${name} is not a setting.${nearest(name, known)} See ems-metadata serve --help for all of them.`)
    }
  }
  for (const [key, setting] of Object.entries(settings) as [string, Setting][]) {
    const given = env[setting.env]
    const raw = given === undefined || given === '' ? setting.default : given
    if (raw === undefined) continue
    const parsed = setting.schema.safeParse(raw)
    if (parsed.success) config[key] = parsed.data
    else
      problems.push(
        `${setting.env} ${setting.secret ? '' : `is "${raw}" and `}must be right: ${parsed.error.issues[0]?.message}.`,
      )
  }
  if ((config['tlsCert'] === undefined) !== (config['tlsKey'] === undefined)) {
    problems.push('TLS_CERT and TLS_KEY belong together: set both, or neither.')
  }
  if (config['databaseUrl'] !== undefined && config['secret'] === undefined) {
    problems.push('EMS_SECRET is needed with DATABASE_URL, the same on every node. Make one: openssl rand -base64 33')
  }
  if (problems.length > 0) throw new ConfigError(problems.join('\n'))
  return config as Config
}

/** The settings table as lines of a Markdown table (README) or of a help text. */
export function describeSettings(format: 'markdown' | 'help'): string {
  const rows = Object.values(settings) as Setting[]
  if (format === 'help') {
    const width = Math.max(...rows.map((row) => row.env.length))
    return rows
      .map((row) => `  ${row.env.padEnd(width)}  ${row.description}${row.default ? ` [${row.default}]` : ''}`)
      .join('\n')
  }
  const body = rows.map((row) => `| \`${row.env}\` | ${row.default ? `\`${row.default}\`` : ''} | ${row.description} |`)
  return ['| Variable | Default | Meaning |', '|---|---|---|', ...body].join('\n')
}

function nearest(name: string, known: Set<string>): string {
  const best = [...known]
    .map((candidate) => ({ candidate, score: distance(name, candidate) }))
    .sort((a, b) => a.score - b.score)[0]
  return best && best.score <= 4 ? ` Did you mean ${best.candidate}?` : ''
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replace = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
