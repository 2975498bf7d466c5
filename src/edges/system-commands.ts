import type { AppContext } from '../context.ts'
import { toText } from '../lib/text.ts'

/** Requests to `_host` that are written to the log before they are forwarded (protocol C.4, OC-20). */
const audited: Readonly<Record<string, (params: Record<string, unknown>) => Record<string, unknown>>> = {
  executeSystemCommand: (params) => ({
    command: text(params['command']),
    sudo: params['sudo'] === true,
    username: text(params['username']),
    password: params['password'] === undefined ? '[NOT_SET]' : '[SET]',
    runInBackground: params['runInBackground'] === true,
  }),
  executeSystemUpdate: (params) => ({ isDebug: params['isDebug'] === true }),
  executeSystemRestart: (params) => ({ type: text(params['type']) }),
}

/** Writes the log entry if this payload is a system command; a command that cannot be logged is not forwarded. */
export async function auditSystemCommand(
  ctx: AppContext,
  principalId: number,
  edge: { id: number; edgeId: string },
  payload: { method: string; params: Record<string, unknown> },
): Promise<void> {
  if (payload.method !== 'componentJsonApi' || payload.params['componentId'] !== '_host') return
  const inner = payload.params['payload']
  if (typeof inner !== 'object' || inner === null) return
  const { method, params } = inner as { method?: unknown; params?: unknown }
  const describe = typeof method === 'string' && Object.hasOwn(audited, method) ? audited[method] : undefined
  if (describe === undefined) return
  const values = describe(typeof params === 'object' && params !== null ? (params as Record<string, unknown>) : {})
  await ctx.write({ actorId: principalId }, async (write) => {
    write.noted(`edge.${String(method)}`, 'edge', String(edge.id), { edgeId: edge.edgeId, ...values })
  })
}

function text(value: unknown): string | null {
  return value === undefined || value === null ? null : toText(value, 2000)
}
