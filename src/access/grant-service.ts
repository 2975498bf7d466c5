import type { AppContext } from '../context.ts'
import { AppError, problem } from '../errors.ts'
import { type GrantRow, type OpenemsRole, permissionBits } from './model.ts'

/** Grants an OpenEMS role on a resource. Nobody conveys more than he holds (escalation guard, domain rules 2.3). */
export async function grantAccess(
  ctx: AppContext,
  actorId: number,
  grant: { principalId: number; resourceId: number; role: OpenemsRole; validFrom: Date | null; validTo: Date | null },
): Promise<GrantRow> {
  if (grant.validFrom && grant.validTo && grant.validFrom >= grant.validTo)
    throw problem('The grant would end before it begins')
  return ctx.write({ actorId }, async (write) => {
    const role = write.index.row('role', builtInRoleId(write, grant.role))
    const held = write.index.access(actorId, grant.resourceId, write.now.getTime()).mask
    const conveyed =
      (role?.selfMask ?? 0) | (role?.contentMask ?? 0) | (role?.suborganisationMask ?? 0) | permissionBits.share
    const allowed = (held & conveyed) === conveyed
    if (!allowed) throw new AppError('forbidden', ['grantAccess', String(actorId)])
    return insertGrant(write, { ...grant, source: 'manual', grantedBy: actorId }, 'grant.created')
  })
}

/** Withdraws grants of a principal on a resource; returns how many there were. Needs `share` on the resource. */
export async function revokeAccess(
  ctx: AppContext,
  actorId: number,
  grant: { principalId: number; resourceId: number },
): Promise<number> {
  return ctx.write({ actorId }, async (write) => {
    if (!write.index.allows(actorId, 'share', grant.resourceId, write.now.getTime())) {
      throw new AppError('forbidden', ['revokeAccess', String(actorId)])
    }
    const rows = [...write.index.rows('grant')].filter(
      (row) => row.principalId === grant.principalId && row.resourceId === grant.resourceId && row.source !== 'builtIn',
    )
    if (rows.length === 0) return 0
    await write.tx
      .deleteFrom('accessGrant')
      .where(
        'id',
        'in',
        rows.map((row) => row.id),
      )
      .execute()
    for (const row of rows) write.deleted('grant.revoked', 'grant', row)
    return rows.length
  })
}

type Write = Parameters<Parameters<AppContext['write']>[1]>[0]

/** Inserts a grant of an OpenEMS role and its log row. */
export async function insertGrant(
  write: Write,
  grant: {
    principalId: number
    resourceId: number
    role: OpenemsRole
    source: string
    grantedBy: number | null
    validFrom?: Date | null
    validTo?: Date | null
  },
  action: string,
): Promise<GrantRow> {
  const roleId = builtInRoleId(write, grant.role)
  const values = {
    principalId: grant.principalId,
    resourceId: grant.resourceId,
    roleId,
    validFrom: grant.validFrom ?? null,
    validTo: grant.validTo ?? null,
    source: grant.source,
    grantedBy: grant.grantedBy,
  }
  const { id } = await write.tx.insertInto('accessGrant').values(values).returning('id').executeTakeFirstOrThrow()
  const row: GrantRow = {
    ...values,
    id,
    components: null,
    dataWindows: null,
    validFrom: grant.validFrom?.getTime() ?? null,
    validTo: grant.validTo?.getTime() ?? null,
  }
  write.inserted(action, 'grant', row)
  return row
}

function builtInRoleId(write: Write, role: OpenemsRole): number {
  for (const row of write.index.rows('role'))
    if (row.organisationId === null && row.name === `openems.${role}`) return row.id
  throw problem(`There is no role openems.${role}`)
}
