import { beforeEach, expect, it } from 'vitest'
import { ServiceTokenRegistry } from '../../../src/accounts/service-token-registry.ts'
import {
  createServiceToken,
  endServiceToken,
  listServiceTokens,
  rotateServiceToken,
  setServiceDisabled,
} from '../../../src/accounts/service-tokens.ts'
import { deriveKey } from '../../../src/lib/secrets.ts'
import { eachEngine } from '../../harness/database.ts'
import { type AccountsNode, logText, newLogin, service, sharedNode, startNode } from './accounts-node.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

eachEngine('service tokens', (engine) => {
  const shared = sharedNode(engine)
  let node: AccountsNode
  let name: string
  beforeEach(() => {
    node = shared.node
    name = newLogin()
  })
  const make = (more: { validDays?: number } = {}) =>
    createServiceToken(node, service, { name, scopes: ['read', 'write', 'read'], ...more })
  const holds = async (token: string) => (await node.serviceTokens.verify(token)) !== undefined

  it('stand for their service and its scopes, and two may be valid at a time', async () => {
    const first = await make()
    const second = await make()
    expect(second.principalId).toBe(first.principalId)
    expect(node.store.index.row('service', first.principalId)).toMatchObject({ name, disabledAt: null })
    for (const { token, tokenId, principalId } of [first, second]) {
      const holder = await node.serviceTokens.verify(token)
      expect(holder).toMatchObject({ tokenId, serviceId: principalId, scopes: new Set(['read', 'write']) })
      expect(await node.serviceTokens.verify(token)).toBe(holder)
    }
    await endServiceToken(node, service, first.tokenId)
    await endServiceToken(node, service, first.tokenId)
    expect([await holds(first.token), await holds(second.token)]).toEqual([false, true])
    const log = await node.db
      .selectFrom('change')
      .select(['action', 'after'])
      .where('entityId', '=', String(first.principalId))
      .orderBy('revision')
      .execute()
    expect(log.map(({ action }) => action)).toEqual([
      'service.created',
      'serviceToken.created',
      'serviceToken.created',
      'serviceToken.ended',
    ])
    expect(log.at(-1)?.after).toEqual({ tokenId: first.tokenId })
  })

  it('are stored only as hashes that need our secret', async () => {
    const { token } = await make()
    const rows = JSON.stringify(await node.db.selectFrom('serviceToken').selectAll().execute())
    for (const text of [rows, await logText(node)]) expect(text).not.toContain(token)
    using stranger = new ServiceTokenRegistry({ ...node, pepper: deriveKey('another secret', 'keyed-hash') })
    expect(await stranger.verify(token)).toBeUndefined()
  })

  it('are nothing when made up, expired or of a disabled service', async () => {
    for (const token of ['', 'x', 'x'.repeat(10_000), '\u0000']) expect(await holds(token)).toBe(false)
    const { token, principalId, expiresAt } = await make({ validDays: 1 })
    expect(expiresAt).toEqual(new Date(node.clock().getTime() + DAY_MS))
    await setServiceDisabled(node, service, principalId, true)
    expect(node.store.index.row('service', principalId)?.disabledAt).toBe(node.clock().getTime())
    expect(await holds(token)).toBe(false)
    await setServiceDisabled(node, service, principalId, false)
    const holder = await node.serviceTokens.verify(token)
    expect(holder).toBeDefined()
    node.time.advance(DAY_MS)
    expect(holder && node.serviceTokens.isValid(holder)).toBe(false)
    expect(await holds(token)).toBe(false)
  })

  it('that end tell so once, on every node that used them', async () => {
    await using other = await startNode(shared.database)
    node.serviceTokens.endExpired()
    const ended: [string, number][] = []
    node.serviceTokens.onEnded(({ tokenId }) => ended.push(['here', tokenId]))
    other.serviceTokens.onEnded(({ tokenId }) => ended.push(['there', tokenId]))
    const used = await make()
    const expiring = await make({ validDays: 1 })
    const unused = await make()
    await other.store.reach(node.store.revision)
    for (const { serviceTokens } of [node, other])
      for (const { token } of [used, expiring]) expect(await serviceTokens.verify(token)).toBeDefined()
    await endServiceToken(node, service, unused.tokenId)
    await endServiceToken(node, service, used.tokenId)
    await other.store.reach(node.store.revision)
    expect(await other.serviceTokens.verify(used.token)).toBeUndefined()
    node.time.advance(DAY_MS)
    node.serviceTokens.endExpired()
    node.serviceTokens.endExpired()
    expect(ended).toEqual([
      ['here', used.tokenId],
      ['there', used.tokenId],
      ['here', expiring.tokenId],
    ])
  })

  it('are rotated with an overlap: the new one like the old one, the old one for a while', async () => {
    const old = await make({ validDays: 10 })
    const holder = await node.serviceTokens.verify(old.token)
    node.time.advance(DAY_MS)
    const made = await rotateServiceToken(node, service, { tokenId: old.tokenId, overlapHours: 2 })
    expect(made).toMatchObject({
      service: name,
      principalId: old.principalId,
      expiresAt: new Date(node.clock().getTime() + 10 * DAY_MS),
      oldTokenValidTo: new Date(node.clock().getTime() + 2 * HOUR_MS),
    })
    expect(await node.serviceTokens.verify(made.token)).toMatchObject({ scopes: new Set(['read', 'write']) })
    expect(await node.serviceTokens.verify(old.token)).toBe(holder)
    node.time.advance(2 * HOUR_MS)
    expect([await holds(old.token), await holds(made.token)]).toEqual([false, true])
    await expect(rotateServiceToken(node, service, { tokenId: old.tokenId, overlapHours: 2 })).rejects.toThrow(
      'no valid token',
    )
    const last = await rotateServiceToken(node, service, { tokenId: made.tokenId, overlapHours: 0 })
    expect([await holds(made.token), await holds(last.token)]).toEqual([false, true])
  })

  it('never live longer for being rotated', async () => {
    const old = await make({ validDays: 1 })
    const { oldTokenValidTo } = await rotateServiceToken(node, service, { tokenId: old.tokenId, overlapHours: 100 })
    expect(oldTokenValidTo).toEqual(old.expiresAt)
  })

  it('are listed without the token, with when they were used last', async () => {
    const first = await make()
    const second = await make({ validDays: 1 })
    await node.serviceTokens.verify(second.token)
    await node.serviceTokens.writeUses()
    await endServiceToken(node, service, first.tokenId)
    const list = (all: boolean) => listServiceTokens(node, { name, all, limit: 10 })
    const [listed, ...others] = await list(false)
    expect(others).toEqual([])
    expect(listed).toEqual({
      tokenId: second.tokenId,
      service: name,
      scopes: ['read', 'write'],
      createdAt: node.clock(),
      expiresAt: second.expiresAt,
      endedAt: null,
      lastUsedAt: node.clock(),
    })
    expect((await list(true)).map(({ tokenId, lastUsedAt }) => [tokenId, lastUsedAt])).toEqual([
      [second.tokenId, node.clock()],
      [first.tokenId, null],
    ])
    await expect(listServiceTokens(node, { name: 'nobody', all: true, limit: 10 })).rejects.toThrow('no service')
  })

  it('need a name that fits an HTTP header, and a scope', async () => {
    const make = (name: string) => createServiceToken(node, service, { name, scopes: ['read'] })
    await expect(make(' ')).rejects.toThrow('needs a name')
    await expect(make('a:b')).rejects.toThrow('needs a name')
    await expect(createServiceToken(node, service, { name, scopes: [] })).rejects.toThrow('at least one scope')
  })
})
