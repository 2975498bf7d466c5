import { beforeEach, expect, it } from 'vitest'
import {
  createServiceToken,
  endServiceToken,
  setServiceDisabled,
  verifyServiceToken,
} from '../../../src/accounts/service-tokens.ts'
import { deriveKey } from '../../../src/lib/secrets.ts'
import { eachEngine } from '../../harness/database.ts'
import { type AccountsNode, logText, newLogin, service, sharedNode } from './accounts-node.ts'

const DAY_MS = 86_400_000

eachEngine('service tokens', (engine) => {
  const shared = sharedNode(engine)
  let node: AccountsNode
  let name: string
  beforeEach(() => {
    node = shared.node
    name = newLogin()
  })

  it('stand for their service, and two may be valid at a time', async () => {
    const first = await createServiceToken(node, service, { name })
    const second = await createServiceToken(node, service, { name })
    expect(second.principalId).toBe(first.principalId)
    expect(node.store.index.row('service', first.principalId)).toMatchObject({ name, disabledAt: null })
    for (const { token, principalId } of [first, second])
      expect(await verifyServiceToken(node, token)).toBe(principalId)
    await endServiceToken(node, service, first.tokenId)
    await endServiceToken(node, service, first.tokenId)
    expect(await verifyServiceToken(node, first.token)).toBeUndefined()
    expect(await verifyServiceToken(node, second.token)).toBe(first.principalId)
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
    const { token } = await createServiceToken(node, service, { name })
    const rows = JSON.stringify(await node.db.selectFrom('serviceToken').selectAll().execute())
    for (const text of [rows, await logText(node)]) expect(text).not.toContain(token)
    expect(
      await verifyServiceToken({ ...node, pepper: deriveKey('another secret', 'keyed-hash') }, token),
    ).toBeUndefined()
  })

  it('are nothing when made up, expired or of a disabled service', async () => {
    for (const token of ['', 'x', 'x'.repeat(10_000), '\u0000'])
      expect(await verifyServiceToken(node, token)).toBeUndefined()
    const { token, principalId, expiresAt } = await createServiceToken(node, service, { name, validDays: 1 })
    expect(expiresAt).toEqual(new Date(node.clock().getTime() + DAY_MS))
    await setServiceDisabled(node, service, principalId, true)
    expect(node.store.index.row('service', principalId)?.disabledAt).toBe(node.clock().getTime())
    expect(await verifyServiceToken(node, token)).toBeUndefined()
    await setServiceDisabled(node, service, principalId, false)
    expect(await verifyServiceToken(node, token)).toBe(principalId)
    node.time.advance(DAY_MS)
    expect(await verifyServiceToken(node, token)).toBeUndefined()
  })

  it('need a name', async () => {
    await expect(createServiceToken(node, service, { name: ' ' })).rejects.toThrow('needs a name')
  })
})
