import { z } from 'zod'
import { sentenceOf } from './issue-text.ts'
import { jsonMembers } from './json-members.ts'
import type { EdgeRecord, ImportInput, ImportItem, ImportLimits, Place, ReadOptions } from './model.ts'
import { problemAt, Unreadable } from './unreadable.ts'

/** What OpenEMS's Metadata.File says of an edge; it reads the first three and passes over the rest. */
const edgeForm = z.looseObject({
  apikey: z.string().min(1, 'is empty'),
  comment: z.string(),
  setuppassword: z.string().optional(),
  producttype: z.string().optional(),
})
const known = new Set(Object.keys(edgeForm.shape))
const secrets = new Set<PropertyKey>(['apikey', 'setuppassword'])

/** Whether a file that begins like this is one of OpenEMS's Metadata.File. */
export function isOpenemsFile({ text }: { text?: string }): boolean {
  return text !== undefined && /^\s*\{\s*"edges"\s*:\s*\{/.test(text)
}

/**
 * Reads the file of OpenEMS's Metadata.File: edges with API key, comment and setup password, by edge id. The keys come in
 * clear and are hashed when they are applied, so that every device keeps its own. The one user it has, who needs no password
 * and may do everything, does not come along.
 */
export async function* readOpenemsFile(
  input: ImportInput,
  _options: ReadOptions,
  limits: ImportLimits,
): AsyncGenerator<ImportItem> {
  let count = 0
  for await (const item of jsonMembers(input, limits, { wanted: ['edges'] })) {
    if ('begins' in item) {
      if (item.member === 'edges' && item.begins !== 'object')
        yield problemAt(item.place, 'format', 'This must be an object')
      if (item.member !== 'edges')
        yield { kind: 'remark', place: item.place, text: 'OpenEMS does not know this member; it is passed over' }
    } else if (typeof item.key === 'string') {
      if (++count > limits.maxRows) {
        throw new Unreadable(item.place, 'limit', `The file has more than ${limits.maxRows} edges: split it`)
      }
      yield* edgeOf(item.key, item.value, item.place)
    }
  }
  if (count > 0) yield { kind: 'remark', place: { file: input.name }, text: noUsers }
}

const noUsers =
  'Metadata.File has one user, who may do everything without a password; he does not come along. Give people accounts and roles.'

function* edgeOf(edgeId: string, value: unknown, place: Place): Generator<ImportItem> {
  const parsed = edgeForm.safeParse(value)
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const { path } = issue
      const [member] = path
      const found =
        typeof value === 'object' && value !== null && member !== undefined ? Reflect.get(value, member) : undefined
      const shown = member === undefined || secrets.has(member) || found === undefined ? undefined : String(found)
      yield problemAt({ ...place, path: [place.path, ...path].join('.') }, 'format', sentenceOf(issue), shown)
    }
    return
  }
  const { apikey, comment, setuppassword = '', producttype } = parsed.data
  const record: EdgeRecord = { kind: 'edge', place, edgeId, comment, apiKey: apikey }
  if (setuppassword !== '') record.setupPassword = setuppassword
  if (producttype !== undefined) record.producttype = producttype
  yield record
  const others = Object.keys(parsed.data).filter((name) => !known.has(name))
  if (others.length > 0) yield { kind: 'remark', place, text: `Passed over: ${others.join(', ').slice(0, 200)}` }
}
