import type { EdgeRow, OpenemsRole, UserRow, Window } from '../../src/access/model.ts'
import { PLATFORM_RESOURCE_ID } from '../../src/access/model.ts'
import { insertGrantRow } from '../../src/access/resource-queries.ts'
import { createUser, type NewAccount } from '../../src/accounts/user-service.ts'
import type { AppContext } from '../../src/context.ts'
import { createEdge, type NewEdge } from '../../src/edges/edge-service.ts'
import { userPassword } from './clients.ts'

const service = { actorId: null }
let names = 0

/** A name that no other test of the file uses. */
export function fresh(prefix: string): string {
  names += 1
  return `${prefix}${names}`
}

export interface SeededEdge {
  row: EdgeRow
  /** The OpenEMS id. */
  id: string
  apiKey: string
  setupPassword: string
}

/** An edge with a key of its own. */
export async function addEdge(ctx: AppContext, edge: Partial<NewEdge> = {}): Promise<SeededEdge> {
  const edgeId = edge.edgeId ?? fresh('edge')
  const made = await createEdge(ctx, service, { apiKey: `key-of-${edgeId}-000000`, ...edge, edgeId })
  return { row: made.edge, id: edgeId, apiKey: made.apiKey, setupPassword: made.setupPassword }
}

/** An account with the usual password. */
export async function addUser(ctx: AppContext, account: Partial<NewAccount> = {}): Promise<UserRow> {
  const login = account.login ?? fresh('user')
  return await createUser(ctx, service, {
    name: `Name of ${login}`,
    globalRole: 'owner',
    password: userPassword,
    ...account,
    login,
  })
}

/** Gives somebody or a group a role on an edge, or on everything; for a time or for some components if wanted. */
export async function give(
  ctx: AppContext,
  user: Pick<UserRow, 'id'>,
  role: OpenemsRole,
  on: SeededEdge | 'platform',
  limits: { validFrom?: Date; validTo?: Date; components?: readonly string[]; dataWindows?: readonly Window[] } = {},
): Promise<number> {
  const { validFrom = null, validTo = null, components = null, dataWindows = null } = limits
  return await ctx.write(service, async (write) => {
    const found = [...write.index.rows('role')].find(({ name }) => name === `openems.${role}`)
    if (found === undefined) throw new Error(`There is no role openems.${role}`)
    const row = await insertGrantRow(write.tx, {
      principalId: user.id,
      resourceId: on === 'platform' ? PLATFORM_RESOURCE_ID : on.row.id,
      roleId: found.id,
      components: components && [...components],
      validFrom: validFrom?.getTime() ?? null,
      validTo: validTo?.getTime() ?? null,
      dataWindows: dataWindows && [...dataWindows],
      source: 'manual',
      grantedBy: null,
    })
    write.inserted('grant.created', 'grant', row)
    return row.id
  })
}

/** An account with a role on an edge: what most tests begin with. */
export async function addUserWith(ctx: AppContext, role: OpenemsRole, edge: SeededEdge): Promise<UserRow> {
  const user = await addUser(ctx, { globalRole: role })
  await give(ctx, user, role, edge)
  return user
}
