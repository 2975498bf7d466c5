import type { Actor, Write } from '../db/write.ts'
import { AppError, problem } from '../errors.ts'
import { mergeSettings, parseLanguage, requireEmail, requireLine } from './account-rules.ts'
import type { AccountsContext } from './accounts-context.ts'
import { findProfile, type Profile, upsertProfile } from './user-queries.ts'
import { changeUser, requireUser } from './user-service.ts'

export interface PostalAddress {
  street: string
  zip: string
  city: string
  country: string
}
/** What the profile page shows: personal data, and the e-mail address, which is kept with the account. */
export interface UserInformation {
  firstname: string
  lastname: string
  email: string
  phone: string
  address: PostalAddress
  company: { name: string }
}
/** What of it a client sends; fields left out stay as they are. */
export interface PersonalData {
  firstname?: string | undefined
  lastname?: string | undefined
  phone?: string | undefined
  address?: { [K in keyof PostalAddress]?: string | undefined } | undefined
  company?: { name: string } | undefined
}

export const emptyProfile: Profile = {
  firstname: '',
  lastname: '',
  phone: '',
  street: '',
  zip: '',
  city: '',
  country: '',
  companyName: '',
}
const profileFields = Object.keys(emptyProfile) as (keyof Profile)[]

/** Personal data of a user, with every field present. Protocol C.3. */
export async function getUserInformation(
  ctx: Pick<AccountsContext, 'db' | 'store'>,
  userId: number,
): Promise<UserInformation> {
  const user = ctx.store.index.user(userId)
  if (user === undefined) throw problem('There is no such user')
  const { firstname, lastname, phone, companyName, ...address } = {
    ...emptyProfile,
    ...(await findProfile(ctx.db, userId)),
  }
  return { firstname, lastname, email: user.email ?? '', phone, address, company: { name: companyName } }
}

/**
 * Changes a user's personal data, as himself unless somebody speaks for him. The log names the fields that changed and none
 * of their values, so that they can be erased. A new first or last name makes a new display name. A few new e-mail addresses in
 * a row are one's own to try: more would tell who has an account.
 */
export async function setUserInformation(
  ctx: Pick<AccountsContext, 'write' | 'store' | 'throttle'>,
  userId: number,
  given: PersonalData & { email?: string | undefined },
  actor: Actor = { actorId: userId },
): Promise<void> {
  const profile = toProfile(given)
  const email = given.email === undefined ? undefined : requireEmail(given.email)
  const isOther = email !== undefined && email !== ctx.store.index.user(userId)?.email
  if (isOther && actor.actorId === userId && !(await ctx.throttle.take('ownAddress', String(userId))))
    throw new AppError('tooManyRequests')
  await ctx.write(actor, async (w) => {
    const user = requireUser(w, userId)
    const old = { ...emptyProfile, ...(await findProfile(w.tx, userId)) }
    const fields = profileFields.filter((field) => profile[field] !== undefined && profile[field] !== old[field])
    if (fields.length > 0) {
      await upsertProfile(w.tx, userId, profile)
      w.noted('user.profileChanged', 'user', String(userId), { fields })
    }
    const renamed = fields.includes('firstname') || fields.includes('lastname')
    const name = renamed ? displayName({ ...old, ...profile }) : ''
    await changeUser(w, 'user.changed', user, {
      ...(email === undefined ? {} : { email }),
      ...(name === '' ? {} : { name }),
    })
  })
}

/** Keeps the personal data of an account that is made as part of the same write. */
export async function addProfile(w: Write, userId: number, profile: Partial<Profile>): Promise<void> {
  await upsertProfile(w.tx, userId, profile)
}

/** Sets the language of one's own UI; what is not known becomes OpenEMS's default. */
export async function updateUserLanguage(
  ctx: Pick<AccountsContext, 'write'>,
  userId: number,
  language: string,
  actor: Actor = { actorId: userId },
): Promise<void> {
  await ctx.write(actor, async (w) => {
    await changeUser(w, 'user.changed', requireUser(w, userId), { language: parseLanguage(language) })
  })
}

/** Merges settings of one's own UI into those stored. */
export async function updateUserSettings(
  ctx: Pick<AccountsContext, 'write'>,
  userId: number,
  change: Record<string, unknown>,
  actor: Actor = { actorId: userId },
): Promise<void> {
  await ctx.write(actor, async (w) => {
    const user = requireUser(w, userId)
    await changeUser(w, 'user.changed', user, { settings: mergeSettings(user.settings, change) })
  })
}

/** Personal data as it is stored: the fields given, trimmed and checked, and nothing else. */
export function toProfile({ firstname, lastname, phone, address, company }: PersonalData): Partial<Profile> {
  const { street, zip, city, country } = address ?? {}
  const given = { firstname, lastname, phone, street, zip, city, country, companyName: company?.name }
  const profile: Partial<Profile> = {}
  for (const field of profileFields) {
    const text = given[field]
    if (text !== undefined) profile[field] = toProfileText(field, text)
  }
  return profile
}

/** One field as it is stored: a line; the country in lower case, as the UI has it in its list. Protocol C.3. */
export function toProfileText(field: keyof Profile, text: string): string {
  const line = requireLine(text, `Field ${field}`)
  return field === 'country' ? line.toLowerCase() : line
}

/** First and last name as one; empty when there is neither. */
export function displayName({ firstname, lastname }: Partial<Pick<Profile, 'firstname' | 'lastname'>>): string {
  return `${firstname ?? ''} ${lastname ?? ''}`.trim().slice(0, 200)
}
