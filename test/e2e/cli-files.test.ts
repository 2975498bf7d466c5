import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createOrganisation } from '../../src/organisations/organisation-service.ts'
import { runCli } from '../harness/child.ts'
import { userPassword } from '../harness/clients.ts'
import { addUser, fresh } from '../harness/seed.ts'
import { startTestService, type TestService, temporaryFolder } from '../harness/service.ts'

let service: TestService
let folder: Awaited<ReturnType<typeof temporaryFolder>>
let owner: string
let organisation: string
let file: string
const login = 'tenant@example.com'
beforeAll(async () => {
  service = await startTestService()
  folder = await temporaryFolder()
  const boss = await addUser(service.ctx)
  owner = boss.login
  organisation = String((await createOrganisation(service.ctx, { actorId: null }, 'Mill', boss.id)).id)
  file = join(folder.path, 'people.csv')
  await writeFile(file, `email\n${login}\n`)
})
afterAll(async () => {
  await service?.[Symbol.asyncDispose]()
  await folder?.[Symbol.asyncDispose]()
})

const asOwner = (args: string[], url: string) =>
  runCli([...args, '--url', url, '--as', owner, '--organisation', organisation], { EMS_LOGIN_PASSWORD: userPassword })
const byPath = () => `${service.urls.http.replace('http', 'ws')}/ui`
const onMachine = (args: string[]) => runCli([...args, '--data-dir', service.config.dataDir])

describe('files as a person', { timeout: 60_000 }, () => {
  it('go over the HTTP port, with his rights', async () => {
    const imported = await asOwner(['import', file], byPath())
    expect(imported).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('Imported (') })
    expect(service.ctx.store.index.userByLogin(login)).toBeDefined()
    const target = join(folder.path, 'fleet.json')
    expect(await asOwner(['export', target], byPath())).toMatchObject({ code: 0, stderr: '' })
    expect(await readFile(target, 'utf8')).toContain('Mill')
  })

  it('are told to go there when the address is another', async () => {
    const target = join(folder.path, 'nothing.json')
    for (const args of [
      ['import', file],
      ['export', target],
    ]) {
      const { code, stdout, stderr } = await asOwner(args, service.urls.ui)
      expect([code, stdout, stderr]).toEqual([2, '', expect.stringContaining('ws://host:8080/ui with --as')])
      expect(stderr.trim().split('\n')).toHaveLength(1)
    }
    const nowhere = await runCli(['export', '--as', owner])
    expect(nowhere).toMatchObject({ code: 2, stderr: expect.stringContaining('--as needs --url') })
  })
})

describe('the command line about an import', { timeout: 60_000 }, () => {
  it('says that it was applied before vouchers come to grief, and how to make them', async () => {
    const one = join(folder.path, 'one.csv')
    await writeFile(one, `email\n${fresh('one')}@example.com\n`)
    const args = ['import', one, '--invitations', join(folder.path, 'vouchers.csv'), '--valid-days', '1000000']
    const people = await onMachine(args)
    const [, id = ''] = /Imported \(([0-9a-f-]{36})\)/.exec(people.stdout) ?? []
    expect([people.code, people.stderr]).toEqual([1, expect.stringContaining(`Imported as ${id}; `)])
    expect(people.stderr).toContain(`ems-metadata invite-imported ${id} FILE`)
    const machine = await onMachine([...args, '--json'])
    expect([machine.code, JSON.parse(machine.stdout)]).toMatchObject([1, { state: 'done' }])
    expect(JSON.parse(machine.stderr)).toMatchObject({ error: { message: expect.stringContaining('Imported as ') } })
  })

  it('does not wait for ever for one that nobody works on', async () => {
    const { db } = service.ctx
    await sql`create function forget() returns trigger as $$ begin new.state := 'running'; return new; end $$ language plpgsql`.execute(
      db,
    )
    await sql`create trigger forget before update on import_job for each row execute function forget()`.execute(db)
    const { code, stderr } = await onMachine(['import', file, '--dry-run'])
    await sql`drop function forget cascade`.execute(db)
    expect([code, stderr]).toEqual([1, expect.stringContaining('ask later with "ems-metadata import-report')])
  })
})
