/** What `explainAccess` answers, as far as the text needs it. */
interface Told {
  sentence: string
  role: string | null
  paths: { principals: Named[]; role: string; resources: Named[]; permissions: string[]; removed: Removal[] }[]
  morePaths: number
  caps: Removal[]
  nearMisses: { reason: string }[]
  moreNearMisses: number
  fix: { sentence: string } | null
}
interface Named {
  name: string
}
interface Removal {
  code: string
  detail: string | null
  permissions: string[]
}

/** The explanation of an access for people: the sentence, then each way with what was cut, what is missing, what would do. */
export function explanationText(result: Record<string, unknown>): string {
  const told = result as unknown as Told
  const lines = [`${told.sentence}.`]
  if (told.role !== null) lines.push(`OpenEMS role: ${told.role}`)
  for (const path of told.paths) {
    lines.push(`  ${names(path.principals)} | ${path.role} | ${names(path.resources)}`)
    lines.push(
      `    ${path.permissions.join(' ')}`,
      ...path.removed.map((removal) => `    without ${removalText(removal)}`),
    )
  }
  if (told.morePaths > 0) lines.push(`  and ${told.morePaths} more`)
  for (const cap of told.caps) lines.push(`Cut off: ${removalText(cap)}`)
  for (const { reason } of told.nearMisses) lines.push(`Missing: ${reason}`)
  if (told.moreNearMisses > 0) lines.push(`Missing: ${told.moreNearMisses} more`)
  if (told.fix !== null) lines.push(`Smallest change: ${told.fix.sentence}`)
  return lines.join('\n')
}

function names(nodes: readonly Named[]): string {
  return nodes.map(({ name }) => name).join(' > ')
}

function removalText({ code, detail, permissions }: Removal): string {
  const why = `${reasons[code] ?? code}${detail === null ? '' : ` ${detail}`}`
  return permissions.length === 0 ? why : `${permissions.join(' ')} (${why})`
}

const reasons: Readonly<Record<string, string>> = {
  account: 'a limit of the account',
  accountDisabled: 'the account is disabled',
  claimNone: 'NONE in the claim',
  dataWindows: 'not within the times of the grant',
  entityGate: 'the organisation may not edit sites',
  openemsRole: 'too little for the role',
  organisationCap: 'more than the organisation may give',
  restriction: 'a restriction of the account on this edge',
}
