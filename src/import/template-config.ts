import type { ImportItem, ImportProblem, Place } from './model.ts'
import { listFields, mergeModeOf, type Template } from './template.ts'
import { problemAt } from './unreadable.ts'

type Settings = Pick<Template, 'accessMode' | 'restrictionMode' | 'isDryRun'>

/** Keys that mean something elsewhere and nothing here. */
const withoutEffect: ReadonlySet<string> = new Set([
  'customizationassembly',
  'hoursdelaybeforesendinguserinviteemail',
  'templatefilename',
])

/** What a template configures (D-11, D-13, D-29); modes are Merge unless said otherwise. */
export function readConfig(
  placeOf: (key: string) => Place,
  config: Iterable<[key: string, value: unknown]>,
  handled: ReadonlySet<string>,
  items: ImportItem[],
): Settings {
  const settings: Settings = { accessMode: 'merge', restrictionMode: 'merge', isDryRun: false }
  for (const [key, value] of config) {
    const name = key.toLowerCase()
    const place = placeOf(key)
    const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
    const mode = mergeModeOf(text)
    if (name === 'usersitesandsourcesmergemode' || name === 'userrestrictionssetmode') {
      if (mode === undefined) items.push(problemAt(place, 'D-13', 'The mode is Set or Merge', text))
      else if (name === 'userrestrictionssetmode') settings.restrictionMode = mode
      else settings.accessMode = mode
    } else if (name === 'whatif') {
      if (!['true', 'false', ''].includes(text.toLowerCase()))
        items.push(problemAt(place, 'D-29', 'Whatif is true or false', text))
      settings.isDryRun ||= text.toLowerCase() === 'true'
    } else if (name === 'processingmode') {
      if (!['all', 'whatif'].includes(text.toLowerCase()))
        items.push(problemAt(place, 'D-29', 'The processing mode is All or Whatif', text))
      settings.isDryRun ||= text.toLowerCase() === 'whatif'
    } else if (!handled.has(name)) {
      const known = withoutEffect.has(name) ? 'This setting has no effect here' : 'This setting is not known'
      items.push({ kind: 'remark', place, text: known })
    }
  }
  return settings
}

/** What no template may do, whatever it is written in; and what has no effect. */
export function checkTemplate(template: Template): ImportItem[] {
  const found: ImportItem[] = []
  const problem = (place: Place, rule: string, text: string): ImportProblem => problemAt(place, rule, text)
  for (const [index, item] of template.items.entries()) {
    const others = template.items.slice(0, index).filter(({ field }) => field === item.field)
    if (others.length > 0 && (!listFields.has(item.field) || item.transform?.kind === 'query'))
      found.push(problem(item.place, 'format', `${item.field} is said twice: leave one`))
    if (others.length > 0 && item.field === 'Claims' && [item, ...others].some(isForced))
      found.push(problem(item.place, 'D-09', 'Claims are forced or read from the file, not both: leave one'))
    if (item.validity !== undefined && item.field !== 'Sources')
      found.push({ kind: 'remark', place: item.place, text: 'Validity has no effect but beside opUser.Sources (D-17)' })
  }
  const lists = template.items.filter(({ field }) => field === 'Sites' || field === 'Sources')
  const queries = lists.filter(({ transform }) => transform?.kind === 'query')
  const [first] = queries
  if (first !== undefined && queries.length < lists.length)
    found.push(problem(first.place, 'D-26', 'Sites and sources are both given by a query, or neither'))
  return found
}

function isForced({ transform }: Template['items'][number]): boolean {
  return transform?.kind === 'forceClaims'
}
