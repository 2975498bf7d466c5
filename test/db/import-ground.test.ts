import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { AccessIndex } from '../../src/access/access-index.ts'
import { maskOf, PLATFORM_RESOURCE_ID } from '../../src/access/model.ts'
import { insertGrantRow } from '../../src/access/resource-queries.ts'
import { createUserGroup } from '../../src/groups/user-group-service.ts'
import type { ImportItem } from '../../src/import/model.ts'
import { textInput } from '../../src/import/sources.ts'
import { createOrganisation } from '../../src/organisations/organisation-service.ts'
import { eachEngine } from '../harness/database.ts'
import { importItems } from '../harness/importing.ts'
import { addEdge, addUser, fresh } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

const always = { place: { file: 'fleet.yaml' } }

eachEngine('what a file means', (engine) => {
  let service: TestService
  beforeAll(async () => {
    service = await startTestService({ engine: engine.name })
  })
  afterAll(() => service?.[Symbol.asyncDispose]())
  const index = () => service.ctx.store.index
  const run = (items: ImportItem[], options: Parameters<typeof importItems>[2] = {}) =>
    importItems(service.ctx, items, options)
  const texts = async (items: ImportItem[], options: Parameters<typeof importItems>[2] = {}) =>
    (await run(items, { ...options, dryRun: true })).report.problems.map(({ text }) => text)
  const tenant = async (ownerId: number | null = null) =>
    createOrganisation(service.ctx, { actorId: null }, fresh('Tenant '), ownerId)
  const edgesOn = (name: string) => index().edgeByName(name)?.siteId

  for (const kind of ['site', 'userGroup'] as const) {
    it(`gives a new ${kind} nothing that another key of the file stands for, though it has the name`, async () => {
      const { name: organisation } = await tenant()
      const [one, two] = [fresh('house-'), fresh('house-')]
      const record = (key: string): ImportItem => ({ ...always, kind, key, name: 'Mill', organisation })
      const rows = () => [...index().rows(kind)].filter(({ name }) => name === 'Mill').map(({ id }) => id)
      const before = rows()
      await run([record(two)])
      const [known] = rows().filter((id) => !before.includes(id))
      expect((await run([record(one), record(two)])).counts.byKind).toEqual({
        [kind]: { created: 1, changed: 0, removed: 0 },
      })
      const keys = service.ctx.db.selectFrom('importKey').select(['key', 'targetId']).where('key', 'in', [one, two])
      const ids = new Map((await keys.execute()).map(({ key, targetId }) => [key, targetId]))
      expect(ids.get(two)).toBe(known)
      expect(rows()).toEqual(expect.arrayContaining([known, ids.get(one)]))
      expect((await run([record(two), record(one)])).counts).toMatchObject({ byKind: {}, unchanged: 2 })
    })
  }

  it('finds services and roles by their names, and does not go through all of them for each record', async () => {
    const { name: organisation, id } = await tenant()
    const [edge, { login }] = [await addEdge(service.ctx, { organisationId: id }), await addUser(service.ctx)]
    const records = (count: number): ImportItem[] =>
      Array.from({ length: count }, (_, n) => n).flatMap((n) => {
        const [name, role] = [fresh('service'), `acme.r${n}`]
        const masks = { self: ['discover'], content: [], suborganisation: [] } as const
        return [
          { ...always, kind: 'service', key: name, name, organisation },
          { ...always, kind: 'role', name: role, organisation, ...masks },
          {
            ...always,
            kind: 'grant',
            principal: { kind: 'user', key: login },
            resource: { kind: 'edge', key: edge.id },
            role,
            roleOrganisation: organisation,
          },
        ]
      })
    const timesThrough = async (items: ImportItem[]) => {
      const rows = vi.spyOn(AccessIndex.prototype, 'rows')
      try {
        expect((await run(items, { dryRun: true })).report.problems).toEqual([])
        return rows.mock.calls.filter(([kind]) => kind === 'service' || kind === 'role').length
      } finally {
        rows.mockRestore()
      }
    }
    expect(await timesThrough(records(20))).toBe(await timesThrough(records(2)))
  })

  it('keeps two things of one name apart, whatever their keys', async () => {
    const { name: organisation } = await tenant()
    const [mill, second] = [fresh('mill'), fresh('mill')]
    const site = (key: string): ImportItem => ({ ...always, kind: 'site', key, name: mill, organisation })
    const edge = (site: string): ImportItem => ({ ...always, kind: 'edge', edgeId: `at-${site}`, site })
    const items = [site(mill), site(second), edge(mill), edge(second)]
    expect((await run(items)).counts.byKind).toMatchObject({ site: { created: 2 } })
    expect(edgesOn(`at-${mill}`)).not.toBe(edgesOn(`at-${second}`))
    expect((await run(items)).counts).toMatchObject({ byKind: {}, unchanged: 4 })
  })

  it('finds a name where the record says, though the same is elsewhere, too', async () => {
    const [one, other] = [await tenant(), await tenant()]
    const site = (organisation: string, key = fresh('hall')): ImportItem => ({
      ...always,
      kind: 'site',
      key,
      name: 'Hall of two',
      organisation,
    })
    await run([site(one.name), site(other.name)])
    expect((await run([site(one.name)])).counts).toMatchObject({ byKind: {}, unchanged: 1 })
  })

  it('refuses two keys that stand for the same since earlier imports, rather than to make one of them another', async () => {
    const { name: organisation } = await tenant()
    const [first, second] = [fresh('key'), fresh('key')]
    const site = (key: string): ImportItem => ({ ...always, kind: 'site', key, name: 'Only one', organisation })
    await run([site(first)])
    await run([site(second)])
    expect(await texts([site(first), site(second)])).toEqual([expect.stringContaining('stand for the same')])
  })

  it('puts what says no organisation into the one the import is for, and finds it there again', async () => {
    const { id: organisationId } = await tenant()
    const [edgeId, key] = [fresh('homeless'), fresh('group')]
    const items: ImportItem[] = [
      { ...always, kind: 'edge', edgeId, apiKey: `key-of-${edgeId}-0123456789` },
      { ...always, kind: 'userGroup', key, name: `Team ${key}` },
      { ...always, kind: 'edgeGroup', key, name: `All ${key}` },
      { ...always, kind: 'containment', parent: { kind: 'edgeGroup', key }, child: { kind: 'edge', key: edgeId } },
      { ...always, kind: 'service', key, name: `Reader ${key}` },
    ]
    expect(await run(items, { organisationId })).toMatchObject({ isRefused: false })
    expect(index().edgeByName(edgeId)?.organisationId).toBe(organisationId)
    for (const kind of ['userGroup', 'edgeGroup', 'service'] as const)
      expect([...index().rows(kind)].filter(({ name }) => name.endsWith(key))).toMatchObject([{ organisationId }])
    const { counts, report } = await run(items, { organisationId })
    expect(report.problems).toEqual([])
    expect(counts).toMatchObject({ byKind: {}, unchanged: items.length })
  })

  it.each(['openems-file.json', 'keycloak-realm.json'])('takes %s for an organisation once and again', async (name) => {
    const { id: organisationId } = await tenant()
    const text = await readFile(new URL(`../fixtures/import/${name}`, import.meta.url), 'utf8')
    const own = (kind: 'edge' | 'userGroup') =>
      [...index().rows(kind)].filter((row) => row.organisationId === organisationId).length
    const options = { organisationId, name: 'test', scope: 'source', dryRun: false, skipInvalid: false } as const
    const take = async () => (await service.ctx.imports.begin({ actorId: null }, textInput(name, text), options)).done
    expect((await take()).state).toBe('done')
    expect(own('edge') + own('userGroup')).toBeGreaterThan(0)
    expect(await take()).toMatchObject({ state: 'done', counts: { byKind: {} } })
  })

  it('refuses what would lie outside the organisation that the import is for, by place', async () => {
    const { id: organisationId } = await tenant()
    const at = (row: number) => ({ place: { file: 'fleet.yaml', row } })
    const [homeless, { login }] = [await addEdge(service.ctx), await addUser(service.ctx)]
    const items: ImportItem[] = [
      { ...at(1), kind: 'organisation', key: fresh('other'), name: fresh('Other ') },
      { ...at(2), kind: 'edge', edgeId: homeless.id, comment: 'mine' },
      {
        ...at(3),
        kind: 'grant',
        principal: { kind: 'user', key: login },
        resource: { kind: 'platform', key: '' },
        role: 'openems.guest',
      },
    ]
    for (const _ of [1, 2]) {
      const { isRefused, report } = await run(items, { organisationId })
      expect(isRefused).toBe(true)
      expect(report.problems.map(({ place: { row }, text }) => [row, text])).toEqual([
        [1, expect.stringContaining('outside')],
        [2, expect.stringContaining('outside')],
        [3, expect.stringContaining('outside')],
      ])
    }
  })

  it('leaves where it is what says no organisation', async () => {
    const { id: organisationId, name: organisation } = await tenant()
    const key = fresh('stays')
    const group = { ...always, kind: 'userGroup', key, name: `Team ${key}` } as const
    await run([{ ...group, organisation }])
    expect((await run([group])).counts).toMatchObject({ byKind: {}, unchanged: 1 })
    const made = await createUserGroup(service.ctx, { actorId: null }, { name: fresh('Team '), organisationId })
    expect(index().row('userGroup', made.id)?.organisationId).toBe(organisationId)
  })

  it('answers every edge that he may not install the same way, whatever is so elsewhere (G-14, P-18)', async () => {
    const { ctx } = service
    const boss = await addUser(ctx)
    const { id: organisationId } = await tenant(boss.id)
    const options = { askerId: boss.id, organisationId }
    const other = await addEdge(ctx, { setupPassword: `PW-${fresh('OTHER')}` })
    const own = await addEdge(ctx, { organisationId })
    const edge = (rest: object): ImportItem => ({ ...always, kind: 'edge', edgeId: fresh('made-up'), ...rest })
    const [text] = await texts([edge({})], options)
    expect(text).toContain('install')
    const tried = [
      edge({ edgeId: other.id }),
      edge({ edgeId: other.id, comment: '' }),
      edge({ setupPassword: other.setupPassword }),
      edge({ setupPassword: 'PW-OF-NOBODY' }),
      edge({ apiKey: other.apiKey }),
      edge({ apiKey: 'key-of-nobody-0000' }),
      edge({ edgeId: own.id, apiKey: other.apiKey }),
      edge({ edgeId: own.id, apiKey: own.apiKey }),
      edge({ edgeId: own.id, apiKey: 'key-of-nobody-0000' }),
      edge({ edgeId: own.id, setupPassword: other.setupPassword }),
      edge({ edgeId: own.id, setupPassword: own.setupPassword }),
      edge({ edgeId: own.id, setupPassword: 'PW-OF-NOBODY' }),
    ]
    for (const record of tried) expect(await texts([record], options)).toEqual([text])
    expect((await run([edge({ edgeId: own.id, comment: 'mine' })], options)).report.problems).toEqual([])
  })

  it('tells an installer in the same words of each thing of an edge he cannot see that his is in the way of it', async () => {
    const { ctx } = service
    const installer = await addUser(ctx)
    const { id: organisationId } = await tenant(installer.id)
    await ctx.write({ actorId: null }, async (write) => {
      const masks = { selfMask: maskOf('install'), contentMask: 0, suborganisationMask: 0 }
      const role = await write.tx
        .insertInto('role')
        .values({ name: fresh('acme.fitter'), organisationId: null, openemsRole: null, ...masks })
        .returningAll()
        .executeTakeFirstOrThrow()
      write.inserted('role.created', 'role', role)
      const always = { components: null, validFrom: null, validTo: null, dataWindows: null }
      const grant = { principalId: installer.id, resourceId: PLATFORM_RESOURCE_ID, roleId: role.id, ...always }
      write.inserted(
        'grant.created',
        'grant',
        await insertGrantRow(write.tx, { ...grant, source: 'manual', grantedBy: null }),
      )
    })
    const options = { askerId: installer.id, organisationId }
    const hidden = await addEdge(ctx, { setupPassword: `PW-${fresh('HIDDEN')}` })
    const own = await addEdge(ctx, { organisationId, setupPassword: `PW-${fresh('OWN')}` })
    const edge = (rest: object): ImportItem => ({ ...always, kind: 'edge', edgeId: fresh('new'), ...rest })
    expect(await texts([edge({ apiKey: 'a key of nobody', setupPassword: 'PW-OF-NOBODY' })], options)).toEqual([])
    const [text] = await texts([edge({ edgeId: hidden.id })], options)
    expect(text).toContain('the API key or the setup password')
    const tried = [
      edge({ setupPassword: hidden.setupPassword }),
      edge({ apiKey: hidden.apiKey }),
      edge({ edgeId: own.id, setupPassword: hidden.setupPassword }),
      edge({ edgeId: own.id, apiKey: hidden.apiKey }),
    ]
    for (const record of tried) expect(await texts([record], options)).toEqual([text])
    expect(await texts([edge({ setupPassword: own.setupPassword })], options)).toEqual([
      expect.stringContaining('Another edge'),
    ])
  })
})
