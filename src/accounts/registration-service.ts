import { insertGrant } from '../access/grant-service.ts'
import { type OpenemsRole, PLATFORM_RESOURCE_ID, type UserRow } from '../access/model.ts'
import type { Actor, Write } from '../db/write.ts'
import { AppError, problem } from '../errors.ts'
import { openWith } from '../invitations/account-voucher-service.ts'
import { invalidInvitation } from '../invitations/invalid-invitation.ts'
import { findVoucher, type Invitation, insertInvitation } from '../invitations/invitation-queries.ts'
import { isFor, redeem, voucherHash } from '../invitations/invitation-service.ts'
import { generateSetupPassword, generateToken, keyedHash } from '../lib/secrets.ts'
import { requireEmail, requirePasswordLength } from './account-rules.ts'
import type { AccountsContext } from './accounts-context.ts'
import { displayName, type PersonalData, toProfile } from './profile-service.ts'
import { hasAnyUser, upsertProfile } from './user-queries.ts'
import { addUser, changeUser, prepareUser } from './user-service.ts'

const DAY_MS = 86_400_000

/** The first administrator's grant, which nobody could give him. */
const everything = { resourceId: PLATFORM_RESOURCE_ID, role: 'admin', source: 'builtIn', grantedBy: null } as const

/** What a stranger may say about himself. There is no role among it: that is ours to decide (OC-11). */
export interface Registration extends PersonalData {
  email: string
  password: string
  language?: string | undefined
  /** Token of an invitation. */
  invitation?: string | undefined
  clientAddress: string
}

/**
 * Creates an account for a stranger, if the settings let him or an invitation does, and makes it a member where that says so.
 * With the voucher of an account that waits for him he opens that one, whatever the settings say about new ones.
 */
export async function registerUser(
  ctx: Pick<AccountsContext, 'db' | 'write' | 'clock' | 'passwords' | 'throttle' | 'pepper' | 'settings'>,
  registration: Registration,
): Promise<UserRow> {
  const { registration: mode, registrationRole } = ctx.settings
  const { token, ...person } = withVoucher(registration)
  if (mode === 'closed' && token === undefined) throw closed()
  if (mode === 'invitation' && token === undefined) throw problem('Registration needs an invitation.')
  const email = requireEmail(person.email)
  if (email === null) throw problem('Registration needs an e-mail address.')
  const profile = toProfile(person)
  if (!(await ctx.throttle.take('registration', person.clientAddress))) throw new AppError('tooManyRequests')
  const invitation = token === undefined ? undefined : await requireInvitation(ctx, token, email)
  if (invitation !== undefined && invitation.accountId !== null)
    return await openWith(ctx, invitation, person.password, {
      email,
      also: (w, user) => moveIn(w, user, email, person),
    })
  if (mode === 'closed') throw closed()

  const prepared = await prepareUser(ctx, {
    login: email,
    email,
    name: displayName(profile),
    password: person.password,
    language: person.language,
    globalRole: invitation?.globalRole ?? registrationRole,
  })
  return await ctx.write({ actorId: null }, async (w) => {
    const user = await addUser(w, prepared)
    if (invitation !== undefined) await redeem(w, invitation, user)
    if (Object.keys(profile).length > 0) await upsertProfile(w.tx, user.id, profile)
    return user
  })
}

/**
 * The voucher and the rest of a registration. The form of the OpenEMS UI has no field for one: whoever has a voucher types it
 * instead of his phone number or company, of which none looks like one.
 */
function withVoucher(registration: Registration): Registration & { token: string | undefined } {
  const { phone, company, invitation } = registration
  const isVoucher = (text = '') => voucherForm.test(text.trim())
  const kept = {
    ...registration,
    phone: isVoucher(phone) ? undefined : phone,
    company: isVoucher(company?.name) ? undefined : company,
  }
  const typed = [phone, company?.name].find(isVoucher)?.trim()
  return { ...kept, token: invitation ?? typed }
}
const voucherForm = /^[A-Za-z0-9_-]{43}$/

/** What somebody says about himself when he opens the account that was made for him. An address the account has stays. */
async function moveIn(w: Write, user: UserRow, email: string, person: Registration): Promise<void> {
  const given = Object.entries(toProfile(person)).filter(([, text]) => text !== '')
  const profile = Object.fromEntries(given)
  if (given.length > 0) {
    await upsertProfile(w.tx, user.id, profile)
    w.noted('user.profileChanged', 'user', String(user.id), { fields: Object.keys(profile) })
  }
  const name = displayName(profile)
  await changeUser(w, 'user.changed', user, {
    ...(user.email === null ? { email } : {}),
    ...(name === '' ? {} : { name }),
  })
}

function closed(): AppError {
  return problem('Registration is closed. Ask your administrator for an account.')
}

/** Makes an invitation for one person; the token is shown once and stored as a keyed hash. */
export async function createInvitation(
  ctx: Pick<AccountsContext, 'write' | 'pepper'>,
  actor: Actor,
  {
    email,
    globalRole,
    validDays = 14,
  }: { email?: string | undefined; globalRole: OpenemsRole; validDays?: number | undefined },
): Promise<{ id: number; token: string; expiresAt: Date }> {
  const token = generateToken()
  const invited = requireEmail(email)
  return await ctx.write(actor, async (w) => {
    const expiresAt = new Date(w.now.getTime() + validDays * DAY_MS)
    const id = await insertInvitation(w.tx, {
      tokenHash: keyedHash(ctx.pepper, token),
      email: invited,
      addressee: invited,
      globalRole,
      createdBy: actor.actorId,
      createdAt: w.now,
      expiresAt,
    })
    w.noted('invitation.created', 'invitation', String(id), { globalRole })
    return { id, token, expiresAt }
  })
}

/**
 * Makes the account `admin`, administrator of everything, unless there is any account yet. The password is the one
 * configured, else a random one, which is returned to be shown once.
 */
export async function ensureFirstAdministrator(
  ctx: Pick<AccountsContext, 'db' | 'write' | 'passwords' | 'settings'>,
  { password }: { password?: string | undefined } = {},
): Promise<{ created: boolean; generatedPassword?: string }> {
  if (await hasAnyUser(ctx.db)) return { created: false }
  const generatedPassword = generateSetupPassword()
  const account = { login: 'admin', name: 'Administrator', globalRole: 'admin' } as const
  const prepared = await prepareUser(ctx, account)
  const passwordHash = await ctx.passwords.hash(requirePasswordLength(password ?? generatedPassword))
  const created = await ctx.write({ actorId: null }, async (w) => {
    if (await hasAnyUser(w.tx)) return false
    const user = await addUser(w, { ...prepared, passwordHash })
    await insertGrant(w, { ...everything, principalId: user.id }, 'grant.created')
    return true
  })
  return created && password === undefined ? { created, generatedPassword } : { created }
}

async function requireInvitation(
  ctx: Pick<AccountsContext, 'db' | 'clock' | 'pepper'>,
  token: string,
  email: string,
): Promise<Invitation> {
  const invitation = await findVoucher(ctx.db, voucherHash(ctx.pepper, token), ctx.clock())
  if (invitation === undefined || !isFor(invitation, { email })) throw invalidInvitation()
  return invitation
}
