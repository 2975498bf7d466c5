import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ImportItem } from '../../src/import/model.ts'
import { importItems, userRecord } from '../harness/importing.ts'
import { addEdge, addUser, fresh, give } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'
import { expectWhole, snapshotOf } from '../harness/whole.ts'

const always = { place: { file: 'fleet.yaml' } }
/** The first id that the graph does not take. */
const END = 2 ** 27

/** An organisation with a site, an edge, a group and somebody who has a grant and a claim. */
function fleet(name: string): ImportItem[] {
  return [
    { ...always, kind: 'organisation', key: name, name },
    { ...always, kind: 'site', key: name, name, organisation: name },
    { ...always, kind: 'edge', edgeId: name, site: name, apiKey: `key-of-${name}-0123456789` },
    { ...always, kind: 'edgeGroup', key: name, name, organisation: name, owner: `${name}@example.com` },
    { ...always, kind: 'userGroup', key: name, name, organisation: name },
    { ...always, kind: 'membership', group: name, member: { kind: 'user', key: `${name}@example.com` } },
    {
      ...always,
      kind: 'grant',
      principal: { kind: 'userGroup', key: name },
      resource: { kind: 'edgeGroup', key: name },
      role: 'group.detail',
    },
    userRecord(`${name}@example.com`, {
      claims: { sensors: 'READ' },
      access: { mode: 'set', edges: { keys: [name] } },
    }),
  ]
}

describe('ids that imports take', () => {
  let service: TestService
  beforeAll(async () => {
    service = await startTestService()
  })
  afterAll(() => service?.[Symbol.asyncDispose]())
  const run = (items: ImportItem[], options: Parameters<typeof importItems>[2] = {}) =>
    importItems(service.ctx, items, options)

  /** How many ids of each table were ever taken. */
  const taken = async () => {
    const { rows } = await sql<{ name: string; last: number }>`
      select sequencename as name, coalesce(last_value, 0)::float8 as last from pg_sequences where schemaname = current_schema()
    `.execute(service.ctx.db)
    return Object.fromEntries(rows.map(({ name, last }) => [name.replace(/_id_seq$/, ''), last]))
  }
  const takenBy = async (work: () => Promise<unknown>) => {
    const before = await taken()
    await work()
    const after = await taken()
    const more = Object.keys(after).map((name) => [name, (after[name] ?? 0) - (before[name] ?? 0)] as const)
    const graph = [
      'principal',
      'resource',
      'edge_key',
      'role',
      'membership',
      'containment',
      'access_grant',
      'restriction',
      'claim',
    ]
    return Object.fromEntries(more.filter(([name, count]) => graph.includes(name) && count > 0))
  }

  it('are none in a dry run, for what is there already, and for what is refused', async () => {
    const name = fresh('none')
    expect(await takenBy(() => run(fleet(name), { dryRun: true }))).toEqual({})
    await run(fleet(name))
    const again = fleet(name).filter(({ kind }) => kind !== 'user')
    expect(await takenBy(() => run([...again, userRecord(`${name}@example.com`)]))).toEqual({})
    const wrong: ImportItem = { ...always, kind: 'site', key: 'x', name: 'x', organisation: 'nowhere' }
    expect(await takenBy(() => run([...fleet(fresh('none')), wrong]))).toEqual({})
    const person = userRecord(`${fresh('p')}@example.com`, { claims: { sensors: 'READ' } })
    const nobody = userRecord(`${fresh('p')}@example.com`, { access: { mode: 'set', edges: { keys: ['nowhere'] } } })
    expect(await takenBy(() => run([person, nobody]))).toEqual({})
    expect(await takenBy(() => run([person], { dryRun: true }))).toEqual({})
  })

  it('are one for each new row, whatever else of the file is refused or there already', async () => {
    const before = await snapshotOf(service)
    const name = fresh('exact')
    const lost: ImportItem = { ...always, kind: 'edge', edgeId: 'no id!', apiKey: 'key-0123456789-abcdef' }
    const { principal, ...others } = await takenBy(() => run([lost, ...fleet(name)], { skipInvalid: true }))
    expect(others).toMatchObject({ resource: 4, edge_key: 1, membership: 1, claim: 1 })
    expect(principal).toBe(2)
    const more = userRecord(`${fresh('p')}@example.com`, { access: { mode: 'set', edges: { keys: [name] } } })
    expect(await takenBy(() => run([...fleet(name).filter(({ kind }) => kind !== 'user'), more]))).toEqual({
      principal: 1,
      access_grant: 1,
    })
    await expectWhole(service, before)
  })

  it('are refused before they end, and everything else goes on', async () => {
    const { ctx } = service
    const [edge, user] = [await addEdge(ctx), await addUser(ctx)]
    const { access_grant: last = 0 } = await taken()
    const setLast = (id: number) =>
      sql`select setval(pg_get_serial_sequence('access_grant', 'id'), ${id}::bigint)`.execute(ctx.db)
    await setLast(END - 2)
    await give(ctx, user, 'guest', edge)
    const revision = ctx.store.revision
    const grants = () => ctx.store.index.grantsOf(user.id).length
    await expect(give(ctx, user, 'owner', edge)).rejects.toThrow('ids')
    const record = userRecord(`${fresh('p')}@example.com`, { access: { mode: 'set', edges: { keys: [edge.id] } } })
    await expect(run([record])).rejects.toThrow('ids')
    await expect(run(fleet(fresh('end')))).rejects.toThrow('ids')
    expect(ctx.store.revision).toBe(revision)
    expect(grants()).toBe(1)
    await setLast(last)
    await addUser(ctx)
    expect(ctx.store.revision).toBeGreaterThan(revision)
  })
})
