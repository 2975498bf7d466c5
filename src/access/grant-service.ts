import type { AppContext } from '../context.ts'
import type { Actor, Write } from '../db/write.ts'
import type { GrantRow, OpenemsRole } from './model.ts'
import { insertGrantRow } from './resource-queries.ts'
import { addGrant, grantsBetween, removeGrants, requireNotAbove, roleNamed } from './role-grant-service.ts'
import { requirePeriod, requireRight, rightsHolder } from './write-door.ts'

export interface AccessGrant {
  principalId: number
  resourceId: number
  role: OpenemsRole
  validFrom: Date | null
  validTo: Date | null
}

/** Grants an OpenEMS role on a resource. Nobody conveys more than he holds, nor for longer (G-01, domain rules 2.3). */
export async function grantAccess(
  ctx: Pick<AppContext, 'write'>,
  actorId: number,
  grant: AccessGrant,
): Promise<GrantRow> {
  requirePeriod(grant.validFrom, grant.validTo)
  return ctx.write({ actorId }, (write) => addAccess(write, { actorId }, grant))
}

/** The same as part of a write. */
export async function addAccess(write: Write, actor: Actor, grant: AccessGrant): Promise<GrantRow> {
  requireRight(write, actor, 'share', grant.resourceId)
  return addGrant(write, actor, 'grant.created', {
    principalId: grant.principalId,
    resourceId: grant.resourceId,
    roleId: roleNamed(write.index, `openems.${grant.role}`).id,
    components: null,
    validFrom: grant.validFrom?.getTime() ?? null,
    validTo: grant.validTo?.getTime() ?? null,
    dataWindows: null,
    source: 'manual',
    grantedBy: rightsHolder(actor),
  })
}

/**
 * Withdraws grants of a principal on a resource; returns how many there were. Needs `share` on the resource; an
 * organisation keeps its last owner (P-09).
 */
export async function revokeAccess(
  ctx: Pick<AppContext, 'write'>,
  actorId: number,
  grant: { principalId: number; resourceId: number },
): Promise<number> {
  const actor = { actorId }
  return ctx.write(actor, async (write) => {
    requireRight(write, actor, 'share', grant.resourceId)
    const rows = (await grantsBetween(write, grant.principalId, grant.resourceId)).filter(
      (row) => row.source !== 'builtIn',
    )
    for (const row of rows) requireNotAbove(write, actor, row)
    await removeGrants(write, 'grant.revoked', rows)
    return rows.length
  })
}

/** Inserts a grant of an OpenEMS role that the service itself gives, unguarded, and its log row. */
export async function insertGrant(
  write: Write,
  grant: {
    principalId: number
    resourceId: number
    role: OpenemsRole
    source: string
    grantedBy: number | null
  },
  action: string,
): Promise<GrantRow> {
  const row = await insertGrantRow(write.tx, {
    principalId: grant.principalId,
    resourceId: grant.resourceId,
    roleId: roleNamed(write.index, `openems.${grant.role}`).id,
    components: null,
    validFrom: null,
    validTo: null,
    dataWindows: null,
    source: grant.source,
    grantedBy: grant.grantedBy,
  })
  write.inserted(action, 'grant', row)
  return row
}
