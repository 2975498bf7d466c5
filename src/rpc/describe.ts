import { z } from 'zod'
import { type ErrorKind, errorKinds } from '../errors.ts'
import type { Method } from './method.ts'
import { PROTOCOL_VERSION } from './protocol-version.ts'
import { scopeOf } from './scope.ts'

interface Schema {
  required?: string[]
  properties?: Record<string, unknown>
}

/** The OpenRPC document of these methods: names, schemas, who may call them, what they demand and how they fail. */
export function describeApi(methods: readonly Method[]) {
  return wrapMethods(methods.map(describeMethod))
}

/** The document around methods that are described already: for whoever must not describe all of them in one go. */
export function wrapMethods(methods: readonly ReturnType<typeof describeMethod>[]) {
  return {
    openrpc: '1.3.2',
    info: {
      title: 'ems-metadata',
      version: PROTOCOL_VERSION,
      description: 'JSON-RPC 2.0 over WebSocket, in the dialect of OpenEMS.',
    },
    methods,
    components: {
      errors: Object.fromEntries(
        Object.entries(errorKinds).map(([kind, { code, template }]) => [kind, { code, message: template }]),
      ),
    },
  }
}

/** One method of the document. */
export function describeMethod(method: Method) {
  return {
    name: method.name,
    summary: method.summary,
    'x-clients': method.clients,
    'x-access': describeAccess(method),
    ...(scopeOf(method) === undefined ? {} : { 'x-scope': scopeOf(method) }),
    paramStructure: 'by-name' as const,
    params: toParams(schemaOf(method.params)),
    result: { name: 'result', schema: schemaOf(method.result, 'output') },
    errors: errorsOf(method).map((kind) => ({ $ref: `#/components/errors/${kind}` })),
    ...(method.example === undefined ? {} : { examples: [toExample(method.example)] }),
  }
}

/** The same as text: one paragraph a method. */
export function describeForPeople(methods: readonly Method[]): string {
  const paragraphs = methods.map((method) => {
    const params = toParams(schemaOf(method.params)).map(({ name, required }) => (required ? name : `${name}?`))
    const example =
      method.example === undefined
        ? ''
        : `    example: ${JSON.stringify(method.example.params)} -> ${JSON.stringify(method.example.result)}\n`
    const scope = scopeOf(method) === undefined ? '' : `; scope of a service token: ${scopeOf(method)}`
    return `${method.name}(${params.join(', ')})\n    ${method.summary}\n    clients: ${method.clients.join(', ')}; access: ${describeAccess(method)}${scope}\n${example}`
  })
  return `${paragraphs.join('\n')}\nErrors:\n${Object.values(errorKinds)
    .map(({ code, template }) => `  ${String(code).padStart(6)}  ${template}`)
    .join('\n')}\n`
}

/** What a method demands, in words. */
export function describeAccess(method: Method): string {
  const { access } = method
  if (method.personal) return `${describeDemand(access)}, himself`
  return describeDemand(access)
}

function describeDemand(access: Method['access']): string {
  if (typeof access === 'string') return access
  if ('edgeRole' in access) return `role ${access.edgeRole} on the edge`
  return `permission ${access.permission}`
}

/** The failures that dispatch itself answers with; `generic` and those of edges depend on what is asked. */
function errorsOf({ access, unlimited }: Method): ErrorKind[] {
  const always: ErrorKind[] = ['invalidParams', 'unavailable', 'internal']
  if (unlimited !== true) always.push('tooManyRequests')
  if (access === 'public') return always
  if (typeof access === 'string') return ['unauthenticated', ...always]
  return ['unauthenticated', 'forbidden', ...('edgeRole' in access ? (['roleDenied'] as const) : []), ...always]
}

function toExample({ params, result }: { params: unknown; result: unknown }) {
  return {
    name: 'example',
    params: Object.entries(params as object).map(([name, value]) => ({ name, value: value as unknown })),
    result: { name: 'result', value: result },
  }
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output' = 'input'): Schema {
  return z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Schema
}

function toParams(schema: Schema): { name: string; required: boolean; schema: unknown }[] {
  const required = new Set(schema.required ?? [])
  return Object.entries(schema.properties ?? {}).map(([name, member]) => ({
    name,
    required: required.has(name),
    schema: member,
  }))
}
