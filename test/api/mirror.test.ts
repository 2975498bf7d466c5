import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { grantAccess, revokeAccess } from '../../src/access/grant-service.ts'
import type { UserRow } from '../../src/access/model.ts'
import { PLATFORM_RESOURCE_ID } from '../../src/access/model.ts'
import { updateUserLanguage } from '../../src/accounts/profile-service.ts'
import { deleteUser } from '../../src/accounts/user-deletion.ts'
import { disableUser } from '../../src/accounts/user-service.ts'
import { backendToken, openBackend } from '../harness/backend.ts'
import { BackendClient, EdgeClient, type Json, UiClient, type WireFrame } from '../harness/clients.ts'
import { testClock } from '../harness/clock.ts'
import { addEdge, addUser, addUserWith, give } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'

const clock = testClock()
let service: TestService
beforeAll(async () => {
  service = await startTestService({ clock: clock.now })
})
afterAll(() => service?.[Symbol.asyncDispose]())

const named = (method: string) => (frame: WireFrame) => frame.method === method

/** Subscribes and reads the snapshot to its end. */
async function following(client: BackendClient): Promise<{ answer: Json; pages: Json[] }> {
  const answer = await client.request('subscribeMetadata')
  const pages: Json[] = []
  do pages.push((await client.next(named('metadataSnapshot'))).params ?? {})
  while (pages.at(-1)?.['last'] !== true)
  return { answer, pages }
}

