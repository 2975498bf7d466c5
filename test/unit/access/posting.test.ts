import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Postings } from '../../../src/access/search-posting.ts'

/** Ids as they come: mostly ascending by small and large steps, some of them late or again. */
const someIds = fc
  .array(
    fc.record({
      step: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 1 << 19 })),
      late: fc.integer({ min: 0, max: 20 }),
    }),
    { maxLength: 2500, size: 'max' },
  )
  .map((steps) => {
    let last = 0
    return steps.map(({ step, late }) => {
      if (late === 1 && last > 1) return 1 + (step % last)
      last += step
      return last
    })
  })

it('a posting gives out every id once, lowest first, however many there are and in whatever order they came', () => {
  fc.assert(
    fc.property(fc.array(someIds, { minLength: 1, maxLength: 4 }), (lists) => {
      const postings = new Postings()
      const numbers = lists.map(() => postings.create())
      const longest = Math.max(...lists.map((ids) => ids.length))
      for (let at = 0; at < longest; at++) {
        for (const [place, ids] of lists.entries()) {
          const id = ids[at]
          if (id !== undefined) postings.add(numbers[place] as number, id)
        }
      }
      for (const [place, ids] of lists.entries()) {
        const wanted = [...new Set(ids)].sort((a, b) => a - b)
        expect([...postings.ids(numbers[place] as number)]).toEqual(wanted)
        expect(postings.size(numbers[place] as number)).toBeGreaterThanOrEqual(wanted.length)
      }
    }),
    { numRuns: 40 },
  )
})

it('postings fill more than one chunk of memory', () => {
  const postings = new Postings()
  const numbers = Array.from({ length: 300 }, () => postings.create())
  const ids = Array.from({ length: 5000 }, (_, at) => 1 + at * 300)
  for (const id of ids) for (const [shift, number] of numbers.entries()) postings.add(number, id + shift)
  for (const shift of [0, 1, 150, 299]) {
    expect([...postings.ids(numbers[shift] as number)]).toEqual(ids.map((id) => id + shift))
  }
})
