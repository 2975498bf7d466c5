import { z } from 'zod'
import { allMethods } from '../api/index.ts'
import type { Method } from '../rpc/method.ts'

/** What of JSON Schema the methods are described with. */
interface Schema {
  type?: string | string[]
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
  not?: object
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: Schema | boolean
  items?: Schema | boolean
  prefixItems?: Schema[]
}
type Direction = 'input' | 'output'

/** Where the types of all methods lie; a contract test tells when they are not those of the method list. */
export const methodTypesFile = new URL('../client/methods.ts', import.meta.url)

/** The types of what every method takes and answers, without any library: a TypeScript file, one line a method. */
export function describeMethodTypes(methods: readonly Method[] = allMethods): string {
  const members = methods.flatMap(({ name, summary, params, result }) => [
    `  /** ${summary} */`,
    `  ${name}: { params: ${typeOf(params, 'input')}; result: ${typeOf(result, 'output')} }`,
  ])
  return [
    '// Written by `npm run client` from the method list of the service.',
    '',
    '/** Every method: what it takes and what it answers. */',
    'export interface Methods {',
    ...members,
    '}',
    '',
  ].join('\n')
}

function typeOf(schema: z.ZodType, io: Direction): string {
  return print(z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Schema, io)
}

function print(schema: Schema, io: Direction): string {
  if ('const' in schema) return JSON.stringify(schema.const)
  if (schema.enum) return union(schema.enum.map((value) => JSON.stringify(value)))
  if (schema.anyOf) return union(schema.anyOf.map((one) => print(one, io)))
  if (schema.not) return 'never'
  const types = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? [])
  return union(types.map((type) => printType(type, schema, io))) || 'unknown'
}

function printType(type: string, schema: Schema, io: Direction): string {
  if (type === 'integer') return 'number'
  if (type === 'array') return printArray(schema, io)
  return type === 'object' ? printObject(schema, io) : type
}

/** Who calls may hand in a list that he keeps unchanged. */
function printArray({ prefixItems, items }: Schema, io: Direction): string {
  const readonly = io === 'input' ? 'readonly ' : ''
  if (prefixItems) return `${readonly}[${prefixItems.map((item) => print(item, io)).join(', ')}]`
  const item = typeof items === 'object' ? print(items, io) : 'unknown'
  return `${readonly}${/[|&]/.test(item) || item.startsWith('readonly') ? `(${item})` : item}[]`
}

/** A member that may be left out may also be undefined in parameters: JSON leaves it out then. */
function printObject({ properties = {}, required = [], additionalProperties: rest }: Schema, io: Direction): string {
  const members = Object.entries(properties).map(([name, member]) => {
    const type = print(member, io)
    const key = /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name)
    return required.includes(name) ? `${key}: ${type}` : `${key}?: ${type}${io === 'input' ? ' | undefined' : ''}`
  })
  if (members.length > 0) return `{ ${members.join('; ')} }`
  return typeof rest === 'object' ? `Record<string, ${print(rest, io)}>` : 'Record<string, never>'
}

function union(types: readonly string[]): string {
  return [...new Set(types)].join(' | ')
}
