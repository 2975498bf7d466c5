import { expect, it } from 'vitest'
import { Pace } from '../../../src/import/pace.ts'

/** Work in so many steps of a millisecond each by `time`; notes which are done. */
function* work(steps: number, time: { ms: number }, done: number[]): Generator<undefined, string> {
  for (let step = 1; step <= steps; step++) {
    yield
    time.ms++
    done.push(step)
  }
  return 'done'
}

it('lets others have their turn inside long work whenever its time is over', async () => {
  const time = { ms: 0 }
  const done: number[] = []
  const seen: number[] = []
  const pace = new Pace(undefined, { clock: { now: () => time.ms, restedAt: 0 } })
  const look = () => {
    seen.push(done.length)
    if (done.length < 10) setImmediate(look)
  }
  setImmediate(look)
  expect(await pace.through(work(10, time, done))).toBe('done')
  expect(done).toHaveLength(10)
  expect([...new Set(seen)].slice(0, 4)).toEqual([2, 4, 6, 8])
})

it('ends long work when it is cancelled, at the next rest', async () => {
  const time = { ms: 0 }
  const done: number[] = []
  const abort = new AbortController()
  setImmediate(() => abort.abort(new Error('stopped')))
  const pace = new Pace(abort.signal, { clock: { now: () => time.ms, restedAt: 0 } })
  await expect(pace.through(work(10, time, done))).rejects.toThrow('stopped')
  expect(done).toEqual([1, 2])
})
