import fc from 'fast-check'
import { expect, it } from 'vitest'
import { signOf, TextSigns } from '../../../src/access/search-sign.ts'

const signed = (text: string) => signOf(new TextEncoder().encode(text))

it('a sign never denies a part of its text, whatever was there before', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), fc.nat(40), fc.nat(40), (...some) => {
      const [before, after, from, count] = some
      const signs = new TextSigns()
      signs.set(7, signed(before))
      signs.set(8, signed(before))
      signs.set(7, signed(after))
      const part = [...after].slice(from, from + count).join('')
      expect(signs.mayHold(7, signed(part))).toBe(true)
      expect(signs.mayHold(8, signed(before))).toBe(true)
      expect(signs.mayHold(9, signed(part))).toBe(true)
    }),
  )
})

it('signs deny most texts that do not hold what is looked for', () => {
  const signs = new TextSigns()
  const ids = Array.from({ length: 1000 }, (_, id) => id)
  for (const id of ids) signs.set(id, signed(`edge${id}\nwohnhaus name${7 * id}z, town${id % 300}x\n\n`))
  const left = (text: string) => ids.filter((id) => signs.mayHold(id, signed(text))).length
  expect(left('qqq')).toBeLessThan(700)
  expect(left('hofgasse')).toBeLessThan(100)
  expect(left('name693z')).toBeLessThan(100)
})
