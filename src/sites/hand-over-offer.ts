import { guardGrant } from '../access/guard-door.ts'
import type { UserRow } from '../access/model.ts'
import { refusal, rightsHolder } from '../access/write-door.ts'
import { requireEmail } from '../accounts/account-rules.ts'
import type { AppContext } from '../context.ts'
import type { Actor, Write } from '../db/write.ts'
import { problem } from '../errors.ts'
import { type Invitation, insertInvitation } from '../invitations/invitation-queries.ts'
import type { OfferedTerms } from '../invitations/offered-terms.ts'
import { generateToken, keyedHash } from '../lib/secrets.ts'
import { carryOut, type HandOver, ownership, requireOwned, requireReceiver } from './hand-over-service.ts'

const DAY_MS = 86_400_000
/** No principal has this id: whoever accepts is not known yet. */
const SOMEBODY = 0

/** To whom: an account that must accept, or whoever holds a voucher, with or without an account (K5). */
export type OfferedTo = { invitee: string } | { voucher: { email?: string | undefined } }
export type Offer = Omit<HandOver, 'to'> & { to: OfferedTo; validDays: number }

/**
 * Offers an edge or a site: everything stays as it is until somebody accepts, and is handed over then by the rights of
 * whoever offered it. For those who could hand it over now; one answer whether there is such an account or not (G-17, G-18).
 */
export async function offerHandOver(
  ctx: Pick<AppContext, 'write' | 'pepper' | 'settings'>,
  actor: Actor,
  given: Offer,
): Promise<{ invitationId: number; token: string | undefined; expiresAt: Date }> {
  const { setupPassword, keepHistory, showPast, leaveOrganisation } = given
  if (given.newApiKeys !== undefined || setupPassword === 'renew') {
    throw problem('New secrets are shown once, and nobody would be there to see them: renew them after the hand-over')
  }
  const token = 'voucher' in given.to ? generateToken() : undefined
  const email = 'voucher' in given.to ? requireEmail(given.to.voucher.email) : null
  return ctx.write(actor, async (w) => {
    const { row, kind } = await requireOwned(w, actor, given.on)
    if (kind === 'site' && leaveOrganisation) throw problem('A site belongs to an organisation: hand it to another one')
    guardGrant(w, actor, ownership(w, actor, SOMEBODY, row.id, given), 'share')
    const earlier = given.from.map((login) => requireReceiver(w, actor, login).id)
    const terms: OfferedTerms = { earlier, keepHistory, showPast, leaveOrganisation, setupPassword }
    const expiresAt = new Date(w.now.getTime() + given.validDays * DAY_MS)
    const invitationId = await insertInvitation(w.tx, {
      ...('invitee' in given.to ? addressed(w, given.to.invitee) : { addressee: email }),
      tokenHash: token === undefined ? null : keyedHash(ctx.pepper, token),
      email,
      globalRole: ctx.settings.registrationRole,
      createdBy: rightsHolder(actor),
      createdAt: w.now,
      expiresAt,
      resourceId: row.id,
      handOver: JSON.stringify(terms),
    })
    w.noted(`${kind}.offered`, 'invitation', String(invitationId), { [kind]: row.id, ...terms })
    return { invitationId, token, expiresAt }
  })
}

/** Hands over, as part of a write, what an invitation offers; throws 1005 when whoever offered it could not do so now. */
export async function acceptOffer(w: Write, offerer: Actor, invitation: Invitation, user: UserRow): Promise<void> {
  const { resourceId, handOver: terms } = invitation
  if (resourceId === null || terms === null) throw refusal(w, offerer, 'share')
  const edge = w.index.edge(resourceId)
  const owned = await requireOwned(w, offerer, edge ? { edgeId: edge.edgeId } : { siteId: resourceId })
  await carryOut(w, offerer, owned, { ...terms, to: user })
}

/** Whom a login or an e-mail address means is decided now: one that somebody enters later is not his for that. */
function addressed(w: Write, text: string): { addressee: string; userId: number | null } {
  const addressee = text.trim()
  const name = addressee.toLowerCase()
  return { addressee, userId: (w.index.userByLogin(name) ?? w.index.userByEmail(name))?.id ?? null }
}
