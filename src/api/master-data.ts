import { z } from 'zod'
import { requireExport } from '../import/export-service.ts'
import { fleetTextFormats } from '../import/fleet-text.ts'
import { defineMethod } from '../rpc/method.ts'
import { operatorClients as clients, id } from './rights-shapes.ts'

const exportMasterData = defineMethod({
  name: 'exportMasterData',
  summary:
    'Says where the file of the whole fleet, or of what one main organisation has of it, can be fetched by HTTP with the credentials of a service or a person. Passwords and keys are not in it.',
  clients,
  params: z.strictObject({ organisationId: id.optional(), format: z.enum(fleetTextFormats).default('json') }),
  result: z.object({ path: z.string() }),
  access: 'signedIn',
  handler: (call, { organisationId, format }) => {
    requireExport(call.ctx, call.caller, { organisationId: organisationId ?? null, format }, call.now)
    const wanted = new URLSearchParams({ format })
    if (organisationId !== undefined) wanted.set('organisation', String(organisationId))
    return { path: `/export?${wanted}` }
  },
  example: { params: { format: 'yaml' }, result: { path: '/export?format=yaml' } },
})

export const exportMethods = [exportMasterData]
