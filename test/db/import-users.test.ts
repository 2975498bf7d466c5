import { afterAll, beforeAll, expect, it } from 'vitest'
import type { UserRow } from '../../src/access/model.ts'
import { getUserInformation, setUserInformation } from '../../src/accounts/profile-service.ts'
import { readChanges } from '../../src/db/change-log.ts'
import type { SiteRecord, UserRecord } from '../../src/import/model.ts'
import { createOrganisation } from '../../src/organisations/organisation-service.ts'
import { createSite } from '../../src/sites/site-service.ts'
import { eachEngine } from '../harness/database.ts'
import { importItems, userRecord } from '../harness/importing.ts'
import { addEdge, addUser, fresh, give, type SeededEdge } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'
import { expectWhole, snapshotOf } from '../harness/whole.ts'

const siteRecord = (organisation: string, site: { key: string; name: string }): SiteRecord => ({
  kind: 'site',
  place: { file: 'fleet.json' },
  organisation,
  ...site,
})
const service0 = { actorId: null }

eachEngine('import of users', (engine) => {
  let service: TestService
  let edges: SeededEdge[]

  beforeAll(async () => {
    service = await startTestService({ engine: engine.name })
    edges = [await addEdge(service.ctx), await addEdge(service.ctx), await addEdge(service.ctx)]
  })
  afterAll(() => service?.[Symbol.asyncDispose]())

  const index = () => service.ctx.store.index
  const user = (login: string): UserRow => index().userByLogin(login) ?? expect.unreachable(`no ${login}`)
  const grantsOf = (login: string) =>
    index()
      .grantsOf(user(login).id)
      .map((grant) => ({
        on: index().edge(grant.resourceId)?.edgeId ?? grant.resourceId,
        role: index().row('role', grant.roleId)?.name,
        source: grant.source,
      }))
  const run = (records: UserRecord[], options: Parameters<typeof importItems>[2] = {}) =>
    importItems(service.ctx, records, options)
  const keys = (...seeded: SeededEdge[]) => ({ keys: seeded.map(({ id }) => id) })
  const edge = (n: number): SeededEdge => edges[n] ?? expect.unreachable()
  const role = (login: string, seeded: SeededEdge) =>
    index().edgeRole(user(login).id, seeded.row.id, service.ctx.clock().getTime())

  it('makes them with defaults, without a password and without anything they may do (D-01, D-02, D-28)', async () => {
    const before = await snapshotOf(service)
    const login = `${fresh('new')}@example.com`
    const { counts, report } = await run([userRecord(login, { firstname: 'Ada', lastname: 'Lovelace', phone: '1' })])
    expect(counts).toMatchObject({ records: 1, invite: 1, byKind: { user: { created: 1 } } })
    expect(report.invite).toEqual([login])
    expect(user(login)).toMatchObject({ email: login, name: 'Ada Lovelace', language: 'EN', globalRole: 'guest' })
    const row = await service.ctx.db.selectFrom('userAccount').selectAll().where('login', '=', login).executeTakeFirst()
    expect(row).toMatchObject({ passwordHash: null, shareable: false })
    expect(grantsOf(login)).toEqual([])
    const profile = service.ctx.db.selectFrom('userProfile').selectAll().where('userId', '=', user(login).id)
    expect(await profile.executeTakeFirst()).toMatchObject({ firstname: 'Ada', lastname: 'Lovelace', phone: '1' })
    await expectWhole(service, before)
  })

  it('keeps a country as the UI has it in its list, whoever wrote it and however: to say it otherwise changes nothing', async () => {
    const login = `${fresh('here')}@example.com`
    const from = (country: string) => userRecord(login, { address: { city: 'Wien', country } })
    const told = async () => (await getUserInformation(service.ctx, user(login).id)).address.country
    await run([from(' AT ')])
    expect(await told()).toBe('at')
    await setUserInformation(service.ctx, user(login).id, { address: { country: 'De' } })
    expect(await told()).toBe('de')
    expect((await run([from('DE')])).counts).toMatchObject({ byKind: {}, unchanged: 1 })
  })

  it('writes one row of the log for each user, however much he is given', async () => {
    const before = service.ctx.store.revision
    const names = ['a', 'b'].map((name) => `${fresh(name)}@example.com`)
    const access = { mode: 'set', edges: keys(...edges) } as const
    await run(names.map((name) => userRecord(name, { access, claims: { control: 'WRITE', theme: 'dark' } })))
    const changes = await readChanges(service.ctx.db, { after: before, limit: 10 })
    expect(changes.map(({ action, entity }) => [action, entity])).toEqual([
      ['user.imported', 'batch'],
      ['user.imported', 'batch'],
    ])
    expect(grantsOf(names[0] ?? '')).toHaveLength(3)
  })

  it('changes nothing and logs nothing when the same file comes twice (D-12, invariant 9)', async () => {
    const login = `${fresh('twice')}@example.com`
    const record = userRecord(login, {
      firstname: 'Two',
      phone: '22',
      language: 'FR',
      settings: { z: 1, a: { c: 1, b: 2 } },
      claims: { sensors: 'READ' },
      access: { mode: 'set', edges: keys(edge(0), edge(1)) },
      restrictions: { mode: 'set', byEdge: new Map([[edge(0).id, { windows: [[0, 1000]] }]]) },
      alerting: [{ edgeId: edge(0).id, offlineDelayMinutes: 5, faultDelayMinutes: 0, warningDelayMinutes: 0 }],
    })
    await run([record])
    const revision = service.ctx.store.revision
    const { counts } = await run([record])
    expect(counts).toMatchObject({ unchanged: 1, invite: 0, byKind: {} })
    expect(service.ctx.store.revision).toBe(revision)
  })

  it('replaces with Set what the same source gave, and only adds with Merge (D-10, D-11, D-12)', async () => {
    const login = `${fresh('mode')}@example.com`
    await run([userRecord(login, { access: { mode: 'merge', edges: keys(edge(0)) } })])
    await run([userRecord(login, { access: { mode: 'merge', edges: keys(edge(1)) } })])
    expect(grantsOf(login).map(({ on }) => on)).toEqual([edge(0).id, edge(1).id])
    const { counts, report } = await run([userRecord(login, { access: { mode: 'set', edges: keys(edge(2)) } })])
    expect(counts).toMatchObject({ gains: 1, losses: 2 })
    expect(report.access).toEqual([
      { who: login, action: 'loses', role: 'guest', edges: 2, examples: [edge(0).id, edge(1).id] },
      { who: login, action: 'gains', role: 'guest', edges: 1, examples: [edge(2).id] },
    ])
    await run([userRecord(login, { access: { mode: 'merge', edges: keys() } })])
    expect(grantsOf(login).map(({ on }) => on)).toEqual([edge(2).id])
    await run([userRecord(login, { access: { mode: 'set', edges: keys() } })])
    expect(grantsOf(login)).toEqual([])
  })

  it('leaves alone every night what people share by hand, and with scope all does what the seed says (K12)', async () => {
    const login = `${fresh('manual')}@example.com`
    const record = userRecord(login, { access: { mode: 'set', edges: keys(edge(0)) } })
    await run([record])
    await give(service.ctx, user(login), 'owner', edge(1))
    await run([record])
    await run([record], { source: 'import:other' })
    expect(grantsOf(login)).toEqual([
      { on: edge(0).id, role: 'resource.detail', source: 'import:test' },
      { on: edge(1).id, role: 'openems.owner', source: 'manual' },
      { on: edge(0).id, role: 'resource.detail', source: 'import:other' },
    ])
    await run([record], { scope: 'all' })
    expect(grantsOf(login)).toEqual([{ on: edge(0).id, role: 'resource.detail', source: 'import:test' }])
  })

  it('sets claims and never removes one; some are only for who is new (D-06, D-08, D-09)', async () => {
    const login = `${fresh('claims')}@example.com`
    const claims = () =>
      Object.fromEntries(
        index()
          .claimsOf(user(login).id)
          .map(({ key, value }) => [key, value]),
      )
    await run([userRecord(login, { claims: { sensors: 'READ' }, claimsIfNew: { reports: 'ADMIN' } })])
    expect(claims()).toEqual({ sensors: 'READ', reports: 'ADMIN' })
    await run([userRecord(login, { claims: { tickets: 'READ', sensors: 'NONE' }, claimsIfNew: { storage: 'ADMIN' } })])
    expect(claims()).toEqual({ sensors: 'NONE', tickets: 'READ', reports: 'ADMIN' })
  })

  it('makes of the claim to control the role of an owner, and back (domain rules 2.4)', async () => {
    const login = `${fresh('control')}@example.com`
    const record = userRecord(login, { access: { mode: 'merge', edges: keys(edge(0)) } })
    await run([record])
    expect(role(login, edge(0))).toBe('guest')
    await run([{ ...record, claims: { control: 'WRITE' } }])
    expect(role(login, edge(0))).toBe('owner')
    await run([{ ...record, claims: { control: 'READ' } }])
    expect(role(login, edge(0))).toBe('guest')
  })

  it('lets an ex-tenant read the time he lived there and no more (D-14, D-23, D-25)', async () => {
    const login = `${fresh('tenant')}@example.com`
    const rented = { windows: [[1000, 5000] as const] }
    await run([
      userRecord(login, {
        access: { mode: 'set', edges: keys(edge(0), edge(1)) },
        restrictions: { mode: 'merge', byEdge: new Map([[edge(0).id, rented]]) },
      }),
    ])
    const windows = (seeded: SeededEdge) =>
      index().access(user(login).id, seeded.row.id, service.ctx.clock().getTime()).windows
    expect(windows(edge(0))).toEqual([[1000, 5000]])
    expect(windows(edge(1))).toBeNull()
    await run([
      userRecord(login, { restrictions: { mode: 'merge', byEdge: new Map([[edge(0).id, { endsAt: 3000 }]]) } }),
    ])
    expect(windows(edge(0))).toEqual([[1000, 3000]])
    await run([
      userRecord(login, { restrictions: { mode: 'set', byEdge: new Map([[edge(0).id, { unrestricted: true }]]) } }),
    ])
    expect(windows(edge(0))).toBeNull()
  })

  it('says everything that is wrong at once, and then does nothing unless told to (D-03)', async () => {
    const revision = service.ctx.store.revision
    const good = `${fresh('good')}@example.com`
    const records = [
      userRecord(good),
      userRecord('not a login'),
      userRecord(`${fresh('lost')}@example.com`, { access: { mode: 'set', edges: { keys: ['nowhere', 'nothing'] } } }),
      userRecord(good, { place: { file: 'users.csv', row: 5 } }),
      userRecord('other', { email: 'admin' }),
    ]
    const refused = await run(records)
    expect(refused.isRefused).toBe(true)
    expect(refused.report.problems.map(({ rule, value }) => [rule, value])).toEqual([
      ['D-02', 'not a login'],
      ['D-02', 'not a login'],
      ['unknown', 'nowhere'],
      ['unknown', 'nothing'],
      ['D-03', good],
      ['D-02', 'admin'],
    ])
    expect(refused.report.problems.find(({ rule }) => rule === 'D-03')?.text).toContain('in the file already, row 2')
    expect(service.ctx.store.revision).toBe(revision)
    const { counts } = await run(records, { skipInvalid: true })
    expect(counts).toMatchObject({ records: 5, skipped: 4, byKind: { user: { created: 1 } } })
    expect(user(good).login).toBe(good)
  })

  it('shows in a dry run what it would do, and does nothing (D-29)', async () => {
    const login = `${fresh('dry')}@example.com`
    const revision = service.ctx.store.revision
    const { counts, report } = await run([userRecord(login, { access: { mode: 'set', edges: keys(edge(0)) } })], {
      dryRun: true,
    })
    expect(counts).toMatchObject({ gains: 1, byKind: { user: { created: 1 }, grant: { created: 1 } } })
    expect(report.details).toEqual([{ kind: 'user', key: login, action: 'created' }])
    expect(service.ctx.store.revision).toBe(revision)
    expect(index().userByLogin(login)).toBeUndefined()
  })

  it('chooses sites and sources by queries, both or neither (D-26)', async () => {
    const { ctx } = service
    const organisation = await createOrganisation(ctx, service0, fresh('Account '), null)
    const site = await createSite(ctx, service0, { organisationId: organisation.id, name: 'North Hall', labels: ['x'] })
    const other = await createSite(ctx, service0, { organisationId: organisation.id, name: 'South Hall' })
    const inside = await addEdge(ctx, { siteId: site.id, comment: 'meter roof' })
    await addEdge(ctx, { siteId: site.id, comment: 'boiler' })
    const cellar = await addEdge(ctx, { siteId: other.id, comment: 'meter cellar' })
    const options = { organisationId: organisation.id }
    const found = async (access: object) => {
      const login = `${fresh('query')}@example.com`
      await run([userRecord(login, { access: { mode: 'set', ...access } })], options)
      return grantsOf(login).map(({ on }) => on)
    }
    const [north, meter] = [{ query: 'north' }, { query: 'METER' }]
    const none = { keys: [] }
    expect(await found({ sites: north, edges: meter })).toEqual([inside.id])
    expect(await found({ sites: north, edges: none })).toEqual([site.id])
    expect(await found({ sites: none, edges: meter })).toHaveLength(2)
    const query = (text: string) => ({ query: text })
    await ctx.db.updateTable('edge').set({ serialNumber: 'SN-77/x' }).where('id', '=', inside.row.id).execute()
    await importItems(ctx, [siteRecord(organisation.name, { key: 'hall-2', name: 'East Hall' })], options)
    expect(await found({ sites: none, edges: query("SerialNumber = 'sn-77/X'") })).toEqual([inside.id])
    expect(await found({ sites: none, edges: query('77/x roof') })).toEqual([inside.id])
    expect(await found({ sites: none, edges: query("Comment like 'meter%' AND NOT SerialNumber like '77'") })).toEqual([
      cellar.id,
    ])
    const east = [...index().rows('site')].find(({ name }) => name === 'East Hall')?.id
    expect(await found({ sites: query("Label = 'X' OR Key = 'hall-2'"), edges: none })).toEqual([site.id, east])
    expect(await found({ sites: query("Name = 'south hall'"), edges: meter })).toEqual([cellar.id])
    const wrong = userRecord(`${fresh('wrong')}@example.com`, {
      access: { mode: 'set', sites: query('Colour = red'), edges: none },
    })
    expect((await run([wrong], options)).report.problems).toMatchObject([
      { rule: 'D-26', value: 'Colour = red', text: expect.stringContaining('asks for Colour') },
    ])
    const mixed = userRecord(`${fresh('mixed')}@example.com`, {
      access: { mode: 'set', sites: north, edges: { keys: [inside.id] } },
    })
    expect((await run([mixed], options)).report.problems).toMatchObject([{ rule: 'D-26' }])
  })

  it('is overtaken by what others do to the same people, not by the rest', async () => {
    const login = `${fresh('moved')}@example.com`
    await run([userRecord(login)])
    const record = userRecord(login, { access: { mode: 'set', edges: keys(edge(0)) } })
    await run([record], { beforeApply: () => addUser(service.ctx) })
    expect(grantsOf(login)).toHaveLength(1)
    const again = run([userRecord(login, { access: { mode: 'set', edges: keys(edge(1)) } })], {
      beforeApply: () => give(service.ctx, user(login), 'guest', edge(2)),
    })
    await expect(again).rejects.toThrow(expect.objectContaining({ name: 'Moved' }))
    expect(grantsOf(login).map(({ on }) => on)).toEqual([edge(0).id, edge(2).id])
  })

  it('leaves nothing behind when it is cancelled', async () => {
    const before = await snapshotOf(service)
    const abort = new AbortController()
    const records = Array.from({ length: 450 }, () => userRecord(`${fresh('stop')}@example.com`))
    const cancelled = run(records, { signal: abort.signal, onApplied: () => abort.abort(new Error('stop')) })
    await expect(cancelled).rejects.toThrow('stop')
    expect(await expectWhole(service, before)).toEqual(before)
    expect(await service.ctx.db.selectFrom('importKey').selectAll().where('key', 'like', 'stop%').execute()).toEqual([])
  })
})
