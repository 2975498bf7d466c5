import { describe, expect, it } from 'vitest'
import {
  isPossibleLogin,
  mergeSettings,
  parseLanguage,
  requireEmail,
  requireLine,
  requireLogin,
  requireNewPassword,
  requirePasswordLength,
  uiLanguage,
} from '../../../src/accounts/account-rules.ts'

describe('logins and e-mail addresses', () => {
  it('are trimmed; a login is lower case', () => {
    expect(requireLogin('  Ada@Example.ORG ')).toBe('ada@example.org')
    expect(requireEmail(' Ada@Example.ORG ')).toBe('Ada@Example.ORG')
    for (const none of [undefined, null, '', '  ']) expect(requireEmail(none)).toBeNull()
  })

  it.each(['', ' ', 'a b', 'a:b', 'ädä', 'аdmin', 'a\u0000', 'a'.repeat(201)])('refuses the login %j', (login) => {
    expect(() => requireLogin(login)).toThrow('A login has')
  })

  it.each(['ada', '@', 'a@', '@b', 'a@b@c', 'a b@c', 'ü@b.de', `${'a'.repeat(250)}@b.de`])(
    'refuses the e-mail address %j',
    (email) => {
      expect(() => requireEmail(email)).toThrow('not an e-mail address')
    },
  )

  it('knows what cannot be anybody, without asking the database', () => {
    expect(isPossibleLogin('ada')).toBe(true)
    for (const text of ['', 'a\u0000b', 'a'.repeat(255)]) expect(isPossibleLogin(text)).toBe(false)
  })
})

describe('passwords', () => {
  it('lose the spaces around them, as in the UI', () => {
    expect(requireNewPassword('  long enough ')).toBe('long enough')
  })

  it('are neither short nor longer than bcrypt reads', () => {
    expect(() => requireNewPassword(' 1234567 ')).toThrow('at least 8')
    expect(requireNewPassword('ü'.repeat(36))).toHaveLength(36)
    expect(() => requireNewPassword('ü'.repeat(37))).toThrow('at most 72 bytes, of which ä, é or ß take two')
    expect(requirePasswordLength('admin')).toBe('admin')
    expect(() => requirePasswordLength('  ')).toThrow('empty')
  })
})

describe('lines of text', () => {
  it('are trimmed, short and without control characters', () => {
    expect(requireLine(' Main Street 1 ', 'The street')).toBe('Main Street 1')
    expect(() => requireLine('a\nb', 'The street')).toThrow('The street contains control characters')
    expect(() => requireLine('a'.repeat(201), 'The street')).toThrow('The street is too long')
  })
})

describe('languages', () => {
  it.each([
    ['de', 'DE', 'de'],
    ['EN', 'EN', 'en'],
    ['cs', 'CZ', 'cs'],
    ['CZ', 'CZ', 'cs'],
    ['ja', 'JA', 'ja'],
    ['nl', 'NL', 'nl'],
    ['es', 'ES', 'es'],
    ['fr', 'FR', 'fr'],
    ['klingon', 'DE', 'de'],
    ['', 'DE', 'de'],
  ])('%j is stored as %s and is %s to the UI', (given, stored, shown) => {
    expect(parseLanguage(given)).toBe(stored)
    expect(uiLanguage(parseLanguage(given))).toBe(shown)
  })
})

describe('settings', () => {
  it('are merged one level deep', () => {
    const old = { theme: 'dark', annualReview: ['2024'] }
    expect(mergeSettings(old, { theme: 'light' })).toEqual({ theme: 'light', annualReview: ['2024'] })
    expect(mergeSettings(old, { annualReview: [] })).toEqual({ theme: 'dark', annualReview: [] })
    expect(old).toEqual({ theme: 'dark', annualReview: ['2024'] })
  })

  it.each(['{"__proto__":{"x":1}}', '{"a":{"constructor":1}}', '{"a":[{"prototype":1}]}'])('refuses %s', (text) => {
    expect(() => mergeSettings({}, JSON.parse(text))).toThrow('cannot be called')
  })

  it('have a limit in all, not per change', () => {
    const old = { a: 'x'.repeat(10_000) }
    expect(() => mergeSettings(old, { b: 'x'.repeat(10_000) })).toThrow('too large')
    expect(() => mergeSettings(old, { a: 'x'.repeat(12_000) })).not.toThrow()
  })
})
