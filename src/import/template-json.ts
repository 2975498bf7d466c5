import { members } from './json-object.ts'
import { parsePath, selectorOf } from './json-path.ts'
import type { ImportItem, Place } from './model.ts'
import { fieldOf, isIdentifier, type Template, type TemplateItem } from './template.ts'
import { checkTemplate, readConfig } from './template-config.ts'
import { readTransform } from './template-transform.ts'
import { problemAt } from './unreadable.ts'

const itemMembers: ReadonlySet<string> = new Set(['opidentifier', 'path', 'transform', 'validity'])

/** The template that a JSON value describes, with everything that is wrong about it and what has no effect. */
export function parseTemplate(file: string, json: unknown): { template: Template; items: ImportItem[] } {
  const found: ImportItem[] = []
  const place: Place = { file }
  const root = members(members(json)?.get('template') ?? json)
  const users = members(root?.get('opuser'))
  const config = Object.entries((root?.get('config') as object | null | undefined) ?? {})
  const settings = readConfig((key) => ({ file, path: `Config.${key}` }), config, new Set(), found)
  if (users === undefined)
    found.push(problemAt(place, 'D-01', 'The template has no OpUser that says where the users are'))
  for (const name of root?.keys() ?? []) {
    if (name !== 'opuser' && name !== 'config')
      found.push({
        kind: 'remark',
        place: { file, path: name },
        text: 'This part of the template has no effect: only users are imported',
      })
  }
  const list = users?.get('items')
  if (users !== undefined && !Array.isArray(list))
    found.push(problemAt({ file, path: 'OpUser.Items' }, 'D-01', 'OpUser needs Items, a list'))
  const items = Array.isArray(list)
    ? list.flatMap((item: unknown, index) => readItem({ file, path: `OpUser.Items[${index}]` }, item, found))
    : []
  const rootPath = users?.get('rootpath')
  const template: Template = { place, items, ...settings, ...(typeof rootPath === 'string' && { rootPath }) }
  found.push(...checkTemplate(template))
  return { template, items: found }
}

/** What only the reader of JSON needs of a template. */
export function checkPaths({ place, rootPath, items }: Template): ImportItem[] {
  const found: ImportItem[] = []
  const steps = rootPath === undefined ? undefined : parsePath(rootPath)
  if (steps === undefined || selectorOf(steps) === undefined)
    found.push(
      problemAt({ ...place, path: 'OpUser.RootPath' }, 'D-01', 'RootPath is a path like myUsers[*]', rootPath ?? ''),
    )
  for (const item of items) {
    for (const path of [item.path, item.validity]) {
      if (path !== undefined && parsePath(path) === undefined)
        found.push(problemAt(item.place, 'D-01', 'A path is made of names, dots and [*]', path))
    }
  }
  if (!items.some(({ field }) => field === 'Email'))
    found.push(problemAt(place, 'D-03', 'No item says where the e-mail address is: add opUser.Email'))
  return found
}

function readItem(place: Place, json: unknown, found: ImportItem[]): TemplateItem[] {
  const item = members(json)
  const identifier = item?.get('opidentifier')
  if (item === undefined || typeof identifier !== 'string') {
    found.push(problemAt(place, 'D-01', 'An item is an object with an OpIdentifier'))
    return []
  }
  for (const name of item.keys())
    if (!itemMembers.has(name))
      found.push(problemAt(place, 'D-01', 'An item has OpIdentifier, Path, Transform and Validity only', name))
  if (/^_?opkey$/i.test(identifier.trim())) return []
  const field = fieldOf(identifier)
  if (field === undefined) {
    const text = isIdentifier(identifier) ? 'This is not a property of users' : 'An OpIdentifier begins with opUser.'
    found.push(problemAt(place, 'D-01', text, identifier))
    return []
  }
  return [finishItem({ place, field }, item, found)]
}

function finishItem(item: TemplateItem, json: ReadonlyMap<string, unknown>, found: ImportItem[]): TemplateItem {
  const [path, validity, transform] = [json.get('path'), json.get('validity'), members(json.get('transform'))]
  const whole: TemplateItem = {
    ...item,
    ...(typeof path === 'string' && { path }),
    ...(typeof validity === 'string' && { validity }),
  }
  const operation = transform?.get('operation')
  if (json.get('transform') !== undefined && typeof operation !== 'string')
    found.push(problemAt(item.place, 'D-09', 'A Transform needs an Operation'))
  if (typeof operation === 'string') {
    const value = transform?.get('value') ?? transform?.get('claims') ?? transform?.get('array')
    const read = readTransform(item.place, item.field, { operation, value, pairs: transform?.get('keyvaluepairs') })
    if (Array.isArray(read)) found.push(...read)
    else whole.transform = read
  }
  const isForced = typeof operation === 'string' && operation.trim().toLowerCase() === 'force'
  if (whole.path === undefined && !isForced)
    found.push(problemAt(item.place, 'D-01', 'An item needs a Path, or a Transform that forces a value'))
  return whole
}
