import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { grantMethods } from '../../src/api/grant.ts'
import { groupMethods } from '../../src/api/group.ts'
import { organisationMethods } from '../../src/api/organisation.ts'
import { siteMethods } from '../../src/api/site.ts'
import type { Method } from '../../src/rpc/method.ts'
import { UiClient } from '../harness/clients.ts'
import { addEdge, addUser, fresh } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'
import { expectWhole, snapshotOf } from '../harness/whole.ts'

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

const structureMethods: readonly Method[] = [...organisationMethods, ...siteMethods, ...groupMethods, ...grantMethods]
const idOf = async (answer: Promise<Record<string, unknown>>) => Number((await answer)['id'])

/** What no parameter takes, or nothing that exists is called. */
const hostile: readonly unknown[] = [
  2_000_000_000,
  0,
  -1,
  1.5,
  2 ** 53,
  'x'.repeat(100_000),
  '__proto__',
  'constructor',
  '',
  ' \u0000 ',
  '\ud800',
  '2026-02-30T00:00:00.000Z',
  null,
  true,
  [],
  {},
  JSON.parse('{"__proto__":{"login":"admin"}}'),
  { login: 'x'.repeat(100_000) },
  { edgeId: '__proto__' },
]
/** Refused for what was sent, for a rule, or as what does not exist: never a failure of the service. */
const refusals = new Set([1, 1005, -32602])

/** A parameter of each name that is right, for a method that takes it. */
async function rightParams() {
  const owner = await addUser(service.ctx, { shareable: true })
  const organisationId = await idOf(admin.request('createOrganisation', { name: fresh('C '), owner: owner.login }))
  const parentId = await idOf(admin.request('createSuborganisation', { parentId: organisationId, name: 'Branch' }))
  const siteId = await idOf(admin.request('createSite', { organisationId, name: 'House' }))
  const { id: edgeId } = await addEdge(service.ctx, { siteId })
  const userGroupId = await idOf(admin.request('createUserGroup', { name: 'People' }))
  const groupId = await idOf(admin.request('createEdgeGroup', { name: 'Roofs' }))
  const common = { organisationId, parentId, siteId, edgeId, name: 'Name', login: owner.login, owner: owner.login }
  const grant = { to: { login: owner.login }, on: { edgeId }, validFrom: '2026-01-01T00:00:00.000Z', dataWindows: [] }
  const group = { groupId, member: { userGroupId }, content: { edgeId } }
  return { ...common, ...grant, ...group, description: 'D', purpose: 'P', labels: ['roof'], components: ['meter0'] }
}

/** Of these the ones that a method takes. */
function takenBy(method: Method, params: Record<string, unknown>): Record<string, unknown> {
  const isTaken = ([key, value]: [string, unknown]) => {
    const trial = method.params.safeParse({ [key]: value })
    return trial.success || !trial.error.issues.some(({ code }) => code === 'unrecognized_keys')
  }
  return Object.fromEntries(Object.entries(params).filter(isTaken))
}

describe('bad input', () => {
  it('for any parameter of any method that changes structure is refused with what is wrong, and nothing is written', async () => {
    const start = await snapshotOf(service)
    const right = await rightParams()
    let refused = 0
    for (const method of structureMethods.filter(({ clients }) => clients.includes('ui'))) {
      const params = takenBy(method, { ...right, role: method.name === 'grantRole' ? 'resource.detail' : 'viewer' })
      for (const key of Object.keys(params)) {
        for (const value of hostile) {
          const { revision } = service.ctx.store
          const { error } = await admin.call(method.name, { ...params, [key]: value })
          if (error === undefined) continue
          refused++
          const what = `${method.name} ${key}=${JSON.stringify(value)?.slice(0, 60)}: ${error.message.slice(0, 200)}`
          expect(refusals.has(error.code), what).toBe(true)
          if (error.code === -32602) expect(error.message, what).toContain(key)
          expect(error.message.length, what).toBeLessThan(1000)
          expect(service.ctx.store.revision, what).toBe(revision)
        }
      }
      const strange = [JSON.parse('{"__proto__":{"admin":true}}'), { constructor: 1 }, { toString: null }, { more: 1 }]
      for (const more of strange) {
        // A spread would set the prototype instead of the member.
        const sent = Object.assign(JSON.parse('{}'), params)
        for (const [key, value] of Object.entries(more)) Object.defineProperty(sent, key, { value, enumerable: true })
        expect((await admin.call(method.name, sent)).error, `${method.name} ${JSON.stringify(more)}`).toMatchObject({
          code: -32602,
        })
      }
    }
    expect(refused).toBeGreaterThan(1000)
    await expectWhole(service, start)
  })
})
