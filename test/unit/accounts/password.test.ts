import { describe, expect, it } from 'vitest'
import { AppError } from '../../../src/errors.ts'
import { createPasswordPool } from '../../../src/lib/password.ts'

const cost = 4

describe('password pool', () => {
  it('accepts the right password and no other', async () => {
    const passwords = createPasswordPool({ cost })
    const hash = await passwords.hash('correct horse')
    expect(await passwords.verify('correct horse', hash)).toBe(true)
    expect(await passwords.verify('correct horsf', hash)).toBe(false)
    expect(await passwords.verify('', hash)).toBe(false)
  })

  it('computes one comparison whether or not there is somebody to compare with', async () => {
    const passwords = createPasswordPool({ cost })
    const hash = await passwords.hash('correct horse')
    for (const against of [hash, null, 'not a hash', `${hash}x`]) {
      const before = passwords.compareCount
      expect(await passwords.verify('wrong', against)).toBe(false)
      expect(passwords.compareCount - before).toBe(1)
    }
  })

  it('never accepts without a stored hash, whatever the dummy is made of', async () => {
    const passwords = createPasswordPool({ cost })
    for (const guess of ['', '.', '.'.repeat(31)]) expect(await passwords.verify(guess, null)).toBe(false)
  })

  it('refuses more than 72 bytes instead of cutting them off', async () => {
    const passwords = createPasswordPool({ cost })
    const longest = 'ü'.repeat(36)
    const hash = await passwords.hash(longest)
    expect(await passwords.verify(longest, hash)).toBe(true)
    await expect(passwords.hash(`${longest}x`)).rejects.toThrow('at most 72 bytes')
    const before = passwords.compareCount
    expect(await passwords.verify(`${longest}x`, hash)).toBe(false)
    expect(passwords.compareCount - before).toBe(1)
  })

  it('reads hashes of other systems and asks for a new one when the cost differs', async () => {
    const passwords = createPasswordPool({ cost })
    const hash = await createPasswordPool({ cost: 5 }).hash('secret words')
    expect(await passwords.verify('secret words', `$2y$${hash.slice(4)}`)).toBe(true)
    expect(passwords.needsRehash(hash)).toBe(true)
    expect(passwords.needsRehash(await passwords.hash('secret words'))).toBe(false)
  })

  it('sheds load when the queue is full and recovers', async () => {
    const passwords = createPasswordPool({ cost, concurrency: 1, maxQueue: 2 })
    const results = Promise.allSettled(Array.from({ length: 6 }, () => passwords.verify('x', null)))
    expect(passwords.queueLength).toBe(2)
    const refused = (await results).filter((result) => result.status === 'rejected').map((result) => result.reason)
    expect(refused).toHaveLength(3)
    for (const reason of refused) expect(reason instanceof AppError && reason.kind).toBe('unavailable')
    expect(passwords.queueLength).toBe(0)
    expect(passwords.compareCount).toBe(3)
    expect(await passwords.verify('x', null)).toBe(false)
  })

  it('keeps the event loop free and runs no more at a time than told', async () => {
    const passwords = createPasswordPool({ cost: 8, concurrency: 2, maxQueue: 10 })
    const work = Promise.all(Array.from({ length: 6 }, () => passwords.verify('x', null)))
    expect(passwords.compareCount).toBe(2)
    let ticks = 0
    const ticking = setInterval(() => {
      ticks += 1
    }, 1)
    await work
    clearInterval(ticking)
    expect(ticks).toBeGreaterThan(2)
  })
})
