import { afterAll, beforeAll, expect, it } from 'vitest'
import { createUserGroup } from '../../src/groups/user-group-service.ts'
import type { ImportItem } from '../../src/import/model.ts'
import { createOrganisation } from '../../src/organisations/organisation-service.ts'
import { createSite } from '../../src/sites/site-service.ts'
import { eachEngine } from '../harness/database.ts'
import { importItems, userRecord } from '../harness/importing.ts'
import { addEdge, addUser, fresh } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'
import { expectWhole, snapshotOf } from '../harness/whole.ts'

const place = { file: 'fleet.json' }
const always = { place }

/** A small fleet: an account with a site, an edge, people in a group, and who may do what. */
function fleet(name: string): ImportItem[] {
  const [boss, clerk] = [`${name}-boss`, `${name}-clerk`]
  return [
    {
      ...always,
      kind: 'grant',
      principal: { kind: 'user', key: boss },
      resource: { kind: 'organisation', key: name },
      role: 'org.owner',
    },
    {
      ...always,
      kind: 'grant',
      principal: { kind: 'userGroup', key: name },
      resource: { kind: 'edgeGroup', key: name },
      role: 'group.detail',
      validTo: 4e12,
    },
    { ...always, kind: 'membership', group: name, member: { kind: 'user', key: clerk } },
    { ...always, kind: 'containment', parent: { kind: 'edgeGroup', key: name }, child: { kind: 'site', key: name } },
    { ...always, kind: 'edgeGroup', key: name, name: 'All', organisation: name, owner: boss },
    { ...always, kind: 'userGroup', key: name, name: 'Clerks', organisation: name },
    {
      ...always,
      kind: 'edge',
      edgeId: name,
      site: name,
      serialNumber: `sn-${name}`,
      settings: { b: 1, a: 2 },
      apiKey: `key-of-${name}-0123456789`,
      setupPassword: `pw-${name}`,
    },
    { ...always, kind: 'site', key: name, name: 'Hall', organisation: name, labels: ['north'] },
    {
      ...always,
      kind: 'role',
      name: 'acme.reader',
      organisation: name,
      self: ['discover'],
      content: ['discover', 'overview'],
      suborganisation: [],
    },
    { ...always, kind: 'service', key: name, name: `Importer ${name}`, organisation: name },
    { ...always, kind: 'organisation', key: `${name}-sub`, name: 'Branch', parent: name },
    { ...always, kind: 'organisation', key: name, name: `Account ${name}` },
    userRecord(boss, { email: `${boss}@example.com` }),
    userRecord(clerk, {
      email: `${clerk}@example.com`,
      access: { mode: 'set', edges: { keys: [`sn-${name}`, name] } },
    }),
  ]
}

