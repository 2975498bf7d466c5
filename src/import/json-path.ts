import { RefusedValue } from './user-values.ts'

/** A step into an object by name, or over all elements of a list. */
export type Step = string | typeof each
const each = Symbol('[*]')

/** One value that a path leads to, and the object it is a member of. */
export interface Found {
  path: string
  value: unknown
  parent: unknown
  parentPath: string
}

/** The steps of a path like `users[*].address.city`; undefined for anything that this cannot follow. */
export function parsePath(text: string): Step[] | undefined {
  const path = text.trim().replace(/^\$\.?/, '')
  const steps: Step[] = []
  const step = /(?:^|\.)([^.[\]*]+)|\[\*\]|\['([^']+)'\]/y
  while (step.lastIndex < path.length) {
    const match = step.exec(path)
    if (match === null) return undefined
    steps.push(match[1]?.trim() ?? match[2] ?? each)
  }
  return steps
}

/** The same path as the streaming parser writes it: `$.users.*`; undefined where a name has a dot. */
export function selectorOf(steps: readonly Step[]): string | undefined {
  if (steps.some((step) => step !== each && step.includes('.'))) return undefined
  return ['$', ...steps.map((step) => (step === each ? '*' : step))].join('.')
}

/**
 * All values a path leads to, with where each stands. Undefined: there is nothing where the path begins, so the file says
 * nothing about it; an empty list says that there is none. Below a list a missing member is a value, `undefined`.
 */
export function follow(root: unknown, rootPath: string, steps: readonly Step[]): Found[] | undefined {
  let found: Found[] = [{ path: rootPath, value: root, parent: undefined, parentPath: '' }]
  let isBelowList = false
  for (const step of steps) {
    if (step === each) {
      if (!isBelowList && isNothing(found[0]?.value)) return undefined
      isBelowList = true
      found = found.flatMap(elements)
    } else {
      found = found.map((at) => memberOf(at, step))
      if (!isBelowList && isNothing(found[0]?.value)) return undefined
    }
  }
  return found
}

function elements(at: Found): Found[] {
  if (isNothing(at.value)) return []
  if (!Array.isArray(at.value)) {
    const refused = new RefusedValue('format', 'The template expects a list here', JSON.stringify(at.value))
    return [{ ...at, value: refused }]
  }
  return at.value.map((value: unknown, index) => ({
    path: `${at.path}[${index}]`,
    value,
    parent: at.value,
    parentPath: at.path,
  }))
}

function memberOf({ path, value }: Found, name: string): Found {
  const at = { path: `${path}.${name}`, parent: value, parentPath: path }
  if (value instanceof RefusedValue) return { ...at, value }
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return { ...at, value: isObject && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined }
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === null
}
