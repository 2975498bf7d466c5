import fc from 'fast-check'
import { expect, it } from 'vitest'
import { LOCAL_OPERATOR_PRINCIPAL_ID } from '../../src/access/model.ts'
import { exportMasterData } from '../../src/import/export-service.ts'
import type { ImportItem } from '../../src/import/model.ts'
import { eachEngine } from '../harness/database.ts'
import { importItems } from '../harness/importing.ts'
import { startTestService, type TestService } from '../harness/service.ts'
import { exported, readAll } from '../unit/import/fleet-restore.ts'
import { someFleet } from '../unit/import/fleet-worlds.ts'

type Engine = 'postgres' | 'embedded'
const operator = { type: 'service', principalId: LOCAL_OPERATOR_PRINCIPAL_ID }

async function fileOf({ ctx }: TestService): Promise<string> {
  let text = ''
  for await (const piece of await exportMasterData(ctx, operator, { format: 'json', organisationId: null }))
    text += piece
  return text
}

/** A service that holds what it takes of a random world: some of it breaks rules that a graph alone does not have. */
async function filled(items: readonly ImportItem[], engine: Engine): Promise<TestService> {
  const service = await startTestService({ engine })
  await importItems(service.ctx, items, { skipInvalid: true, maxProblems: 10_000 })
  return service
}

eachEngine('a whole fleet', ({ name: engine }) => {
  it('exported, imported into an empty service and exported again is the same file', { timeout: 300_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(someFleet, async (world) => {
        await using first = await filled(await readAll(await exported(world)), engine)
        const written = await fileOf(first)
        expect(written.length).toBeGreaterThan(1000)
        await using second = await startTestService({ engine })
        const imported = await importItems(second.ctx, await readAll(written))
        expect([imported.isRefused, imported.report.problems]).toEqual([false, []])
        expect(await fileOf(second)).toBe(written)
      }),
      { numRuns: engine === 'embedded' ? 2 : 4 },
    )
  })

  it('imported where it comes from changes nothing', { timeout: 120_000 }, async () => {
    const [world] = fc.sample(someFleet, { numRuns: 1, seed: 7 })
    if (world === undefined) throw new Error('no world')
    await using service = await filled(await readAll(await exported(world)), engine)
    const written = await fileOf(service)
    const { revision } = service.ctx.store.index
    const { isRefused, report } = await importItems(service.ctx, await readAll(written))
    expect([isRefused, report.problems]).toEqual([false, []])
    expect(service.ctx.store.index.revision).toBe(revision)
    expect(await fileOf(service)).toBe(written)
  })
})
