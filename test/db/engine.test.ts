import { expect, it } from 'vitest'
import { eachEngine } from '../harness/database.ts'

eachEngine('engine', (engine) => {
  it('reads rows in camelCase', async () => {
    await using database = await engine.open()
    const roles = await database.db
      .selectFrom('role')
      .select(['name', 'selfMask', 'organisationId'])
      .orderBy('id')
      .execute()
    expect(roles[3]).toEqual({ name: 'openems.guest', selfMask: 31, organisationId: null })
  })
})
