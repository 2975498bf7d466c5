import { z } from 'zod'
import { type EdgeRow, type OpenemsRole, openemsRoles } from '../access/model.ts'
import { AppError } from '../errors.ts'
import type { EdgeState } from '../live/edge-states.ts'

/** Shapes several methods share. OpenEMS peers send extra members, so their objects are read leniently. */
export const role = z.enum(openemsRoles)
export const edgeId = z.string().min(1).max(100)
/** Address of a channel, and how many values may be asked for at once. */
export const channel = z.string().min(3).max(300)
export const MAX_VALUES = 50_000
/** Refuses what is no `component/Channel`: code 1000, as another backend knows it (protocol A.4). */
export function requireAddresses(channels: readonly string[]): void {
  const wrong = channels.find((one) => !/\/[^/]/.test(one))
  if (wrong !== undefined) throw new AppError('invalidChannel', [wrong])
}
export const empty = z.object({})
/** Java reads numbers from text too, and the UI relies on it (protocol A.1 rule 7). */
export const integer = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^-?\d+$/)
      .transform(Number),
  ])
  .pipe(z.number().int())
export const limit = integer
  .pipe(z.number().min(1, 'Limit is not in range [1:100]').max(100, 'Limit is not in range [1:100]'))
  .default(20)

export const edgeMetadata = z.object({
  id: z.string(),
  comment: z.string(),
  producttype: z.string(),
  version: z.string(),
  role,
  isOnline: z.boolean(),
  lastmessage: z.string().optional(),
  sumState: z.enum(['OK', 'INFO', 'WARNING', 'FAULT']).optional(),
  settings: z.record(z.string(), z.unknown()).optional(),
})

const semanticVersion = /^\d+\.\d+\.\d+/

/** EdgeMetadata of protocol C.3; `version` is always one the UI can read, `sumState` and `lastmessage` only where known. */
export function toEdgeMetadata(edge: EdgeRow, state: EdgeState, edgeRole: OpenemsRole): z.input<typeof edgeMetadata> {
  return {
    id: edge.edgeId,
    comment: edge.comment,
    producttype: edge.producttype,
    version: semanticVersion.test(state.version) ? state.version : '0.0.0',
    role: edgeRole,
    isOnline: state.online,
    ...(state.lastMessageAt === null ? {} : { lastmessage: new Date(state.lastMessageAt).toISOString() }),
    ...(state.sumState === null ? {} : { sumState: state.sumState }),
    settings: edge.settings,
  }
}
