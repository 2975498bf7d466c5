import type { UserRow } from '../../src/access/model.ts'
import { UiClient } from './clients.ts'
import { addUser, fresh } from './seed.ts'
import type { TestService } from './service.ts'

/** A main organisation with a person as owner. `admin` is signed in at the service. */
export async function company(service: TestService, admin: UiClient) {
  const owner = await addUser(service.ctx, { shareable: true })
  const { id } = await admin.request('createOrganisation', { name: fresh('Company '), owner: owner.login })
  return { id: Number(id), owner, boss: await UiClient.signedIn(service, owner.login) }
}

/** Somebody new who is a member of an organisation in a role. */
export async function memberOf(
  service: TestService,
  boss: UiClient,
  organisationId: number,
  role: string,
): Promise<{ user: UserRow; ui: UiClient }> {
  const user = await addUser(service.ctx, { shareable: true })
  await boss.request('addOrganisationMember', { organisationId, login: user.login, role })
  return { user, ui: await UiClient.signedIn(service, user.login) }
}

export async function newSite(ui: UiClient, organisationId: number): Promise<number> {
  return Number((await ui.request('createSite', { organisationId, name: fresh('Site ') }))['id'])
}

export async function newSub(ui: UiClient, parentId: number): Promise<number> {
  return Number((await ui.request('createSuborganisation', { parentId, name: fresh('Branch ') }))['id'])
}
