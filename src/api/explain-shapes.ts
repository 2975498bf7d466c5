import { z } from 'zod'
import type { ExplainedNode } from '../access/explain-redact.ts'
import { type Permission, permissionBits } from '../access/model.ts'

/** Shapes of what explains access. */
export const permission = z.enum(Object.keys(permissionBits) as [Permission, ...Permission[]])
export const permissions = z.array(permission)

/** Somebody or something, as far as the caller may know. */
export const node = z.object({
  kind: z.enum([
    'user',
    'group',
    'service',
    'public',
    'platform',
    'organisation',
    'site',
    'edge',
    'edgeGroup',
    'hidden',
  ]),
  /** Left out for accounts, which go by their login, and for what the caller cannot see. */
  id: z.number().optional(),
  name: z.string(),
})
/** [from, to) of timestamps; null is open. */
export const window = z.tuple([z.string().nullable(), z.string().nullable()])

export function toNode({ kind, id, name }: ExplainedNode): z.input<typeof node> {
  return kind === 'user' || id === null ? { kind, name } : { kind, id, name }
}
