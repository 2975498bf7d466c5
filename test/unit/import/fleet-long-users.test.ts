import { describe, expect, it } from 'vitest'
import type { Window } from '../../../src/access/model.ts'
import type { ImportRecord, UserRecord } from '../../../src/import/model.ts'
import { emptyWorld, exported, readAll, restored, type World } from './fleet-restore.ts'

const DAY_MS = 86_400_000
const periods = (count: number): Window[] =>
  Array.from({ length: count }, (_, n): Window => [2 * n * DAY_MS, (2 * n + 1) * DAY_MS])

/** Somebody with restrictions on so many edges, a thousand periods on one of them, alerting on all, and large settings. */
function worldOf(edges: number): World {
  const world = emptyWorld()
  const account = { email: null, name: 'Ann', language: 'EN', globalRole: 'guest', shareable: false, disabledAt: null }
  const settings = Object.fromEntries(Array.from({ length: 1400 }, (_, n) => [`k${n}`, n]))
  for (const [id, login] of ['ann', 'bob'].entries())
    world.snapshot.user.push({ id: 1 + id, login, settings, ...account } as (typeof world.snapshot.user)[number])
  const nobody = { comment: '', producttype: '', siteId: null, organisationId: null, settings: {} }
  for (let id = 10; id < 10 + edges; id++) {
    world.snapshot.edge.push({ id, edgeId: `edge${id}`, ...nobody })
    world.snapshot.restriction.push({ id, userId: 1, edgeId: id, windows: periods(id === 700 ? 1000 : id % 3) })
  }
  const delays = { offlineDelayMinutes: 5, faultDelayMinutes: 6, warningDelayMinutes: 7 }
  world.delays.set(
    1,
    world.snapshot.edge.map(({ id }) => ({ edgeId: id, ...delays })),
  )
  return world
}

const problemsIn = async (text: string) =>
  (await readAll(text)).flatMap((item) => (item.kind === 'problem' ? [`${item.place.path}: ${item.text}`] : []))

describe('users with long lists', () => {
  for (const format of ['json', 'yaml'] as const) {
    it(`stand in a fleet file as several entries and come back as one, as ${format}`, { timeout: 60_000 }, async () => {
      const written = await exported(worldOf(3000), format)
      const items = await readAll(written)
      expect(items.filter(({ kind }) => kind === 'problem')).toEqual([])
      const users = items.filter((item): item is UserRecord => item.kind === 'user')
      expect(users.map(({ login }) => login)).toEqual(['ann', 'bob'])
      expect(users[0]?.restrictions?.byEdge.size).toBe(3000)
      expect(users[0]?.alerting).toHaveLength(3000)
      expect(await exported(restored(items as ImportRecord[]), format)).toBe(written)
    })
  }

  it('are continued by the entry right after them only, with nothing but what is long', async () => {
    const file = (...users: object[]) => JSON.stringify({ format: 'ems-metadata-fleet', version: 1, users })
    const more = { login: 'ann', continues: true }
    const nobody = 'users[1]: This entry continues nobody: it belongs right after the one of the same user'
    expect(await problemsIn(file({ login: 'bob' }, more))).toEqual([nobody])
    expect(await problemsIn(file({ login: 'ann', colour: 1 }, more))).toEqual([
      'users[0]: There is no member colour here: correct or delete it',
    ])
    expect(await problemsIn(file({ login: 'ann' }, { ...more, name: 'Ann' }))).toEqual([
      'users[1]: An entry that continues another has restrictions and alerting, and nothing else',
    ])
    const twice = file({ login: 'ann', restrictions: { edge1: [] } }, { ...more, restrictions: { edge1: [] } })
    expect(await problemsIn(twice)).toEqual([
      'users[1]: The restrictions of this edge were given before: leave one of the two',
    ])
    const parts = Array.from({ length: 21 }, (_, part) => ({
      ...(part === 0 ? { login: 'ann' } : more),
      restrictions: Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`edge${part}-${n}`, []])),
    }))
    expect(await problemsIn(file(...parts))).toEqual([
      'users[20]: One user has more than 20000 restrictions and alerting settings: set the others by hand',
    ])
  })
})

describe('a long entry of a YAML file', () => {
  const head = 'format: ems-metadata-fleet\nversion: 1\nusers:\n'
  const long = { login: 'ann', name: 'Ann', settings: { text: 'x'.repeat(100_000) } }

  it('is one line of JSON, whatever its indent and what comes behind it', async () => {
    for (const indent of ['', '  ']) {
      const text = `${head}${indent}- ${JSON.stringify(long)}\n\n# the end\n${indent}- login: bob\n`
      expect((await readAll(text)).map((item) => item.kind === 'user' && item.login)).toEqual(['ann', 'bob'])
    }
  })

  it('is refused by its place when it is nothing of the kind', async () => {
    const name = 'x'.repeat(10_000)
    expect(await problemsIn(`${head}- { login: ann, name: ${name}, name: y }\n`)).toEqual([
      expect.stringContaining('name'),
    ])
    const items = await readAll(`${head}- { login: ann, name: '${name}' }\n`)
    expect(items).toEqual([expect.objectContaining({ place: expect.objectContaining({ row: 4 }) })])
    const flow = `${head}- { login: ann, name: ${'x'.repeat(70_000)} }\n`
    await expect(readAll(flow)).rejects.toThrow('write it as one line of JSON')
    const nested = `${'['.repeat(5000)}${']'.repeat(5000)}`
    await expect(readAll(`${head}- {"login": "ann", "settings": ${nested}}\n`)).rejects.toThrow('nested deeper')
  })
})
