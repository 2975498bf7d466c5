import type { ResultOf } from '../client/protocol.ts'

type Answer = ResultOf<'getImportReport'>
type Counts = Answer['counts']
type Report = Answer['report']
type Place = Report['problems'][number]['place']
type Access = Report['access'][number]
type Detail = Report['details'][number]
type Job = ResultOf<'listImports'>['imports'][number]

const actions = ['created', 'changed', 'removed'] as const
const WIDTH = 30
/** Names of each kind in a line. */
const NAMED = 5
const SHOWN = 20

/** One line that says how far an import is. */
export function progressLine({ phase, read, planned, applied }: NonNullable<Answer['progress']>): string {
  const done = phase === 'applying' ? applied : planned
  if (phase === 'reading') return `reading   ${read} records`
  const filled = read === 0 ? 0 : Math.min(WIDTH, Math.round((done / read) * WIDTH))
  return `${phase.padEnd(9)} [${'#'.repeat(filled)}${' '.repeat(WIDTH - filled)}] ${done} of ${read}`
}

/** One line of the list of imports: which, when, how it ended, of whom, what. */
export function importLine(job: Job): string {
  const { records, byKind } = job.counts
  const sum = (action: (typeof actions)[number]) => Object.values(byKind).reduce((total, one) => total + one[action], 0)
  const state = job.state === 'done' && job.dryRun ? 'dry run' : job.state
  const what = `${records} records: ${sum('created')} created, ${sum('changed')} changed, ${sum('removed')} removed`
  return [job.importId, job.createdAt, state, job.createdBy ?? 'the service', job.fileName, what].join('  ')
}

/** What an import did, for people: a table, who gains and loses, and everything that is wrong. */
export function reportText(answer: Answer & { invitations?: unknown }): string {
  const { counts, report } = answer
  const { problems, problemCount, remarks, remarkCount, details, access, accessCount, accessKept } = report
  const kinds = Object.entries(kindNames).filter(([kind]) => counts.byKind[kind])
  return [
    `${headline(answer)} (${answer.importId})`,
    ...(kinds.length === 0 ? [] : [row('', 'created', 'changed', 'removed')]),
    ...kinds.map(([kind, name]) => {
      const { created = 0, changed = 0, removed = 0 } = counts.byKind[kind] ?? {}
      return row(name, created, changed, removed)
    }),
    `${counts.records} records, ${counts.unchanged} as they were, ${counts.skipped} left out, ${counts.invite} to invite`,
    ...detailLines(details, counts),
    ...(isApplied(answer) && counts.invite > 0
      ? [`Vouchers for whom to invite: ems-metadata invite-imported ${answer.importId} FILE`]
      : []),
    ...accessLines(counts),
    ...access.slice(0, SHOWN).map((one) => `  ${accessText(one)}`),
    ...more(accessCount, SHOWN, accessKept),
    ...(problemCount === 0 ? [] : [`${problemCount} ${problemCount === 1 ? 'problem' : 'problems'}:`]),
    ...problems.map(({ place, rule, text, value }) => `  ${where(place)}: ${text}${shown(value)} [${rule}]`),
    ...more(problemCount, problems.length, problems.length),
    ...(remarkCount === 0 ? [] : ['To know:']),
    ...remarks.slice(0, SHOWN).map(({ place, text }) => `  ${where(place)}: ${text}`),
    ...more(remarkCount, SHOWN, remarks.length),
  ].join('\n')
}

/** What is counted, in the order in which it hangs together. */
const kindNames: Readonly<Record<string, string>> = {
  organisation: 'organisation',
  site: 'site',
  edge: 'edge',
  edgeKey: 'API key',
  edgeGroup: 'edge group',
  containment: 'in a group',
  user: 'user',
  service: 'service',
  userGroup: 'user group',
  membership: 'membership',
  role: 'role',
  grant: 'grant',
  claim: 'claim',
  restriction: 'restriction',
}

/** Who and what, a line for each kind. */
function detailLines(details: readonly Detail[], counts: Counts): string[] {
  return Object.entries(kindNames).flatMap(([kind, name]) =>
    actions.flatMap((action) => {
      const keys = details.filter((one) => one.kind === kind && one.action === action).map(({ key }) => key)
      if (keys.length === 0) return []
      const count = counts.byKind[kind]?.[action] ?? 0
      const some = keys.slice(0, NAMED).join(', ')
      const rest = count > NAMED && keys.length > NAMED ? ` and ${count - NAMED} more` : ''
      return [`  ${action} ${name}: ${some}${rest}`]
    }),
  )
}

function headline({ state, dryRun, counts, report }: Answer): string {
  const isSame = Object.keys(counts.byKind).length === 0
  switch (state) {
    case 'done':
      if (isSame) return dryRun ? 'Nothing would change' : 'Nothing had to be changed'
      return dryRun ? 'This is what would change; nothing was changed' : 'Imported'
    case 'refused':
      return report.problems.some(({ isFatal }) => isFatal)
        ? 'Nothing was imported: mend what is wrong'
        : 'Nothing was imported: mend what is wrong, or leave it out with --skip-invalid'
    case 'running':
      return 'Not ended yet'
    default:
      return `Nothing was imported: ${state}`
  }
}

function accessLines({ people, gains, losses, changes, accessComplete }: Counts): string[] {
  if (people + gains + losses + changes === 0) return ['Access of nobody changes']
  const whole = `Access of ${people} changes, counted by person and edge: ${gains} gained, ${losses} lost, ${changes} changed`
  return !accessComplete ? [`${whole}, and maybe more that was not looked at`] : [whole]
}

function accessText({ who, action, role, was, on, edges, examples }: Access): string {
  const what = was === undefined ? role : `from ${was} to ${role}`
  const number = `${edges} ${edges === 1 ? 'edge' : 'edges'}`
  if (on !== undefined) return `${who} ${action} ${what} on ${on}, with ${number} in it`
  const shown = edges > examples.length ? [...examples, '...'] : examples
  return `${who} ${action} ${what} on ${number}: ${shown.join(', ')}`
}

function isApplied({ state, dryRun, invitations }: Answer & { invitations?: unknown }): boolean {
  return state === 'done' && !dryRun && invitations === undefined
}

function row(kind: string, ...numbers: (string | number)[]): string {
  return `${kind.padEnd(14)}${numbers.map((one) => String(one).padStart(10)).join('')}`
}

/** What is not shown here, and how much of it is kept. */
function more(count: number, listed: number, kept: number): string[] {
  if (count <= listed) return []
  const where = kept < count ? `of ${count} the first ${kept} are kept` : '--json shows all of it'
  return [`  and ${count - listed} more (${where})`]
}

function where({ file, sheet, row: line, column, path }: Place): string {
  const parts = [file, sheet, line === undefined ? undefined : `row ${line}`, column, path]
  return parts.filter((part) => part !== undefined && part !== '').join(', ')
}

function shown(value: string | undefined): string {
  return value === undefined ? '' : ` (${value})`
}