describe('subscribeMetadata', () => {
  it('gives a snapshot at a revision, then every change in order, then says that this is all', async () => {
    const edge = await addEdge(service.ctx, { comment: 'before' })
    await using backend = await openBackend(service)
    const { answer, pages } = await following(backend)
    expect(answer).toMatchObject({ startOver: true, revision: service.ctx.store.revision })
    expect(pages[0]).toMatchObject({ first: true, revision: answer['revision'] })
    const edges = pages.flatMap((page) => page['edges'] as Json[])
    expect(edges).toContainEqual({ id: edge.id, comment: 'before', producttype: '', settings: {} })
    expect(edges).toHaveLength(answer['edges'] as number)
    expect(pages.flatMap((page) => page['users'] as Json[]).map((user) => user['id'])).toContain('admin')
    expect(pages.flatMap((page) => page['states'] as Json[])).toContainEqual({
      id: edge.id,
      online: false,
      version: '0.0.0',
      sumState: null,
      lastMessage: null,
    })

    const user = await addUserWith(service.ctx, 'owner', edge)
    expect((await backend.next(named('metadataChanged'))).params).toMatchObject({ users: [{ id: user.login }] })
    expect((await backend.next(named('authzChanged'))).params).toEqual({
      epoch: service.ctx.store.revision,
      users: [user.login],
    })
    await updateUserLanguage(service.ctx, user.id, 'FR')
    const translated = await backend.next(named('metadataChanged'))
    expect(translated.params).toMatchObject({ users: [{ id: user.login, language: 'FR' }] })
    await disableUser(service.ctx, { actorId: null }, user.id)
    expect((await backend.next(named('authzChanged'))).params).toMatchObject({ users: [user.login] })
    await deleteUser(service.ctx, { actorId: null }, user.id)
    expect((await backend.next(named('metadataChanged'))).params).toMatchObject({ removedUsers: [String(user.id)] })
    expect((await backend.next(named('metadataHead'))).params).toMatchObject({
      revision: service.ctx.store.revision,
      hash: service.ctx.store.head.hash,
    })
  })

  it('tells what edges say, once for many changes', async () => {
    const edge = await addEdge(service.ctx)
    await using backend = await openBackend(service)
    await following(backend)
    await using device = await EdgeClient.open(service, edge.apiKey)
    for (let level = 0; level <= 3; level++) device.report({ '_sum/State': level, '_meta/Version': '2026.4.0' })
    const isThis = (frame: WireFrame) => JSON.stringify(frame.params ?? {}).includes(`"id":"${edge.id}","online":true`)
    const { params } = await backend.next((frame) => named('edgeStatesChanged')(frame) && isThis(frame))
    await vi.waitFor(() => expect(service.ctx.hub.states.get(edge.row.id).sumState).toBe('FAULT'))
    expect((params as { states: Json[] }).states[0]).toMatchObject({ id: edge.id, online: true, version: '2026.4.0' })
  })

  it('goes on from a revision, and starts over where the log cannot be gone through from there', async () => {
    const { token } = await backendToken(service)
    const open = () => BackendClient.open(service, `Bearer ${token}`)
    const { revision, hash } = service.ctx.store.head
    const edge = await addEdge(service.ctx)
    await using first = await open()
    expect(await first.request('subscribeMetadata', { fromRevision: revision, hash })).toMatchObject({
      revision,
      startOver: false,
    })
    expect((await first.next(named('metadataChanged'))).params).toMatchObject({ edges: [{ id: edge.id }] })
    for (const lost of [
      { fromRevision: revision, hash: 'of another log' },
      { fromRevision: service.ctx.store.revision + 1 },
      {},
    ]) {
      await using other = await open()
      expect(await other.request('subscribeMetadata', lost)).toMatchObject({ startOver: true })
      expect((await other.next(named('metadataSnapshot'))).params).toMatchObject({ first: true })
    }
    // Before what is kept in memory the database is read: the very first changes too.
    await using fromTheStart = await open()
    await fromTheStart.request('subscribeMetadata', { fromRevision: 0 })
    expect((await fromTheStart.next(named('metadataChanged'))).params?.['users']).toMatchObject([{ id: 'admin' }])
    await fromTheStart.next(named('metadataHead'))
  })

  it('tells by time alone that roles are over', async () => {
    const edge = await addEdge(service.ctx)
    const user = await addUser(service.ctx)
    await give(service.ctx, user, 'owner', edge, { validTo: new Date(clock.now().getTime() + 60_000) })
    await using backend = await openBackend(service)
    await following(backend)
    await backend.next(named('metadataHead'))
    clock.advance(60_000)
    expect((await backend.next(named('authzChanged'))).params).toEqual({
      epoch: service.ctx.store.revision,
      expired: true,
    })
  })

  it('ends with the right to it, and when asked to', async () => {
    const { token, principalId } = await backendToken(service, { role: 'guest' })
    const grant = { principalId, resourceId: PLATFORM_RESOURCE_ID }
    const admin = service.ctx.store.index.userByLogin('admin') as UserRow
    const lasting = { ...grant, role: 'admin', validFrom: null, validTo: null } as const
    await grantAccess(service.ctx, admin.id, lasting)
    await using backend = await BackendClient.open(service, `Bearer ${token}`)
    await following(backend)
    await revokeAccess(service.ctx, admin.id, grant)
    await backend.closed

    await using leaving = await openBackend(service)
    await following(leaving)
    await leaving.next(named('metadataHead'))
    expect(await leaving.request('unsubscribeMetadata')).toEqual({})
    const heard = leaving.frames.length
    const counted = service.ctx.mirrors.subscriberCount
    await addEdge(service.ctx)
    await leaving.settled()
    expect(leaving.frames.slice(heard).map(({ method }) => method)).toEqual([])
    await leaving[Symbol.asyncDispose]()
    expect(service.ctx.mirrors.subscriberCount).toBe(counted)
  })

  it('is for services with a token to read', async () => {
    await using speaker = await openBackend(service, { scopes: ['authenticate'] })
    await using former = await openBackend(service, { validTo: new Date(clock.now().getTime() + 1000) })
    await using backend = await openBackend(service)
    await using ui = await UiClient.signedIn(service)
    clock.advance(1000)
    for (const [client, refusal] of [
      [speaker, 1002],
      [ui, 4001],
    ] as const) {
      expect((await client.call('subscribeMetadata')).error?.code).toBe(refusal)
      expect((await client.call('unsubscribeMetadata')).error?.code).toBe(refusal)
    }
    expect(await backend.request('subscribeMetadata')).toMatchObject({ limited: false })
    expect(await former.request('subscribeMetadata')).toMatchObject({ limited: true, edges: 0, users: 0 })
    for (const wrong of [{ fromRevision: -1 }, { fromRevision: 'x' }, { hash: 1 }, { statePosition: null }])
      expect((await backend.call('subscribeMetadata', wrong)).error?.code).toBe(-32602)
  })
})
