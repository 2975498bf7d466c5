import { type Found, follow, parsePath, type Step } from './json-path.ts'
import { jsonRecords } from './json-records.ts'
import type { ImportInput, ImportItem, ImportLimits, ImportProblem, Place, ReadOptions } from './model.ts'
import { introduced, readTemplate, type TemplateFound } from './read-template.ts'
import { listFields, type Template, type UserField } from './template.ts'
import { checkPaths, parseTemplate } from './template-json.ts'
import { problemAt, Unreadable } from './unreadable.ts'
import { type RawUser, UserBuilder } from './user-builder.ts'
import type { RawValidity } from './user-periods.ts'
import type { RawValue } from './user-values.ts'

interface Item {
  field: UserField
  steps: readonly Step[]
  validity?: readonly Step[]
}

/** Users from JSON, by the template beside it or within it (D-01). */
export async function* readTemplateJson(
  input: ImportInput,
  options: ReadOptions,
  limits: ImportLimits,
): AsyncGenerator<ImportItem> {
  const found = await findTemplate(input, options, limits)
  yield* introduced(found)
  if (found.items.some(({ kind }) => kind === 'problem')) return
  const { template } = found
  const builder = new UserBuilder(template, options)
  const paths = itemsOf(template)
  let count = 0
  for await (const { path, value } of jsonRecords(input, parsePath(template.rootPath ?? '') ?? [], limits)) {
    const place = { file: input.name, path }
    if (++count > limits.maxRows)
      throw new Unreadable(place, 'limit', `The file has more than ${limits.maxRows} users: split it`)
    const raw = rawUser(place, value, paths)
    yield* 'kind' in raw ? [raw] : builder.build(raw)
  }
  if (count === 0)
    yield { kind: 'remark', place: { file: input.name }, text: `There is nobody at ${template.rootPath ?? 'RootPath'}` }
}

async function findTemplate(input: ImportInput, options: ReadOptions, limits: ImportLimits): Promise<TemplateFound> {
  if (options.template !== undefined) {
    const { template, items } = await readTemplate(options, limits, { file: input.name })
    return { template, items: [...items, ...checkPaths(template)] }
  }
  for await (const { value } of jsonRecords(input, ['template'], limits)) {
    const { template, items } = parseTemplate(input.name, { template: value })
    return { template, items: [...items, ...checkPaths(template)] }
  }
  throw new Unreadable({ file: input.name }, 'D-01', 'Give the template that says what is what in this file')
}

function itemsOf({ items }: Template): Item[] {
  return items.flatMap(({ field, path, validity }) => {
    const steps = path === undefined ? undefined : parsePath(path)
    const beside = validity === undefined || field !== 'Sources' ? undefined : parsePath(validity)
    return steps === undefined ? [] : [{ field, steps, ...(beside && { validity: beside }) }]
  })
}

function rawUser(place: Place & { path: string }, json: unknown, items: readonly Item[]): RawUser | ImportProblem {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    return problemAt(place, 'D-01', 'A user is an object', JSON.stringify(json))
  const values = new Map<UserField, RawValue[]>()
  for (const item of items) {
    const found = follow(json, place.path, item.steps)
    if (found === undefined) continue
    const list = values.get(item.field) ?? []
    for (const { path, value, parent, parentPath } of found) {
      const at = { file: place.file, path }
      const validity = item.validity && validityAt(place.file, follow(parent, parentPath, item.validity), path)
      const beside = validity && { validity }
      const several = listFields.has(item.field) && Array.isArray(value) ? (value as unknown[]) : [value]
      for (const [index, one] of several.entries())
        list.push({ place: several.length > 1 ? { ...at, path: `${path}[${index}]` } : at, value: one, ...beside })
    }
    values.set(item.field, list)
  }
  return { place, values }
}

/** All that a path says of the periods of one source; a list without any says that, as one value would. */
function validityAt(file: string, found: Found[] | undefined, source: string): RawValidity[] | undefined {
  if (found?.length === 0) return [{ place: { file, path: source }, value: [] }]
  return found?.map(({ path, value }) => ({ place: { file, path }, value }))
}
