import { expect, it } from 'vitest'
import { Seals } from '../../../src/lib/seals.ts'

const [old, current] = ['the old secret of the seals, long', 'the new secret of the seals, long']

it('open what any of them sealed, and seal with the newest', () => {
  const before = new Seals([old], 'p').seal('text')
  const seals = new Seals([current, old], 'p')
  expect(seals.open(before)).toBe('text')
  const after = seals.seal('text')
  expect(after.sealedWith).toBe(seals.newest)
  expect(after.sealedWith).not.toBe(before.sealedWith)
  expect(new Seals([current], 'p').open(after)).toBe('text')
})

it('open nothing of others, of another purpose, or that was changed', () => {
  const seals = new Seals([current], 'p')
  const sealed = seals.seal('text')
  expect(new Seals([old], 'p').open(sealed)).toBeUndefined()
  const elsewhere = new Seals([current], 'q')
  expect(elsewhere.open(sealed)).toBeUndefined()
  expect(elsewhere.open({ ...sealed, sealedWith: elsewhere.newest })).toBeUndefined()
  expect(seals.open({ ...sealed, sealed: `${sealed.sealed.slice(0, -2)}AA` })).toBeUndefined()
  expect(seals.open({ ...sealed, sealed: 'v2.x' })).toBeUndefined()
  expect(seals.seal('text').sealed).not.toBe(sealed.sealed)
  expect(`${sealed.sealedWith}${sealed.sealed}`).not.toContain('text')
})
