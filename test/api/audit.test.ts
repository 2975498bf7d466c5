import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AuditEntry } from '../../src/audit/audit-queries.ts'
import { ServiceClient, UiClient } from '../harness/clients.ts'
import { importItems, userRecord } from '../harness/importing.ts'
import { addEdge, addUser, fresh } from '../harness/seed.ts'
import { startServiceOn, startTestService, type TestService } from '../harness/service.ts'

let service: TestService
let admin: UiClient
beforeAll(async () => {
  service = await startTestService()
  admin = await UiClient.signedIn(service)
})
afterAll(async () => {
  await admin?.[Symbol.asyncDispose]()
  await service?.[Symbol.asyncDispose]()
})

const listed = async (filter: object) =>
  ((await admin.request('listChanges', { limit: 100, ...filter })) as unknown as { changes: AuditEntry[] }).changes

describe('the log as it is read', () => {
  it('tells of a grant also what an import did to it, among all else about that person', async () => {
    const edge = await addEdge(service.ctx)
    const login = fresh('imported')
    const access = { mode: 'merge', edges: { keys: [edge.id] } } as const
    await importItems(service.ctx, [userRecord(`${login}@example.com`, { access })])
    const user = service.ctx.store.index.userByLogin(`${login}@example.com`)
    const [grant] = [...service.ctx.store.index.rows('grant')].filter((row) => row.principalId === user?.id)
    expect(grant).toBeDefined()
    await admin.request('revokeGrant', { grantId: grant?.id })
    const about = await listed({ entity: 'grant', entityId: String(grant?.id) })
    expect(about.map(({ entity }) => entity)).toEqual(['grant', 'batch'])
    expect(JSON.stringify(about[1]?.after)).toContain(`"id":${grant?.id}`)
    expect((await listed({ entity: 'grant' })).map(({ revision }) => revision)).toContain(about[1]?.revision)
    expect(await listed({ entity: 'grant', entityId: 'no number' })).toEqual([])
  })

  it('names services, and is searched by who did something even when he is gone (G-35)', async () => {
    const { login, id } = await addUser(service.ctx)
    await using ui = await UiClient.signedIn(service, login)
    const { id: groupId } = await ui.request('createEdgeGroup', { name: fresh('Group') })
    const name = fresh('service')
    await using operator = await ServiceClient.local(service)
    const { token } = await operator.request('createServiceToken', { name, role: 'admin', scopes: ['manage'] })
    await using client = await ServiceClient.open(service, String(token))
    await client.request('deleteUser', { login })
    const [deleted] = await listed({ login: name, entity: 'user' })
    expect(deleted).toMatchObject({ actor: name, action: 'user.deleted', before: { login } })
    expect((await admin.call('listChanges', { login })).error).toBeDefined()
    const did = await listed({ login: `principal ${id}` })
    expect(did).toContainEqual(expect.objectContaining({ actor: `principal ${id}`, entityId: String(groupId) }))
  })
})

describe('the end of the log', () => {
  it('that was cut off and written on is noticed by what an earlier run said to keep', async () => {
    await using first = await startTestService()
    const { ctx, config } = first
    for (let n = 0; n < 3; n++) await addUser(ctx)
    const verified = async ({ controlSocket }: TestService, kept?: object) => {
      await using operator = await ServiceClient.local({ ...first, controlSocket })
      return await operator.request('verifyAudit', kept === undefined ? {} : { kept })
    }
    const { revision, hash } = (await verified(first)) as { revision: number; hash: string }
    const kept = { revision, hash }
    await addUser(ctx)
    expect(await verified(first, kept)).toMatchObject({ ok: true, revision: revision + 1 })
    await sql`alter table change disable trigger all`.execute(ctx.db)
    await sql`delete from change where revision >= ${revision}`.execute(ctx.db)
    await using second = await startServiceOn({ ...config, dataDir: `${config.dataDir}/second` })
    expect(await verified(second)).toMatchObject({ ok: true, revision: revision - 1 })
    expect(await verified(second, kept)).toEqual({
      ok: false,
      revision,
      reason: `the log ends before revision ${revision}, which was kept`,
    })
    await addUser(second.ctx)
    await addUser(second.ctx)
    expect(await verified(second)).toMatchObject({ ok: true })
    expect(await verified(second, kept)).toEqual({
      ok: false,
      revision,
      reason: 'the log up to here is not the one that was kept',
    })
  })
})
