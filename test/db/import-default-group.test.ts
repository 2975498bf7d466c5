import { afterAll, beforeAll, expect, it } from 'vitest'
import { grantRole } from '../../src/access/role-grant-service.ts'
import { readChanges } from '../../src/db/change-log.ts'
import { addToEdgeGroup } from '../../src/groups/edge-group-service.ts'
import type { ImportItem } from '../../src/import/model.ts'
import { eachEngine } from '../harness/database.ts'
import { importItems, userRecord } from '../harness/importing.ts'
import { addEdge, addUser, fresh, give } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'
import { expectWhole, snapshotOf } from '../harness/whole.ts'

const place = { file: 'fleet.json' }
const always = { validFrom: null, validTo: null, dataWindows: null, components: null }

eachEngine('what an import takes from somebody who has shown it to others', (engine) => {
  let service: TestService
  beforeAll(async () => {
    service = await startTestService({ engine: engine.name, config: { defaultEdgeGroup: true } })
  })
  afterAll(() => service?.[Symbol.asyncDispose]())

  /** Somebody with four edges in his default group, which an import let him share; he shows the group to a friend. */
  async function sharing() {
    const { ctx } = service
    const user = await addUser(ctx, { email: `${fresh('person')}@example.com` })
    const friend = await addUser(ctx, { shareable: true })
    const edges = await Promise.all([1, 2, 3, 4].map(() => addEdge(ctx)))
    const grants = edges.map(({ id: key }): ImportItem => {
      const [principal, resource] = [{ kind: 'user', key: user.login } as const, { kind: 'edge', key } as const]
      return { kind: 'grant', place, principal, resource, role: 'resource.administration' }
    })
    expect((await importItems(ctx, grants)).report.problems).toEqual([])
    const { index } = ctx.store
    const groupId = [...index.rows('edgeGroup')].find(({ ownerId }) => ownerId === user.id)?.id ?? 0
    const as = { actorId: user.id }
    for (const { id } of edges) await addToEdgeGroup(ctx, as, groupId, { edgeId: id })
    const shown = { to: { login: friend.login }, on: { edgeGroupId: groupId }, role: 'group.detail' }
    await grantRole(ctx, as, { ...shown, ...always })
    const seenBy = ({ id }: { id: number }) =>
      edges.map((edge) => index.access(id, edge.row.id, ctx.clock().getTime()).mask !== 0)
    return { user, friend, edges, groupId, seenBy }
  }

  it('leaves his default edge group, unless something else lets him see it (G-21, D-10, D-29)', async () => {
    const before = await snapshotOf(service)
    const { user, friend, edges, groupId, seenBy } = await sharing()
    const [kept, byHand] = [edges[0] ?? expect.unreachable(), edges[1] ?? expect.unreachable()]
    await give(service.ctx, user, 'guest', byHand)
    const set = [
      userRecord(user.login, { email: user.email ?? '', access: { mode: 'set', edges: { keys: [kept.id] } } }),
    ]
    const told = await importItems(service.ctx, set, { dryRun: true })
    expect([seenBy(user), seenBy(friend)]).toEqual([Array(4).fill(true), Array(4).fill(true)])
    const revision = service.ctx.store.revision
    const done = await importItems(service.ctx, set)
    expect([told.counts, told.report]).toEqual([done.counts, done.report])
    expect(seenBy(user)).toEqual([true, true, false, false])
    expect(seenBy(friend)).toEqual([true, true, false, false])
    expect(done.counts).toMatchObject({ losses: 4, people: 2, accessComplete: true })
    expect(done.counts.byKind).toMatchObject({ grant: { removed: 4 }, containment: { removed: 2 } })
    const lost = edges.slice(2).map(({ id }) => id)
    const loses = done.report.access.filter(({ action }) => action === 'loses')
    expect(loses.map(({ who, examples }) => [who, examples])).toEqual([
      [user.login, lost],
      [friend.login, lost],
    ])
    const logged = await readChanges(service.ctx.db, { after: revision, limit: 10 })
    expect(logged.map(({ action, entity }) => [action, entity])).toEqual([
      ['user.imported', 'batch'],
      ['edgeGroup.removed', 'containment'],
      ['edgeGroup.removed', 'containment'],
    ])
    expect(service.ctx.store.index.row('edgeGroup', groupId)).toBeDefined()
    await expectWhole(service, before)
  })

  it('is the least there is, and said so, where the file gives whoever sees it something, too (D-29)', async () => {
    const { user, friend, edges, seenBy } = await sharing()
    const other = await addEdge(service.ctx)
    const set = (login: string, keys: string[]) =>
      userRecord(login, { email: `${login}@example.com`, access: { mode: 'set', edges: { keys } } })
    const [first, ...others] = edges.map(({ id }) => id)
    const done = await importItems(service.ctx, [set(user.login, others), set(friend.login, [other.id])])
    const told = done.report.access.filter(({ action }) => action !== 'changes')
    expect(told.map(({ who, action, examples }) => [who, action, examples])).toEqual([
      [friend.login, 'gains', [other.id]],
      [user.login, 'loses', [first]],
    ])
    expect(done.counts).toMatchObject({ gains: 1, losses: 1, people: 2, accessComplete: false })
    expect(seenBy(friend)).toEqual([false, true, true, true])
    // Nothing of what leaves now was ever his.
    const stranger = await addUser(service.ctx)
    const again = await importItems(service.ctx, [set(user.login, []), set(stranger.login, [other.id])])
    expect(again.counts).toMatchObject({ gains: 1, losses: 6, people: 3, accessComplete: true })
  })

  it('is told the same with a file that brings more than people (G-21, D-29)', async () => {
    const before = await snapshotOf(service)
    const { user, friend, seenBy } = await sharing()
    const items: ImportItem[] = [
      { kind: 'organisation', place, key: fresh('other'), name: fresh('Other ') },
      userRecord(user.login, { email: user.email ?? '', access: { mode: 'set', edges: { keys: [] } } }),
    ]
    const told = await importItems(service.ctx, items, { dryRun: true })
    const done = await importItems(service.ctx, items)
    expect([told.counts, told.report]).toEqual([done.counts, done.report])
    expect([seenBy(user), seenBy(friend)]).toEqual([Array(4).fill(false), Array(4).fill(false)])
    expect(done.counts).toMatchObject({ losses: 8, people: 2, byKind: { containment: { removed: 4 } } })
    await expectWhole(service, before)
  })
})
