import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import type { ImportItem } from '../../../src/import/model.ts'
import { detectFormat, readImport } from '../../../src/import/readers.ts'
import { fileOf, limits } from './fleet-restore.ts'

const fixture = (name: string) => readFile(new URL(`../../fixtures/import/${name}`, import.meta.url), 'utf8')

async function read(text: string, format: string, pieceBytes?: number) {
  const items: ImportItem[] = []
  for await (const item of readImport(fileOf(text, pieceBytes), {}, limits, format)) items.push(item)
  return items.map((item) => ({ ...item, place: item.place.path }))
}

describe('the file of Metadata.File', () => {
  it('gives its edges, with the keys that the devices have', async () => {
    const text = await fixture('openems-file.json')
    expect((await detectFormat(fileOf(text), {}))?.name).toBe('openems-file')
    expect(await read(text, 'openems-file', 5)).toEqual([
      { kind: 'edge', place: 'edges.edge0', edgeId: 'edge0', comment: 'Edge 0', apiKey: 'edge0-key' },
      {
        kind: 'edge',
        place: 'edges.edge1',
        edgeId: 'edge1',
        comment: 'House 1',
        apiKey: 'edge1-key',
        setupPassword: 'ABCD-EFGH-IJKL-MNOP',
        producttype: 'home',
      },
      { kind: 'remark', place: undefined, text: expect.stringContaining('without a password') },
    ])
  })

  it('is refused where OpenEMS would refuse it, without a word of a key', async () => {
    const text = '{"edges": {"edge0": {"comment": 7, "apikey": ""}, "edge1": 5}, "users": []}'
    const items = await read(text, 'openems-file')
    expect(items).toMatchObject([
      { kind: 'problem', place: 'edges.edge0.apikey', text: 'is empty' },
      { kind: 'problem', place: 'edges.edge0.comment', value: '7' },
      { kind: 'problem', place: 'edges.edge1' },
      { kind: 'remark', place: 'users' },
      { kind: 'remark' },
    ])
    expect(await read('{edges: {edge0: {}}}', 'openems-file')).toMatchObject([{ kind: 'problem', isFatal: true }])
    expect(await read('{"edges": []}', 'openems-file')).toMatchObject([{ text: 'This must be an object' }])
    const secret = await read('{"edges": {"edge0": {"apikey": ["hidden-key"], "comment": ""}}}', 'openems-file')
    expect(JSON.stringify(secret)).not.toContain('hidden-key')
  })
})

describe('the export of a Keycloak realm', () => {
  it('may have much that nobody reads, before what is read and after it', async () => {
    const roles = Array.from({ length: 3000 }, (_, n) => ({ name: `role-${n}`, composite: false, containerId: 'c' }))
    const realm = { realm: 'r', roles: { client: { app: roles, notes: ['x'.repeat(500)] } }, clients: [{ a: [roles] }] }
    const users = [{ username: 'ann' }]
    const text = JSON.stringify({
      ...realm,
      users,
      scopes: [{ a: [...roles, ...roles, ...roles, ...roles, ...roles] }],
    })
    expect(text.length).toBeGreaterThan(1 << 20)
    expect(await read(text, 'keycloak', 5000)).toMatchObject([{ kind: 'user', login: 'ann' }, { kind: 'remark' }])
    const refusal = async (changed: string) => (await read(changed, 'keycloak', 50_000)).at(-1)
    const unread = (value: string) => text.replace('"composite":false', `"composite":${value}`)
    expect(await refusal(unread('['.repeat(100)))).toMatchObject({ text: 'Values are nested deeper than 64' })
    expect(await refusal(unread('false,"name":1'))).toMatchObject({ text: expect.stringContaining('stands twice') })
    expect(await refusal(unread(`"${'x'.repeat(1_200_000)}"`))).toMatchObject({ rule: 'limit' })
    const wanted = text.replace('"username":"ann"', `"username":"ann","attributes":{"a":${JSON.stringify(roles)}}`)
    expect(await refusal(wanted)).toMatchObject({ rule: 'limit', text: expect.stringContaining('parts') })
  })

  it('gives users to invite, groups and who is in them (G-06)', async () => {
    const text = await fixture('keycloak-realm.json')
    expect((await detectFormat(fileOf(text), {}))?.name).toBe('keycloak')
    expect(await read(text, 'keycloak', 9)).toEqual([
      { kind: 'userGroup', place: 'groups[0]', key: '/service', name: 'service', description: 'Everybody who mends' },
      { kind: 'userGroup', place: 'groups[0].subGroups[0]', key: '/service/north', name: 'north' },
      {
        kind: 'membership',
        place: 'groups[0].subGroups[0]',
        group: '/service',
        member: { kind: 'userGroup', key: '/service/north' },
      },
      {
        kind: 'user',
        place: 'users[0]',
        login: 'ann',
        email: 'ann@example.org',
        name: 'Ann Miller',
        firstname: 'Ann',
        lastname: 'Miller',
        phone: '+49 89 123',
        globalRole: 'installer',
        languageIfNew: 'DE',
      },
      {
        kind: 'membership',
        place: 'users[0]',
        group: '/service/north',
        member: { kind: 'user', key: 'ann' },
      },
      { kind: 'user', place: 'users[1]', login: 'bob', disabled: true },
      { kind: 'remark', place: 'users[1]', text: expect.stringContaining('no language hu') },
      { kind: 'remark', place: 'users[1]', text: expect.stringContaining('Without an e-mail address') },
      { kind: 'remark', place: 'users[2]', text: expect.stringContaining('client backend') },
    ])
    expect(JSON.stringify(await read(text, 'keycloak'))).not.toMatch(/c2VjcmV0|not-for-us/)
  })

  it('names every mistake, and groups that lie too deep (G-34)', async () => {
    const deep = Array.from({ length: 12 }).reduce<object>((inner) => ({ name: 'g', subGroups: [inner] }), {
      name: 'g',
    })
    const text = JSON.stringify({
      realm: 'x',
      groups: [deep, { name: '' }],
      users: [{ username: 5 }, { username: '' }],
    })
    expect((await read(text, 'keycloak')).filter(({ kind }) => kind === 'problem')).toMatchObject([
      { rule: 'G-34' },
      { place: 'groups[1].name', text: 'is empty' },
      { place: 'users[0].username' },
      { place: 'users[1].username', text: 'is empty' },
    ])
  })
})
