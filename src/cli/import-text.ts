interface Progress {
  phase: string
  read: number
  planned: number
  applied: number
}
interface Place {
  file: string
  sheet?: string
  row?: number
  column?: string
  path?: string
}
interface Access {
  who: string
  action: 'gains' | 'loses' | 'changes'
  role: string
  was?: string
  on?: string
  edges: number
  examples: string[]
}
interface Report {
  problems: { place: Place; value?: string; rule: string; text: string }[]
  problemCount: number
  remarks: { place: Place; text: string }[]
  access: Access[]
  accessCount: number
  invite: string[]
}
interface Counts {
  records: number
  unchanged: number
  skipped: number
  invite: number
  gains: number
  losses: number
  changes: number
  people: number
  accessComplete: boolean
  byKind: Record<string, { created: number; changed: number; removed: number }>
}

const WIDTH = 30
const SHOWN = 20

/** One line that says how far an import is. */
export function progressLine(progress: unknown): string {
  const { phase, read, planned, applied } = progress as Progress
  const done = phase === 'applying' ? applied : planned
  if (phase === 'reading') return `reading   ${read} records`
  const filled = read === 0 ? 0 : Math.min(WIDTH, Math.round((done / read) * WIDTH))
  return `${phase.padEnd(9)} [${'#'.repeat(filled)}${' '.repeat(WIDTH - filled)}] ${done} of ${read}`
}

/** What an import did, for people: a table, who gains and loses, and everything that is wrong. */
export function reportText(answer: Record<string, unknown>): string {
  const report = answer['report'] as Partial<Report>
  const counts = answer['counts'] as Partial<Counts>
  const { problems = [], problemCount = 0, remarks = [], access = [], accessCount = access.length } = report
  const kinds = Object.entries(counts.byKind ?? {})
  return [
    `${headline(answer)} (${answer['importId']})`,
    ...(kinds.length === 0 ? [] : [row('', 'created', 'changed', 'removed')]),
    ...kinds.map(([kind, { created, changed, removed }]) => row(kind, created, changed, removed)),
    `${counts.records ?? 0} records, ${counts.unchanged ?? 0} as they were, ${counts.skipped ?? 0} left out, ${counts.invite ?? 0} to invite`,
    ...(isApplied(answer) && counts.invite
      ? [`Vouchers for whom to invite: ems-metadata invite-imported ${answer['importId']} FILE`]
      : []),
    ...accessLines(counts),
    ...access.slice(0, SHOWN).map((one) => `  ${accessText(one)}`),
    ...more(accessCount),
    ...(problemCount === 0 ? [] : [`${problemCount} problems:`]),
    ...problems.map(({ place, rule, text, value }) => `  ${where(place)}: ${text}${shown(value)} [${rule}]`),
    ...remarks.slice(0, SHOWN).map(({ place, text }) => `  ${where(place)}: ${text}`),
  ].join('\n')
}

function headline(answer: Record<string, unknown>): string {
  switch (answer['state']) {
    case 'done':
      return answer['dryRun'] ? 'This is what would change; nothing was changed' : 'Imported'
    case 'refused':
      return 'Nothing was imported: mend what is wrong, or leave it out with --skip-invalid'
    default:
      return `Nothing was imported: ${answer['state']}`
  }
}

function accessLines({ people = 0, gains = 0, losses = 0, changes = 0, accessComplete }: Partial<Counts>): string[] {
  const whole = `${people} people get or lose access: ${gains} times to an edge gained, ${losses} lost, ${changes} changed`
  return accessComplete === false ? [`${whole}; more is concerned than could be looked at`] : [whole]
}

function accessText({ who, action, role, was, on, edges, examples }: Access): string {
  const what = was === undefined ? role : `from ${was} to ${role}`
  const number = `${edges} ${edges === 1 ? 'edge' : 'edges'}`
  if (on !== undefined) return `${who} ${action} ${what} on ${on}, with ${number} in it`
  const shown = edges > examples.length ? [...examples, '...'] : examples
  return `${who} ${action} ${what} on ${number}: ${shown.join(', ')}`
}

function isApplied({ state, dryRun, invitations }: Record<string, unknown>): boolean {
  return state === 'done' && dryRun === false && invitations === undefined
}

function row(kind: string, ...numbers: (string | number)[]): string {
  return `${kind.padEnd(14)}${numbers.map((one) => String(one).padStart(10)).join('')}`
}

function more(count: number): string[] {
  return count > SHOWN ? [`  and ${count - SHOWN} more (--json shows up to 1000)`] : []
}

function where({ file, sheet, row: line, column, path }: Place): string {
  const parts = [file, sheet, line === undefined ? undefined : `row ${line}`, column, path]
  return parts.filter((part) => part !== undefined && part !== '').join(', ')
}

function shown(value: string | undefined): string {
  return value === undefined ? '' : ` (${value})`
}
