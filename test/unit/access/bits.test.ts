import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Bits } from '../../../src/access/search-bits.ts'

const someIds = fc.array(fc.oneof(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 9000 })), {
  maxLength: 300,
})

function bitsOf(ids: Iterable<number>): Bits {
  const bits = new Bits(1)
  for (const id of ids) bits.add(id)
  return bits
}

it('a set of bits holds, counts and gives out what a set of numbers does', () => {
  fc.assert(
    fc.property(someIds, someIds, someIds, fc.nat(400), fc.nat(400), (first, second, gone, from, count) => {
      const sets = {
        or: new Set([...first, ...second]),
        and: new Set(first.filter((id) => second.includes(id))),
        without: new Set(first.filter((id) => !second.includes(id))),
      }
      for (const [how, wanted] of Object.entries(sets) as ['or' | 'and' | 'without', Set<number>][]) {
        const bits = new Bits().become(bitsOf(first))
        bits[how](bitsOf(second))
        for (const id of gone.slice(0, 3)) {
          wanted.delete(id)
          bits.remove(id)
        }
        const sorted = [...wanted].sort((a, b) => a - b)
        expect([...bits.slice(0, count)]).toEqual(sorted.slice(0, count))
        expect(bits.holdsMore(from)).toBe(sorted.length > from)
        expect(bits.size).toBe(sorted.length)
        expect([...bits.slice(from, from + count)]).toEqual(sorted.slice(from, from + count))
        expect([...bits.values()]).toEqual(sorted)
        expect([...first, ...gone].every((id) => bits.has(id) === wanted.has(id))).toBe(true)
        bits.clear()
        expect([bits.size, [...bits.values()]]).toEqual([0, []])
      }
    }),
  )
})

it('a set takes the room of another, whatever was in it', () => {
  const bits = bitsOf([1, 100_000])
  expect([...bits.become(bitsOf([5])).values()]).toEqual([5])
  expect([...bits.become(bitsOf([7, 200_000])).values()]).toEqual([7, 200_000])
})

it('the first ones are found wherever they begin, and when lower ones come or go after that', () => {
  const bits = bitsOf([70_000, 90_000])
  const first = () => bits.slice(0, 1)[0]
  const steps = [first()]
  bits.add(50_000)
  steps.push(first())
  bits.remove(50_000)
  steps.push(first())
  bits.or(bitsOf([40_000]))
  steps.push(first())
  bits.without(bitsOf([40_000]))
  steps.push(first())
  bits.open(10)
  bits.mark(300)
  steps.push(first())
  bits.clear()
  bits.open(10)
  bits.mark(7)
  steps.push(first())
  expect(steps).toEqual([70_000, 50_000, 70_000, 40_000, 70_000, 300, 7])
})
