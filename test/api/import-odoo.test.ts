import { randomUUID } from 'node:crypto'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runCli } from '../harness/child.ts'
import { UiClient, userPassword } from '../harness/clients.ts'
import { emptyDatabase, execute } from '../harness/database.ts'
import { odooDatabase } from '../harness/odoo.ts'
import { startTestService, type TestService, temporaryFolder } from '../harness/service.ts'

let service: TestService
beforeAll(async () => {
  service = await startTestService()
})
afterAll(() => service?.[Symbol.asyncDispose]())

const at = () => ['--data-dir', service.config.dataDir]
const left = async () => (await readdir(tmpdir())).filter((name) => /^ems-metadata-[A-Za-z0-9]{6}$/.test(name))

/** A role that may read a database and has a password nobody may read; its address of the database. */
async function reader(url: string): Promise<AsyncDisposable & { url: string }> {
  const name = `reader_${randomUUID().replaceAll('-', '')}`
  await execute(url, `create role ${name} login password 'very secret'; grant pg_read_all_data to ${name}`)
  const address = new URL(url)
  address.username = name
  address.password = 'very%20secret'
  return {
    url: String(address),
    [Symbol.asyncDispose]: async () => void (await execute(url, `drop role ${name}`)),
  }
}

it('moves an Odoo in with one command, tried first, and its people come with vouchers', {
  timeout: 120_000,
}, async () => {
  await using odoo = await odooDatabase()
  // Keys of devices in Odoo are long enough here.
  await execute(
    odoo.url,
    `update openems_device set apikey = 'key-of-device-' || name where coalesce(apikey, '') <> ''`,
  )
  await using reading = await reader(odoo.url)
  await using folder = await temporaryFolder()
  const before = await left()
  const tried = await runCli(['import', '--odoo', reading.url, '--dry-run', ...at()])
  expect([tried.code, tried.stdout]).toEqual([0, expect.stringContaining('nothing was changed')])
  expect(service.ctx.store.index.edgeByName('edge0')).toBeUndefined()
  const vouchers = join(folder.path, 'vouchers.csv')
  const done = await runCli(['import', '--odoo', reading.url, '--invitations', vouchers, ...at()])
  expect([done.code, done.stdout]).toEqual([0, expect.stringContaining('vouchers are in')])
  const lines = (await readFile(vouchers, 'utf8')).trim().split('\n')
  const token = lines.find((line) => line.startsWith('rita,'))?.split(',')[2] ?? ''
  await using ui = await UiClient.open(service)
  expect(await ui.request('openAccount', { invitation: token, password: userPassword })).toEqual({ login: 'rita' })
  await ui.signIn('rita')
  expect(await ui.request('getEdges', {})).toMatchObject({
    edges: expect.arrayContaining([expect.objectContaining({ id: 'edge1', role: 'installer' })]),
  })
  const again = await runCli(['import', '--odoo', reading.url, ...at()])
  expect(again.stdout).toMatch(/, 0 to invite/)
  const reports = await service.ctx.db.selectFrom('importJob').selectAll().execute()
  expect(reports.map(({ name, fileName }) => [name, fileName])).toContainEqual(['odoo', 'odoo.json'])
  const outputs = [tried, done, again].flatMap(({ stdout, stderr }) => [stdout, stderr])
  expect(JSON.stringify([outputs, reports])).not.toMatch(/very.{0,3}secret/)
  expect(await left()).toEqual(before)
})

it('says what is wrong with a database without its address, and leaves nothing behind', {
  timeout: 60_000,
}, async () => {
  const before = await left()
  const wrong = ['not an address', 'mysql://u:very%20secret@h/d', 'postgresql://u:very%20secret@127.0.0.1:1/d?x=%zz']
  for (const url of wrong) {
    const { code, stderr, stdout } = await runCli(['import', '--odoo', url, ...at()])
    expect([code === 0, stdout]).toEqual([false, ''])
    expect(stderr).toMatch(/^ems-metadata: .*(address like|let us in)/)
    expect(stderr).not.toMatch(/very.{0,3}secret/)
    expect(stderr.split('\n')).toHaveLength(2)
  }
  await using other = await emptyDatabase()
  const strange = await runCli(['import', '--odoo', other.url, ...at()])
  expect([strange.code, strange.stderr]).toEqual([1, expect.stringContaining('not the database of an Odoo')])
  for (const args of [['import'], ['import', 'x', '--odoo', other.url]]) {
    const { code, stderr } = await runCli([...args, ...at()])
    expect([code, stderr]).toEqual([2, expect.stringContaining('a file, or --odoo URL')])
  }
  expect(await left()).toEqual(before)
})

it('writes what it reads where nobody else can read it, also over a file that lay there', async () => {
  await using odoo = await odooDatabase()
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'odoo.json')
  await writeFile(file, 'x', { mode: 0o644 })
  const { code } = await runCli(['odoo-to-fleet', odoo.url, file])
  expect(code).toBe(0)
  expect((await stat(file)).mode & 0o777).toBe(0o600)
})
