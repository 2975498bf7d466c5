import { expect } from 'vitest'
import { createOrganisation } from '../../src/organisations/organisation-service.ts'
import { type Json, UiClient, type WireClient } from './clients.ts'
import { addEdge, addUser, fresh } from './seed.ts'
import type { TestService } from './service.ts'

/** Imports over sockets, and the vouchers of whom they invite. */
export interface Invited {
  login: string
  state: string
  token: string
  invitationId: number
  email?: string
  expiresAt: string
}

export const address = () => `${fresh('person')}@example.com`

/** A table of people, with what they may see. */
export const csv = (logins: string[], edge = '') =>
  ['email,edges', ...logins.map((login) => `${login},${edge}`)].join('\n')

/** Imports a file over the socket of whoever is signed in there; the report once it is done. */
export async function imported(client: WireClient, content: string, more: object = {}): Promise<Json> {
  const { importId } = await client.request('importMasterData', { content, ...more })
  await client.next(
    ({ method, params }) =>
      method === 'importProgress' && params?.['importId'] === importId && params?.['state'] !== undefined,
  )
  const report = await client.request('getImportReport', { importId })
  expect(report['state']).toBe('done')
  return report
}

/** Vouchers for whom an import invited. */
export async function vouchers(client: WireClient, report: Json): Promise<Invited[]> {
  const { invited } = await client.request('inviteImported', { importId: report['importId'] })
  return invited as Invited[]
}

/** A main organisation with its owner, signed in, and an edge. */
export async function tenant(service: TestService) {
  const owner = await addUser(service.ctx)
  const organisation = await createOrganisation(service.ctx, { actorId: null }, fresh('Tenant '), owner.id)
  const edge = await addEdge(service.ctx, { organisationId: organisation.id })
  return { owner, organisationId: organisation.id, edge, boss: await UiClient.signedIn(service, owner.login) }
}
