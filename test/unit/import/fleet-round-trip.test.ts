import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ImportRecord } from '../../../src/import/model.ts'
import { exported, readAll, restored } from './fleet-restore.ts'
import { someFleet } from './fleet-worlds.ts'

describe('a fleet file', () => {
  for (const format of ['json', 'yaml'] as const) {
    it(`of a random world, as ${format}, makes an empty service that writes the same file`, {
      timeout: 60_000,
    }, async () => {
      await fc.assert(
        fc.asyncProperty(someFleet, fc.integer({ min: 1, max: 5000 }), async (world, pieceBytes) => {
          const written = await exported(world, format)
          const items = await readAll(written, pieceBytes)
          expect(items.filter(({ kind }) => kind === 'problem')).toEqual([])
          const again = restored(items as ImportRecord[])
          expect(await exported(again, format)).toBe(written)
        }),
        { numRuns: 25 },
      )
    })
  }

  it('says the same in both formats', async () => {
    await fc.assert(
      fc.asyncProperty(someFleet, async (world) => {
        const withoutPlaces = async (text: string) =>
          (await readAll(text)).map((item) => ({ ...item, place: undefined }))
        const json = await withoutPlaces(await exported(world, 'json'))
        expect(await withoutPlaces(await exported(world, 'yaml'))).toEqual(json)
      }),
      { numRuns: 10 },
    )
  })
})
