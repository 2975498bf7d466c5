import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Access } from '../../src/access/graph-access.ts'
import { PLATFORM_RESOURCE_ID } from '../../src/access/model.ts'
import type { ImportItem, UserRecord } from '../../src/import/model.ts'
import type { AccessDetail } from '../../src/import/report.ts'
import { createOrganisation } from '../../src/organisations/organisation-service.ts'
import { importItems, userRecord } from '../harness/importing.ts'
import { addEdge, addUser, fresh, give } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

const place = { file: 'fleet.json' }
const user = (key: string) => ({ kind: 'user', key }) as const
const on = (kind: 'edge' | 'site' | 'edgeGroup' | 'organisation', key: string) => ({ kind, key }) as const
const by = (login: string, rest: Partial<UserRecord> = {}) =>
  userRecord(login, { email: `${login}@example.com`, ...rest })

let service: TestService
beforeAll(async () => {
  service = await startTestService()
})
afterAll(() => service?.[Symbol.asyncDispose]())

type Everything = Map<string, Access>

/** What each user may do with each edge, asked one by one. */
function everything(): Everything {
  const { index } = service.ctx.store
  const at = service.ctx.clock().getTime()
  const found: Everything = new Map()
  for (const { id, login } of index.rows('user')) {
    // Who holds something on the platform has what comes new anyway, and is not told.
    if (index.grantsOf(id).some(({ resourceId }) => resourceId === PLATFORM_RESOURCE_ID)) continue
    for (const edge of index.rows('edge')) {
      const { components: _, historicOnly: _h, ...access } = index.access(id, edge.id, at)
      if (access.mask !== 0) found.set(`${login} ${edge.edgeId}`, access as Access)
    }
  }
  return found
}

function difference(before: Everything, after: Everything) {
  const pairs = [...new Set([...before.keys(), ...after.keys()])]
  const gained = pairs.filter((pair) => !before.has(pair))
  const lost = pairs.filter((pair) => !after.has(pair))
  const changed = pairs.filter((pair) => {
    const [was, is] = [before.get(pair), after.get(pair)]
    return was && is && JSON.stringify(was) !== JSON.stringify(is)
  })
  const people = new Set([...gained, ...lost, ...changed].map((pair) => pair.split(' ')[0]))
  return { gains: gained.length, losses: lost.length, changes: changed.length, people: people.size }
}

/** Says first what would happen, then lets it happen, and compares: what was said is what each single decision says. */
async function foretold(items: ImportItem[], options: Parameters<typeof importItems>[2] = {}) {
  const before = everything()
  const told = await importItems(service.ctx, items, { ...options, dryRun: true })
  expect(told.report.problems).toEqual([])
  const done = await importItems(service.ctx, items, options)
  const expected = { ...difference(before, everything()), accessComplete: true }
  expect(told.counts).toMatchObject(expected)
  expect(done.counts).toMatchObject(expected)
  expect(done.report.access).toEqual(told.report.access)
  return told
}

/** Organisation, two sites with two edges each, an edge group, two user groups one in the other, an owner and a member. */
function fleet(name: string): ImportItem[] {
  const [boss, clerk] = [`${name}-boss`, `${name}-clerk`]
  const edge = (key: string, site: string): ImportItem => ({ kind: 'edge', place, edgeId: `${name}-${key}`, site })
  return [
    { kind: 'organisation', place, key: name, name },
    { kind: 'site', place, key: `${name}-north`, name: `${name} North`, organisation: name },
    { kind: 'site', place, key: `${name}-south`, name: `${name} South`, organisation: name },
    edge('1', `${name}-north`),
    edge('2', `${name}-north`),
    edge('3', `${name}-south`),
    edge('4', `${name}-south`),
    { kind: 'edgeGroup', place, key: name, name, organisation: name },
    { kind: 'userGroup', place, key: name, name, organisation: name },
    { kind: 'userGroup', place, key: `${name}-all`, name: `${name} all`, organisation: name },
    { kind: 'membership', place, group: `${name}-all`, member: { kind: 'userGroup', key: name } },
    { kind: 'membership', place, group: name, member: user(clerk) },
    { kind: 'grant', place, principal: user(boss), resource: on('organisation', name), role: 'org.owner' },
    by(boss),
    by(clerk),
  ]
}

