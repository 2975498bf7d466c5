import { afterAll, beforeAll, expect, it } from 'vitest'
import type { RestrictionChange, UserRecord } from '../../src/import/model.ts'
import { eachEngine } from '../harness/database.ts'
import { importItems, userRecord } from '../harness/importing.ts'
import { addEdge, fresh, type SeededEdge } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'
import { expectWhole, snapshotOf } from '../harness/whole.ts'

eachEngine('an import that says something twice', (engine) => {
  let service: TestService
  let edge: SeededEdge
  const serial = 'SN-001'

  beforeAll(async () => {
    service = await startTestService({ engine: engine.name })
    edge = await addEdge(service.ctx)
    await service.ctx.db.updateTable('edge').set({ serialNumber: serial }).where('id', '=', edge.row.id).execute()
  })
  afterAll(() => service?.[Symbol.asyncDispose]())

  const address = () => `${fresh('person')}@example.com`
  const place = { file: 'users.json', path: '[3]' }
  const restricted = (login: string, changes: [string, RestrictionChange][]) =>
    userRecord(login, { place, restrictions: { mode: 'merge', byEdge: new Map(changes) } })
  const others = () => userRecord(address())
  /** What is wrong with a record, in a file with another that is right, which is taken unless it is wrong for the whole file. */
  const wrong = async (record: UserRecord) => {
    const other = others()
    const { report, counts } = await importItems(service.ctx, [other, record], { skipInvalid: true })
    const { index } = service.ctx.store
    return { ...report, counts, isTaken: index.userByLogin(other.login) !== undefined }
  }

  it('of one edge under two names says so, and the file is refused where one is an end alone (D-14, D-22)', async () => {
    const before = await snapshotOf(service)
    const login = address()
    const [first, second] = [{ windows: [[1000, 2000] as const] }, { windows: [[3000, 4000] as const] }]
    for (const [name, change] of [
      [edge.id, first],
      [serial, second],
    ] as const)
      expect((await importItems(service.ctx, [restricted(login, [[name, change]])])).report.problems).toEqual([])
    const both = await wrong(
      restricted(login, [
        [edge.id, first],
        [serial, second],
      ]),
    )
    expect(both).toMatchObject({ counts: { skipped: 1 }, isTaken: true })
    expect(both.problems).toMatchObject([{ place, rule: 'D-14', value: serial }])
    for (const user of [login, address()]) {
      const ended = await wrong(
        restricted(user, [
          [edge.id, { endsAt: 3500 }],
          [serial, second],
        ]),
      )
      expect(ended.problems).toMatchObject([{ place, rule: 'D-22', value: serial, isFatal: true }])
      expect(ended.isTaken).toBe(false)
    }
    await expectWhole(service, before)
  })

  it('of alerts about one edge says so, by whatever name', async () => {
    const before = await snapshotOf(service)
    const delays = { offlineDelayMinutes: 5, faultDelayMinutes: 0, warningDelayMinutes: 0 }
    for (const name of [edge.id, serial]) {
      const alerting = [
        { edgeId: edge.id, ...delays },
        { edgeId: name, ...delays, offlineDelayMinutes: 10 },
      ]
      const { problems, isTaken } = await wrong(userRecord(address(), { place, alerting }))
      expect(problems).toMatchObject([{ place, value: name, text: expect.stringContaining('twice') }])
      expect(isTaken).toBe(true)
    }
    await expectWhole(service, before)
  })

  it('of a claim under its two names says so, unless it says the same (D-06)', async () => {
    const before = await snapshotOf(service)
    const long = 'http://opisense.opinum.com/sensors'
    const same = userRecord(address(), { claims: { sensors: 'READ', [long]: 'READ' } })
    expect((await importItems(service.ctx, [same])).counts).toMatchObject({ byKind: { claim: { created: 1 } } })
    for (const login of [same.login, address()]) {
      const { problems } = await wrong(userRecord(login, { place, claims: { sensors: 'WRITE', [long]: 'NONE' } }))
      expect(problems).toMatchObject([{ place, rule: 'D-06', value: 'NONE' }])
    }
    await expectWhole(service, before)
  })
})
