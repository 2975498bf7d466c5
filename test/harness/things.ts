import { createOrganisation } from '../../src/organisations/organisation-service.ts'
import { type Json, ServiceClient, UiClient, userPassword } from './clients.ts'
import { imported } from './inviting.ts'
import { addEdge, addUser, fresh } from './seed.ts'
import type { TestService } from './service.ts'

/** One thing of every kind that methods name, by what they name it with. */
export interface Things {
  edge: string
  user: string
  service: string
  organisation: number
  suborganisation: number
  site: number
  edgeGroup: number
  userGroup: number
  role: number
  grant: number
  invitation: number
  import: string
  protocol: number
}
export type ThingKind = keyof Things

/** Names of none. */
export const unknownThings: Things = {
  edge: 'no-such-edge',
  user: 'no-such-user',
  service: 'no-such-service',
  organisation: 2_000_000_001,
  suborganisation: 2_000_000_002,
  site: 2_000_000_003,
  edgeGroup: 2_000_000_004,
  userGroup: 2_000_000_005,
  role: 2_000_000_006,
  grant: 2_000_000_007,
  invitation: 2_000_000_008,
  import: '00000000-0000-4000-8000-000000000000',
  protocol: 2_000_000_009,
}

/** A company with everything, its owner signed in; nobody else knows of any of it. */
export async function companyWithAll(service: TestService): Promise<{ things: Things; boss: UiClient; login: string }> {
  const owner = await addUser(service.ctx)
  const { id: organisation } = await createOrganisation(service.ctx, { actorId: null }, fresh('Company '), owner.id)
  const boss = await UiClient.signedIn(service, owner.login)
  const made = async (method: string, params: object, key = 'id') => Number((await boss.request(method, params))[key])
  await using operator = await ServiceClient.local(service)
  const suborganisation = await made('createSuborganisation', { parentId: organisation, name: fresh('Branch ') })
  const site = await made('createSite', { organisationId: organisation, name: fresh('Site ') })
  const { id: edge } = await addEdge(service.ctx, { siteId: site })
  const edgeGroup = await made('createEdgeGroup', { organisationId: organisation, name: fresh('Edges ') })
  const userGroup = await made('createUserGroup', { organisationId: organisation, name: fresh('People ') })
  const role = await made('createRole', { organisationId: organisation, name: fresh('acme.role') })
  const to = { userGroupId: userGroup }
  const grant = await made('grantRole', { to, on: { siteId: site }, role: 'resource.detail' }, 'grantId')
  const invitation = await made('inviteMember', { to: { groupId: userGroup } }, 'invitationId')
  const user = fresh('member')
  await boss.request('createGroupMember', { groupId: userGroup, login: user, password: userPassword })
  const report = await imported(boss, `email\n${fresh('person')}@example.com`, { organisationId: organisation })
  const name = fresh('service')
  await operator.request('createServiceToken', { name })
  const { setupProtocolId } = (await boss.request('submitSetupProtocol', protocolOf(edge))) as Json
  const things = { edge, user, organisation, suborganisation, site, edgeGroup, userGroup, role, grant, invitation }
  return {
    things: { ...things, service: name, import: String(report['importId']), protocol: Number(setupProtocolId) },
    boss,
    login: owner.login,
  }
}

/** What an installer writes down about an edge. */
export function protocolOf(edge: unknown): { protocol: object } {
  const address = { street: '', zip: '', city: '', country: 'de' }
  const customer = { firstname: 'A', lastname: 'B', email: `${fresh('customer')}@example.com`, phone: '1', address }
  return { protocol: { edge: { id: edge }, customer, items: [], lots: [] } }
}
