import { describe, expect, it } from 'vitest'
import { naturalKey } from '../../../src/access/search-keys.ts'
import { ListOrder } from '../../../src/access/search-order.ts'
import { randomOf } from '../../bench/fleet.ts'

const COUNT = 100_000

/** By id, of which 0 is none: texts that share beginnings, are equal, are beginnings of others, hold numbers or letters beyond ASCII, or nothing. */
function textsOf(random: (below: number) => number): string[] {
  const words = ['House', 'house', 'Müller', 'Müll', '東', '0', '007', 'a', 'B', '']
  const word = () => words[random(words.length)] as string
  return Array.from({ length: COUNT }, () =>
    random(10) === 0 ? '' : `${random(2) === 0 ? 'Same beginning ' : ''}${word()} ${random(500)}${word()}`,
  )
}

function compareTexts(a: string, b: string): number {
  return naturalKey(a) < naturalKey(b) ? -1 : Number(naturalKey(a) > naturalKey(b))
}

describe('an order of very many', () => {
  it('is worked out in portions, is the one that sorting gives, and has in it what changed meanwhile', () => {
    const random = randomOf(3)
    const texts: (string | undefined)[] = textsOf(random)
    const order = new ListOrder({ text: (id) => texts[id], tie: (a, b) => a - b })
    order.load(Int32Array.from(texts.keys()).subarray(1))
    let portions = 0
    while (order.work()) {
      portions++
      const id = 1 + random(COUNT - 1)
      if (portions % 5 === 0) {
        texts[id] = random(3) === 0 ? undefined : `changed ${portions % 7}`
        order.touch(id)
      }
    }
    expect(portions).toBeGreaterThan(50)
    const expected = texts
      .flatMap((text, id) => (text === undefined || id === 0 ? [] : { id, key: naturalKey(text) }))
      .sort((a, b) => (a.key === b.key ? a.id - b.id : a.key < b.key ? -1 : 1))
      .map(({ id }) => id)
    expect([...order.ids().subarray(0, order.size)]).toEqual(expected)
    expect(expected.every((id, rank) => order.ranks()[id] === rank)).toBe(true)
  })

  it('is finished at once for whoever looks before it is', () => {
    const texts = textsOf(randomOf(4))
    const order = new ListOrder({ text: (id) => texts[id], tie: (a, b) => a - b })
    order.load(Int32Array.from(texts.keys()).subarray(1))
    order.work()
    const ids = order.ids()
    for (let rank = 1; rank < order.size; rank++) {
      const [before, id] = [ids[rank - 1] as number, ids[rank] as number]
      const difference = compareTexts(texts[before] as string, texts[id] as string)
      expect(difference < 0 || (difference === 0 && before < id)).toBe(true)
    }
    expect([order.size, order.work()]).toEqual([COUNT - 1, false])
  })
})