eachEngine('import of a fleet', (engine) => {
  let service: TestService
  beforeAll(async () => {
    service = await startTestService({ engine: engine.name })
  })
  afterAll(() => service?.[Symbol.asyncDispose]())
  const index = () => service.ctx.store.index
  const run = (items: ImportItem[], options: Parameters<typeof importItems>[2] = {}) =>
    importItems(service.ctx, items, options)

  it('makes everything in one go, whatever the order in the file, and is whole', async () => {
    const before = await snapshotOf(service)
    const name = fresh('fleet')
    const items = fleet(name).map((item) =>
      item.kind === 'user' && item.access
        ? { ...item, access: { mode: 'set' as const, edges: { keys: [name] } } }
        : item,
    )
    const { report, counts } = await run(items)
    expect(report.problems).toEqual([])
    expect(counts.byKind).toMatchObject({
      organisation: { created: 2 },
      edge: { created: 1 },
      edgeKey: { created: 1 },
      grant: { created: 3 },
      membership: { created: 1 },
    })
    await expectWhole(service, before)
    const at = service.ctx.clock().getTime()
    const edge = index().edgeByName(name) ?? expect.unreachable()
    const clerk = index().userByLogin(`${name}-clerk`) ?? expect.unreachable()
    const boss = index().userByLogin(`${name}-boss`) ?? expect.unreachable()
    expect(index().edgeRole(boss.id, edge.id, at)).toBe('installer')
    expect(index().edgeRole(clerk.id, edge.id, at)).toBe('guest')
    expect(service.ctx.credentials.find(`key-of-${name}-0123456789`, at)?.edgeId).toBe(edge.id)
    const row = service.ctx.db.selectFrom('edge').selectAll().where('id', '=', edge.id)
    expect(await row.executeTakeFirst()).toMatchObject({ serialNumber: `sn-${name}` })
  })

  it('changes nothing when it comes twice, and what changed when it comes changed', async () => {
    const name = fresh('fleet')
    const items = fleet(name).filter((item) => item.kind !== 'user' || item.access === undefined)
    const clerk = userRecord(`${name}-clerk`, { email: `${name}@example.com` })
    await run([...items, clerk])
    const revision = service.ctx.store.revision
    const { counts, report } = await run([...items, clerk])
    expect(report).toMatchObject({ problems: [], details: [] })
    expect(counts).toMatchObject({ byKind: {}, unchanged: items.length + 1 })
    expect(service.ctx.store.revision).toBe(revision)
    const renamed = items.map((item) => (item.kind === 'site' ? { ...item, name: 'Great Hall' } : item))
    expect((await run([...renamed, clerk])).counts.byKind).toEqual({ site: { created: 0, changed: 1, removed: 0 } })
  })

  it('shows all of it in a dry run, and does nothing', async () => {
    const revision = service.ctx.store.revision
    const name = fresh('fleet')
    const items = fleet(name).filter((item) => item.kind !== 'user' || item.access === undefined)
    const { counts } = await run([...items, userRecord(`${name}-clerk`, { email: `${name}@example.com` })], {
      dryRun: true,
    })
    expect(counts.byKind).toMatchObject({ organisation: { created: 2 }, user: { created: 2 } })
    expect(service.ctx.store.revision).toBe(revision)
  })

  it('refuses cycles and depth that only the file as a whole has (G-34)', async () => {
    const groups = ['x', 'y'].map((key): ImportItem => ({ ...always, kind: 'userGroup', key: fresh(key), name: key }))
    const [x, y] = groups.map((group) => ('key' in group ? group.key : ''))
    const into = (group = '', key = ''): ImportItem => ({
      ...always,
      kind: 'membership',
      group,
      member: { kind: 'userGroup', key },
    })
    const { report } = await run([...groups, into(x, y), into(y, x)])
    expect(report.problems).toMatchObject([{ text: 'A group cannot contain itself' }])
  })

  it('puts nothing into more groups than any other write does, counting those of the file with those there are', async () => {
    const name = fresh('capped')
    const ground: ImportItem[] = [
      { ...always, kind: 'organisation', key: name, name },
      { ...always, kind: 'edge', edgeId: name, organisation: name },
    ]
    const group = (n: number): ImportItem[] => {
      const key = `${name}-g${n}`
      const into: ImportItem = {
        place: { ...place, row: n },
        kind: 'containment',
        parent: { kind: 'edgeGroup', key },
        child: { kind: 'edge', key: name },
      }
      return [{ ...always, kind: 'edgeGroup', key, name: key, organisation: name }, into]
    }
    const groups = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => group(from + n)).flat()
    const edge = () => index().edgeByName(name)?.id ?? expect.unreachable()
    const within = () => [...index().rows('containment')].filter(({ childId }) => childId === edge()).length
    const refusal = (row: number) => ({
      rule: 'limit',
      place: { file: 'fleet.json', row },
      text: expect.stringContaining('100 groups'),
    })
    const tooMany = await run([...ground, ...groups(0, 101)])
    expect(tooMany.isRefused).toBe(true)
    expect(tooMany.report.problems).toMatchObject([refusal(100)])
    expect(index().edgeByName(name)).toBeUndefined()
    expect((await run([...ground, ...groups(0, 99)])).report.problems).toEqual([])
    const more = await run(groups(99, 102), { skipInvalid: true })
    expect(more.report.problems).toMatchObject([refusal(100), refusal(101)])
    expect(within()).toBe(100)
  })

  it('refuses a key that stands in it twice, and a setup password of two edges, by place (D-03)', async () => {
    const name = fresh('twice')
    const { ctx } = service
    const at = (row: number) => ({ place: { ...place, row } })
    const other = await addEdge(ctx, { setupPassword: `PW-OF-${name.toUpperCase()}` })
    const { report } = await run([
      { ...at(1), kind: 'organisation', key: name, name },
      { ...at(2), kind: 'site', key: name, name: 'A', organisation: name },
      { ...at(3), kind: 'site', key: name, name: 'B', organisation: name },
      { ...at(4), kind: 'edge', edgeId: `${name}-1`, setupPassword: `pw-1-${name}` },
      { ...at(5), kind: 'edge', edgeId: `${name}-2`, setupPassword: ` PW-1-${name}` },
      { ...at(6), kind: 'edge', edgeId: `${name}-3`, setupPassword: other.setupPassword },
      { ...at(7), kind: 'edge', edgeId: `${name}-1`, comment: 'again' },
    ])
    expect(report.problems.map(({ place: { row }, text }) => [row, text])).toEqual([
      [3, expect.stringContaining('twice')],
      [5, expect.stringContaining('setup password')],
      [6, expect.stringContaining('setup password')],
      [7, expect.stringContaining('twice')],
    ])
    const own = { ...at(1), kind: 'edge', edgeId: other.id, setupPassword: other.setupPassword } as const
    expect((await run([own])).report.problems).toEqual([])
  })

  it('remembers what a file calls what was there before it, so that a new name makes no second one', async () => {
    const name = fresh('known')
    const organisation: ImportItem = { ...always, kind: 'organisation', key: `${name}-key`, name }
    const site: ImportItem = {
      ...always,
      kind: 'site',
      key: `${name}-hall`,
      name: `Hall ${name}`,
      organisation: `${name}-key`,
    }
    const group: ImportItem = {
      ...always,
      kind: 'userGroup',
      key: `${name}-g`,
      name: `Team ${name}`,
      organisation: `${name}-key`,
    }
    const { ctx } = service
    const { id } = await createOrganisation(ctx, { actorId: null }, name, null)
    await createSite(ctx, { actorId: null }, { organisationId: id, name: `Hall ${name}` })
    await createUserGroup(ctx, { actorId: null }, { name: `Team ${name}`, organisationId: id })
    const revision = ctx.store.revision
    const keys = () => ctx.db.selectFrom('importKey').selectAll().where('key', 'like', `${name}-%`).execute()
    await run([organisation, site, group], { dryRun: true })
    expect(await keys()).toEqual([])
    for (const _ of [1, 2]) {
      expect((await run([organisation, site, group])).counts).toMatchObject({ unchanged: 3, byKind: {} })
      expect(await keys()).toHaveLength(3)
    }
    expect(ctx.store.revision).toBe(revision)
    const renamed = [organisation, site, group].map((item) => ({ ...item, name: `${name} anew` }) as ImportItem)
    const { counts } = await run(renamed)
    const change = { created: 0, changed: 1, removed: 0 }
    expect(counts.byKind).toEqual({ organisation: change, site: change, userGroup: change })
    expect((await run(renamed)).counts).toMatchObject({ unchanged: 3, byKind: {} })
  })

  it('lets an owner import into his tenant and nowhere else: what is another’s is not there (G-14, P-18)', async () => {
    const { ctx } = service
    const boss = await addUser(ctx)
    const organisation = await createOrganisation(ctx, { actorId: null }, fresh('Own '), boss.id)
    const options = { askerId: boss.id, organisationId: organisation.id }
    const foreign = await addEdge(ctx)
    const owned = await addEdge(ctx, { organisationId: organisation.id })
    const ask = (key: string) =>
      userRecord(`${fresh('p')}@example.com`, { access: { mode: 'set', edges: { keys: [key] } } })
    const [unknown, others] = [await run([ask('nowhere')], options), await run([ask(foreign.id)], options)]
    expect(others.report.problems.map(({ text, rule }) => [text, rule])).toEqual(
      unknown.report.problems.map(({ text, rule }) => [text, rule]),
    )
    expect((await run([ask(owned.id)], options)).isRefused).toBe(false)
    const edge: ImportItem = { ...always, kind: 'edge', edgeId: fresh('mine'), organisation: organisation.name }
    expect((await run([edge], options)).report.problems).toMatchObject([{ rule: 'edge' }])
    const grant = (role: string): ImportItem => ({
      ...always,
      kind: 'grant',
      principal: { kind: 'user', key: boss.login },
      resource: { kind: 'edge', key: owned.id },
      role,
    })
    expect((await run([grant('openems.admin')], options)).report.problems).toMatchObject([{ rule: 'G-01' }])
    const admin = userRecord(`${fresh('p')}@example.com`, { globalRole: 'admin' })
    expect((await run([admin], options)).report.problems).toMatchObject([{ rule: 'G-01' }])
  })

  it('never changes somebody of another tenant: he is invited, and nothing is said of him (D-03, D-27)', async () => {
    const { ctx } = service
    const boss = await addUser(ctx)
    const organisation = await createOrganisation(ctx, { actorId: null }, fresh('Own '), boss.id)
    const options = { askerId: boss.id, organisationId: organisation.id }
    const stranger = await addUser(ctx, { email: `${fresh('stranger')}@example.com` })
    const revision = ctx.store.revision
    const record = userRecord(stranger.email ?? '', { firstname: 'Taken', accountRole: 'Manager' })
    const { counts, report } = await run([record], options)
    expect(report).toMatchObject({ problems: [], invite: [stranger.email] })
    expect(counts).toMatchObject({ invite: 1, byKind: {} })
    expect(ctx.store.revision).toBe(revision)
  })

  it('makes a manager one of the account, and keeps its last one (D-04, D-05, D-27, P-09)', async () => {
    const { ctx } = service
    const organisation = await createOrganisation(ctx, { actorId: null }, fresh('Account '), null)
    const options = { organisationId: organisation.id }
    const login = `${fresh('manager')}@example.com`
    await run([userRecord(login, { accountRole: 'Manager' })], options)
    const user = index().userByLogin(login) ?? expect.unreachable()
    const owners = () => index().ownersOf(organisation.id, ctx.clock().getTime())
    expect(owners()).toEqual([user.id])
    const demoted = await run([userRecord(login, { accountRole: 'User' })], options)
    expect(demoted.report.problems).toMatchObject([{ rule: 'P-09' }])
    const heir = `${fresh('heir')}@example.com`
    await run([userRecord(login, { accountRole: 'User' }), userRecord(heir, { accountRole: 'Manager' })], options)
    expect(owners()).toEqual([index().userByLogin(heir)?.id])
  })
})
