import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { fleetJsonSchema } from '../../../src/import/fleet-format.ts'
import type { ImportItem, ImportRecord } from '../../../src/import/model.ts'
import { detectFormat, readImport } from '../../../src/import/readers.ts'
import { emptyWorld, exported, fileOf, limits, restored } from './fleet-restore.ts'

const yamlHead = 'format: ems-metadata-fleet\nversion: 1\n'
const fixture = (name: string) => readFile(new URL(`../../fixtures/import/${name}`, import.meta.url), 'utf8')

async function read(text: string, pieceBytes?: number, given = limits): Promise<ImportItem[]> {
  const items: ImportItem[] = []
  for await (const item of readImport(fileOf(text, pieceBytes), {}, given, 'fleet')) items.push(item)
  return items
}

async function problems(text: string, pieceBytes?: number, given = limits) {
  const items = await read(text, pieceBytes, given)
  return items.filter((item) => item.kind === 'problem').map(({ place, text, value }) => ({ ...place, text, value }))
}

describe('the file of a fleet', () => {
  it('is recognised by what it says of itself, and reads the same as JSON and as YAML', async () => {
    const [json, yaml] = [await fixture('fleet.json'), await fixture('fleet.yaml')]
    expect((await detectFormat(fileOf(json), {}))?.name).toBe('fleet')
    expect((await detectFormat(fileOf(yaml), {}))?.name).toBe('fleet')
    const bare = (items: ImportItem[]) => items.map((item) => ({ ...item, place: undefined }))
    expect(bare(await read(yaml, 7))).toEqual(bare(await read(json, 7)))
    expect(await exported(restored((await read(json)) as ImportRecord[]))).toMatchSnapshot()
  })

  it('with nothing in it can be written and read', async () => {
    for (const format of ['json', 'yaml'] as const) expect(await read(await exported(emptyWorld(), format))).toEqual([])
  })

  it('is refused member by member, every mistake with its place and all at once', async () => {
    const text = `${yamlHead}edges:\n- id: edge1\n  colour: red\n  apiKey: 5\n- id: ''\nusers:\n  bob: {}\ncars: []\ngrants:\n- to: {}\n  on: { platform: true }\n  role: x\n  validFrom: yesterday\n`
    expect(await problems(text, 11)).toEqual([
      {
        file: 'fleet',
        row: 4,
        path: 'edges[0].apiKey',
        text: expect.stringContaining('must be text'),
        value: undefined,
      },
      {
        file: 'fleet',
        row: 4,
        path: 'edges[0]',
        text: 'There is no member colour here: correct or delete it',
        value: undefined,
      },
      { file: 'fleet', row: 7, path: 'edges[1].id', text: expect.stringContaining('Too small'), value: '' },
      { file: 'fleet', row: 8, path: 'users', text: 'This must be a list', value: undefined },
      {
        file: 'fleet',
        row: 10,
        path: 'cars',
        text: expect.stringContaining('There is no such member'),
        value: undefined,
      },
      {
        file: 'fleet',
        row: 12,
        path: 'grants[0].to',
        text: 'names one of user, userGroup, service and public: true',
        value: undefined,
      },
      {
        file: 'fleet',
        row: 12,
        path: 'grants[0].validFrom',
        text: expect.stringContaining('Write a time in UTC'),
        value: 'yesterday',
      },
    ])
    const json = '{"format": "ems-metadata-fleet", "version": 1, "cars": 5, "users": {"a": {}}, "sites": [{"key": 1}]}'
    expect((await problems(json, 3)).map(({ path }) => path)).toEqual([
      'cars',
      'users',
      'sites[0].key',
      'sites[0].name',
      'sites[0].organisation',
    ])
  })

  it('of another version or of none is refused as a whole', async () => {
    const fatal = async (text: string) => (await read(text)).find((item) => item.kind === 'problem' && item.isFatal)
    expect(await fatal('{"format": "ems-metadata-fleet", "version": 2, "users": []}')).toMatchObject({
      place: { path: 'version' },
    })
    expect(await fatal('{"format": "ems-metadata-fleet"}')).toMatchObject({ rule: 'format' })
    expect(await fatal('version: 1\nusers: []\n')).toMatchObject({
      text: 'A fleet file says "format": "ems-metadata-fleet"',
    })
  })

  it('that is hostile or cut off is refused with a sentence', async () => {
    const only = async (text: string, pieceBytes = 5000) =>
      (await problems(text, pieceBytes)).map((found) => found.text)
    const head = '{"format": "ems-metadata-fleet", "version": 1, "users": ['
    expect(await only(`${head}{"login": "a"`)).toEqual([expect.stringContaining('This is not JSON')])
    expect(await only(`${head}{"settings": ${'['.repeat(100)}`)).toEqual(['Values are nested deeper than 64'])
    expect(await only(`${head}"${'a'.repeat(1_100_000)}"]}`, 50_000)).toEqual([
      expect.stringContaining('An entry has more than'),
    ])
    expect(await only('[1]')).toEqual([expect.stringContaining('begins a member')])
    const bomb = `users:\n- &a { login: ann }\n- { login: bob, settings: { x: [*a, *a] } }\n- settings: ${'['.repeat(20_000)}\n`
    const found = await only(yamlHead + bomb)
    expect(
      found.filter((text) => text.startsWith('This entry cannot be read') || text.startsWith('Values are nested')),
    ).toHaveLength(2)
    expect(await only(`${yamlHead}users:\n- login: ${'a'.repeat(70_000)}`)).toEqual([
      expect.stringContaining('characters'),
    ])
    expect(await only(`${yamlHead}---\nusers: []\n`)).toEqual(['A file is one YAML document, without directives'])
    expect(
      await problems(`${yamlHead}users:\n- login: ann\n- login: bob\n`, 9, { ...limits, maxRows: 1 }),
    ).toHaveLength(1)
  })

  it('has a schema that names every list', () => {
    const schema = fleetJsonSchema() as { properties: Record<string, unknown>; additionalProperties: boolean }
    expect(schema.additionalProperties).toBe(false)
    expect(Object.keys(schema.properties)).toEqual([
      'format',
      'version',
      'organisations',
      'roles',
      'users',
      'services',
      'userGroups',
      'memberships',
      'sites',
      'edges',
      'edgeGroups',
      'containments',
      'grants',
    ])
  })

  it('never shows a secret, neither written nor as the value of a problem', async () => {
    const text = `${yamlHead}edges:\n- id: edge1\n  apiKey: ${'k'.repeat(600)}\n`
    expect(JSON.stringify(await read(text))).not.toContain('kkkk')
    const world = restored((await read(await fixture('fleet.json'))) as ImportRecord[])
    expect(await exported(world)).not.toContain('a-key-the-device-has-already')
  })
})
