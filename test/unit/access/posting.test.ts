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
    fc.property(
      fc.array(someIds, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 200 }),
      (lists, restEvery) => {
        const postings = new Postings()
        const numbers = lists.map(() => postings.create())
        const longest = Math.max(...lists.map((ids) => ids.length))
        for (let at = 0; at < longest; at++) {
          for (const [place, ids] of lists.entries()) {
            const id = ids[at]
            if (id !== undefined) postings.add(numbers[place] as number, id)
          }
          if (at % restEvery === restEvery - 1) postings.work()
        }
        for (const [place, ids] of lists.entries()) {
          const wanted = [...new Set(ids)].sort((a, b) => a - b)
          expect([...postings.ids(numbers[place] as number)]).toEqual(wanted)
          expect(postings.size(numbers[place] as number)).toBeGreaterThanOrEqual(wanted.length)
        }
      },
    ),
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

it('a posting is written anew a block at a time, and gives out the same before, meanwhile and after', () => {
  const postings = new Postings()
  const posting = postings.create()
  const other = postings.create()
  const [late, ids] = [15_000, 100_000]
  for (let id = 1; id <= ids; id++) {
    if (id % 2 === 0 || id > 2 * late) postings.add(posting, id)
  }
  for (let id = 1; id <= 2 * late; id += 2) postings.add(posting, id)
  const wanted = Array.from({ length: ids }, (_, at) => at + 1)
  expect([...postings.ids(posting)]).toEqual(wanted)
  let turns = 1
  for (; postings.work(); turns++) {
    // Others come and go on meanwhile: behind the last, before it, twice, and of another posting.
    if (turns % 10 !== 0) continue
    wanted.push(ids + turns)
    for (const id of [ids + turns, turns]) postings.add(posting, id)
    postings.add(other, turns)
    expect([...postings.ids(posting)]).toEqual(wanted)
  }
  // A byte to an id, at most a kilobyte to a block.
  expect(turns).toBeGreaterThan((ids - late) / 1024)
  expect([...postings.ids(posting)]).toEqual(wanted)
  expect([...postings.ids(other)]).toEqual(Array.from(wanted.slice(ids), (id) => id - ids))
  // All that was loose is in: what came meanwhile is all that may be counted twice.
  expect(postings.size(posting)).toBeLessThanOrEqual(wanted.length + (wanted.length - ids))
})
