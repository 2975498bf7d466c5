import { z } from 'zod'
import { errorKinds } from '../errors.ts'
import type { Method } from './method.ts'
import { PROTOCOL_VERSION } from './protocol-version.ts'

interface Schema {
  required?: string[]
  properties?: Record<string, unknown>
}

/** The OpenRPC document of these methods: names, schemas, who may call them and what they demand. */
export function describeApi(methods: readonly Method[]) {
  return {
    openrpc: '1.3.2',
    info: {
      title: 'ems-metadata',
      version: PROTOCOL_VERSION,
      description: 'JSON-RPC 2.0 over WebSocket, in the dialect of OpenEMS.',
    },
    methods: methods.map((method) => ({
      name: method.name,
      summary: method.summary,
      'x-clients': method.clients,
      'x-access': describeAccess(method),
      paramStructure: 'by-name' as const,
      params: toParams(schemaOf(method.params)),
      result: { name: 'result', schema: schemaOf(method.result, 'output') },
    })),
    components: {
      errors: Object.fromEntries(
        Object.entries(errorKinds).map(([kind, { code, template }]) => [kind, { code, message: template }]),
      ),
    },
  }
}

/** The same as text: one paragraph a method. */
export function describeForPeople(methods: readonly Method[]): string {
  const paragraphs = methods.map((method) => {
    const params = toParams(schemaOf(method.params)).map(({ name, required }) => (required ? name : `${name}?`))
    return `${method.name}(${params.join(', ')})\n    ${method.summary}\n    clients: ${method.clients.join(', ')}; access: ${describeAccess(method)}\n`
  })
  return `${paragraphs.join('\n')}\nErrors:\n${Object.values(errorKinds)
    .map(({ code, template }) => `  ${String(code).padStart(6)}  ${template}`)
    .join('\n')}\n`
}

/** What a method demands, in words. */
export function describeAccess(method: Method): string {
  const { access } = method
  if (typeof access === 'string') return access
  if ('edgeRole' in access) return `role ${access.edgeRole} on the edge`
  return `permission ${access.permission}`
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
