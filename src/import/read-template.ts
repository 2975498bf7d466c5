import type { ImportInput, ImportItem, ImportLimits, ImportProblem, Place, ReadOptions } from './model.ts'
import { readWhole } from './read-text.ts'
import type { Template } from './template.ts'
import { parseTemplate } from './template-json.ts'
import { Unreadable } from './unreadable.ts'

const MAX_TEMPLATE_BYTES = 1_000_000

/** What a reader goes by, and what there is to say about it. */
export interface TemplateFound {
  template: Template
  items: ImportItem[]
}

/** The JSON template beside a file, or one that adds nothing. */
export async function readTemplate(options: ReadOptions, limits: ImportLimits, place: Place): Promise<TemplateFound> {
  if (options.template === undefined) return { template: emptyTemplate(place), items: [] }
  return parseTemplate(options.template.name, await readJson(options.template, limits))
}

/** A template that adds nothing to what columns say by themselves. */
export function emptyTemplate(place: Place): Template {
  return { place, items: [], accessMode: 'merge', restrictionMode: 'merge', isDryRun: false }
}

/** What a reader says first of its template. With a problem in it nothing can be read: all are said, the last is fatal. */
export function introduced({ template, items }: TemplateFound): ImportItem[] {
  const problems = items.filter((item) => item.kind === 'problem')
  const last = problems.pop()
  const rest = items.filter((item) => item !== last)
  if (last !== undefined) return [...rest, { ...last, isFatal: true } satisfies ImportProblem]
  return template.isDryRun ? [...rest, { kind: 'dryRun', place: template.place }] : rest
}

async function readJson(input: ImportInput, limits: ImportLimits): Promise<unknown> {
  const text = await readWhole(input, { ...limits, maxFileBytes: Math.min(limits.maxFileBytes, MAX_TEMPLATE_BYTES) })
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw new Unreadable({ file: input.name }, 'format', 'The template is not JSON: correct it')
  }
}