describe('what a dry run says of access (D-29)', () => {
  it('is what each single decision says: of a new fleet, its groups, what they get, and what they lose', async () => {
    const name = fresh('fleet')
    await foretold(fleet(name))
    const group = { kind: 'userGroup', key: `${name}-all` } as const
    const shared: ImportItem[] = [
      { kind: 'grant', place, principal: group, resource: on('edgeGroup', name), role: 'group.detail' },
      { kind: 'containment', place, parent: on('edgeGroup', name), child: on('site', `${name}-north`) },
    ]
    const told = await foretold(shared)
    expect(told.report.access).toEqual([
      { who: `${name}-clerk`, action: 'gains', role: 'guest', edges: 2, examples: [`${name}-1`, `${name}-2`] },
    ])
    await foretold([{ kind: 'containment', place, parent: on('edgeGroup', name), child: on('site', `${name}-south`) }])
    const moved = await foretold([{ kind: 'edge', place, edgeId: `${name}-2`, site: `${name}-south` }])
    expect(moved.counts).toMatchObject({ gains: 0, losses: 0 })
    const ended: ImportItem[] = [
      { kind: 'membership', place, group: name, member: user(`${name}-clerk`), validTo: 1000 },
    ]
    const lost = await foretold(ended)
    expect(lost.report.access).toMatchObject([{ who: `${name}-clerk`, action: 'loses', role: 'guest', edges: 4 }])
  })

  it('counts what is in force: not a grant that is over or begins later, and of a time what can be read', async () => {
    const name = fresh('times')
    await importItems(service.ctx, fleet(name))
    const clerk = user(`${name}-clerk`)
    const grant = { kind: 'grant', place, principal: clerk, role: 'resource.detail' } as const
    await foretold([
      { ...grant, resource: on('edge', `${name}-1`), validTo: 1000 },
      { ...grant, resource: on('edge', `${name}-2`), validFrom: 4e12 },
      { ...grant, resource: on('edge', `${name}-3`), dataWindows: [[1000, 2000]] },
      { ...grant, resource: on('edge', `${name}-4`), dataWindows: [] },
    ])
    const restricted = by(`${name}-clerk`, {
      restrictions: { mode: 'set', byEdge: new Map([[`${name}-3`, { windows: [[1500, 3000]] }]]) },
    })
    const told = await foretold([restricted])
    expect(told.report.access).toMatchObject([{ action: 'changes', role: 'guest for some periods', edges: 1 }])
    await foretold([
      by(`${name}-clerk`, { restrictions: { mode: 'set', byEdge: new Map([[`${name}-3`, { windows: [] }]]) } }),
    ])
  })

  it('follows claims, roles and disabled accounts to everything somebody has, beside what he is given', async () => {
    const name = fresh('claims')
    await importItems(service.ctx, fleet(name))
    const login = `${name}-clerk`
    const row = service.ctx.store.index.userByLogin(login) ?? expect.unreachable()
    const free = await addEdge(service.ctx)
    await give(service.ctx, row, 'installer', free)
    const edges = { mode: 'set', edges: { keys: [`${name}-1`, `${name}-2`] } } as const
    const sites = { mode: 'merge', sites: { keys: [`${name}-south`] } } as const
    await foretold([by(login, { access: edges, claims: { control: 'WRITE' } })])
    await foretold([by(login, { access: sites, claims: { control: 'READ' } })])
    const cut = await foretold([by(login, { claims: { sensors: 'NONE' } })])
    expect(cut.counts.changes).toBeGreaterThan(4)
    await foretold([by(login, { access: { mode: 'set', edges: { keys: [] }, sites: { keys: [] } } })])
    await foretold([by(login, { disabled: true })])
    await foretold([by(login, { disabled: false }), by(fresh('another'), { access: edges })])
  })

  it('names nobody and counts nothing that the importing owner may not know of (G-14, G-17)', async () => {
    const [owner, holder, open] = [await addUser(service.ctx), await addUser(service.ctx), fresh('open')]
    const organisation = await createOrganisation(service.ctx, { actorId: null }, fresh('Own '), owner.id)
    const edges = await Promise.all([1, 2].map(() => addEdge(service.ctx, { organisationId: organisation.id })))
    const group = fresh('group')
    const options = { askerId: owner.id, organisationId: organisation.id }
    const key = { kind: 'edgeGroup', key: group } as const
    const made = await importItems(
      service.ctx,
      [{ kind: 'edgeGroup', place, key: group, name: group, organisation: organisation.name }],
      options,
    )
    expect(made.report.problems).toEqual([])
    const groupId = [...service.ctx.store.index.rows('edgeGroup')].find((row) => row.name === group)?.id ?? 0
    const shown = await importItems(service.ctx, [
      { kind: 'grant', place, principal: user(holder.login), resource: key, role: 'group.detail' },
    ])
    expect([shown.report.problems, groupId > 0]).toEqual([[], true])
    const told = await importItems(
      service.ctx,
      [
        ...edges.map(({ id }): ImportItem => ({ kind: 'containment', place, parent: key, child: on('edge', id) })),
        by(open, { access: { mode: 'set', edges: { keys: [edges[0]?.id ?? ''] } } }),
      ],
      { ...options, dryRun: true },
    )
    expect(told.report.problems).toEqual([])
    const lines = told.report.access.map(({ who, action, edges: count }: AccessDetail) => [who, action, count])
    expect(lines).toEqual([
      [open, 'gains', 1],
      ['accounts you cannot see', 'gains', 2],
    ])
    expect(told.counts.people).toBe(1)
  })

  it('tells as a whole what is granted on very many edges', async () => {
    const name = fresh('many')
    const many = Array.from({ length: 5100 }, (_, at): ImportItem => {
      return { kind: 'edge', place, edgeId: `${name}-e${at}`, organisation: name }
    })
    const first = await importItems(service.ctx, [{ kind: 'organisation', place, key: name, name }, ...many])
    expect(first.report.problems).toEqual([])
    const organisationId = [...service.ctx.store.index.rows('organisation')].find((row) => row.name === name)?.id ?? 0
    const told = await importItems(service.ctx, [by(fresh('manager'), { accountRole: 'Manager' })], {
      organisationId,
      dryRun: true,
    })
    expect(told.report.access).toMatchObject([{ action: 'gains', role: 'org.owner', on: name, edges: 5100 }])
    expect(told.counts).toMatchObject({ gains: 5100, people: 1 })
  })
})
