import { problem } from '../errors.ts'
import { requireFits } from '../lib/password.ts'

const MIN_PASSWORD_LENGTH = 8
const MAX_NAME_LENGTH = 200
const MAX_SETTINGS_BYTES = 16_384

/** Printable ASCII without space and colon: no look-alikes, and it fits HTTP Basic. */
const loginForm = /^[!-9;-~]{1,200}$/
/** Plain ASCII too: what lower case is beyond it depends on the database's locale. */
const emailForm = /^[!-?A-~]+@[!-?A-~]+$/
const controlCharacter = /\p{Cc}/u
const refusedKeys: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** OpenEMS's languages (protocol C.7) and Japanese, which only its UI knows. */
export const languages = ['EN', 'DE', 'CZ', 'NL', 'ES', 'FR', 'JA'] as const
export type Language = (typeof languages)[number]

/** What people type as login or e-mail address, as it is stored and compared. */
export function normaliseLogin(text: string): string {
  return text.trim().toLowerCase()
}

/** Whether the text can be anybody's login or e-mail address at all. */
export function isPossibleLogin(text: string): boolean {
  return text.length > 0 && text.length <= 254 && !controlCharacter.test(text)
}

/** The UI cuts spaces off before it sends a password, so they cannot count anywhere. */
export function normalisePassword(text: string): string {
  return text.trim()
}

/** The login as it is stored, or a text that says what is wrong. */
export function requireLogin(text: string): string {
  const login = normaliseLogin(text)
  if (!loginForm.test(login)) {
    throw problem('A login has 1 to 200 letters, digits or signs of plain ASCII, without spaces and colons')
  }
  return login
}

/** The e-mail address as it is stored; empty is none. */
export function requireEmail(text: string | null | undefined): string | null {
  const email = text?.trim() ?? ''
  if (email === '') return null
  if (email.length > 254 || !emailForm.test(email)) throw problem('This is not an e-mail address')
  return email
}

/** A new password that is neither guessed at once nor longer than what counts. */
export function requireNewPassword(text: string): string {
  const password = requirePasswordLength(text)
  if (password.length < MIN_PASSWORD_LENGTH) {
    throw problem(`The password is too short: at least ${MIN_PASSWORD_LENGTH} characters`)
  }
  return password
}

/** A password that bcrypt can tell from every other. */
export function requirePasswordLength(text: string): string {
  const password = normalisePassword(text)
  if (password === '') throw problem('The password is empty')
  requireFits(password)
  return password
}

/** A name, a street, a telephone number: trimmed, of one line. `what` names it in the refusal. */
export function requireLine(text: string, what: string): string {
  const line = text.trim()
  if (line.length > MAX_NAME_LENGTH) throw problem(`${what} is too long: at most ${MAX_NAME_LENGTH} characters`)
  if (controlCharacter.test(line)) throw problem(`${what} contains control characters`)
  return line
}

/** OpenEMS's language for what a client calls it; what it does not know is German (protocol C.3). */
export function parseLanguage(text: string): Language {
  const key = text.trim().toUpperCase()
  return languages.find((language) => language === (key === 'CS' ? 'CZ' : key)) ?? 'DE'
}

/** The key the UI uses for a language: `cs` where OpenEMS says `CZ`. */
export function uiLanguage(language: string): string {
  return language === 'CZ' ? 'cs' : language.toLowerCase()
}

/** Settings with a change merged in, one level deep, because the UI sends now one of them, now all (ui.md section 3). */
export function mergeSettings(old: Record<string, unknown>, change: Record<string, unknown>): Record<string, unknown> {
  refusePrototypeKeys(change)
  const merged = { ...old, ...change }
  if (Buffer.byteLength(JSON.stringify(merged), 'utf8') > MAX_SETTINGS_BYTES) {
    throw problem(`The settings are too large: at most ${MAX_SETTINGS_BYTES} bytes`)
  }
  return merged
}

function refusePrototypeKeys(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    if (refusedKeys.has(key)) throw problem(`A setting cannot be called ${key}`)
    refusePrototypeKeys(inner)
  }
}
