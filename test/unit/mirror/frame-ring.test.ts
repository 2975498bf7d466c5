import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FrameRing } from '../../../src/mirror/frame-ring.ts'

describe('FrameRing', () => {
  it('goes on from any position that is kept, writes each piece once, and keeps about so much', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 3000 }), (sizes) => {
        const ring = new FrameRing(20)
        let end = 0
        let written = 0
        for (const size of sizes) {
          const from = end
          end += size
          const write = () => {
            written++
            return [`to ${from + size}`]
          }
          ring.add({ from, to: end, size, write })
        }
        expect([ring.after(end), ring.after(end + 5)]).toEqual([undefined, undefined])
        let position = end
        while (ring.after(position - 1) !== undefined) position--
        expect(end - position).toBeLessThanOrEqual(20)
        expect(end - position).toBeGreaterThanOrEqual(Math.min(end, 14))
        const kept = position
        let pieces = 0
        for (let at = kept; at < end; pieces++) {
          const frame = ring.after(at)
          expect([frame?.from, frame?.texts()]).toEqual([at, [`to ${frame?.to}`]])
          expect(frame?.texts()).toBe(frame?.texts())
          at = frame?.to ?? end
        }
        expect(written).toBe(pieces)
      }),
    )
  })
})
