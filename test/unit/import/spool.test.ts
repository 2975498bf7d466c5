import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { Pace } from '../../../src/import/pace.ts'
import { Spool } from '../../../src/import/spool.ts'
import { temporaryFolder } from '../../harness/service.ts'

it('keeps values in their order and leaves nothing, whenever it ends', async () => {
  await using folder = await temporaryFolder()
  {
    await using spool = new Spool<{ n: number }>(join(folder.path, 'whole'))
    for (let n = 0; n < 1000; n++) await spool.add({ n })
    await spool.end()
    const found: number[] = []
    for await (const batch of spool.batches(300, new Pace())) found.push(...batch.map(({ n }) => n))
    expect(found).toEqual(Array.from({ length: 1000 }, (_, n) => n))
  }
  // Ended before the file can have been opened.
  const ended = Array.from({ length: 200 }, (_, n) => new Spool(join(folder.path, `none${n}`)))
  await Promise.all(ended.map((spool) => spool[Symbol.asyncDispose]()))
  expect(await readdir(folder.path)).toEqual([])
})
