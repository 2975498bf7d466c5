import type { UserRow } from '../../src/access/model.ts'
import { type Scope, scopes } from '../../src/accounts/scopes.ts'
import { createServiceToken } from '../../src/accounts/service-tokens.ts'
import { BackendClient } from './clients.ts'
import { fresh, give } from './seed.ts'
import type { TestService } from './service.ts'

/** What the service behind a token may do: by default everything. */
export interface BackendRights {
  role?: 'admin' | 'guest'
  validTo?: Date
  scopes?: readonly Scope[]
  components?: readonly string[]
}

/** A token of a new service. */
export async function backendToken(
  { ctx }: TestService,
  { role = 'admin', scopes: good = scopes, ...limits }: BackendRights = {},
): Promise<{ token: string; principalId: number }> {
  const made = await createServiceToken(ctx, { actorId: null }, { name: fresh('backend'), scopes: good })
  await give(ctx, { id: made.principalId } as UserRow, role, 'platform', limits)
  return { token: made.token, principalId: made.principalId }
}

/** Another backend, connected. */
export async function openBackend(service: TestService, rights: BackendRights = {}): Promise<BackendClient> {
  const { token } = await backendToken(service, rights)
  return await BackendClient.open(service, `Bearer ${token}`)
}
