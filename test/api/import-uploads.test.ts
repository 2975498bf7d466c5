import { open, readdir, writeFile } from 'node:fs/promises'
import { type ClientRequest, request } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createOrganisation } from '../../src/organisations/organisation-service.ts'
import { runCli } from '../harness/child.ts'
import { type Json, ServiceClient, UiClient, type WireClient } from '../harness/clients.ts'
import { testClock } from '../harness/clock.ts'
import { recordingLog } from '../harness/log.ts'
import { addUser, fresh } from '../harness/seed.ts'
import { startTestService, type TestService, temporaryFolder } from '../harness/service.ts'

const MAX_BYTES = 100_000
const clock = testClock()
const recorded = recordingLog()
let service: TestService
let admin: UiClient
beforeAll(async () => {
  service = await startTestService({
    config: { importMaxFileBytes: MAX_BYTES },
    clock: clock.now,
    log: recorded.log,
  })
  admin = await UiClient.signedIn(service)
})
afterAll(async () => {
  await admin?.[Symbol.asyncDispose]()
  await service?.[Symbol.asyncDispose]()
})

const address = () => `${fresh('person')}@example.com`
const left = () => readdir(join(service.config.dataDir, 'imports'))
const put = async (name: string, body: string) => {
  const headers = { authorization: `Bearer ${admin.token}` }
  const answer = await fetch(`${service.urls.http}/imports/${name}`, { method: 'PUT', body, headers })
  return { status: answer.status, ...((await answer.json()) as { uploadId?: string; error?: string }) }
}
const run = async (client: WireClient, params: object) => {
  const { importId } = await client.request('importMasterData', params)
  await client.next(({ params }) => params?.['importId'] === importId && params?.['state'] !== undefined)
  return (await client.request('getImportReport', { importId })) as Json & { report: { problems: Json[] } }
}
/** An upload whose length nobody has said before, and what came of it. */
function streamed(): { sender: ClientRequest; answered: Promise<number> } {
  const headers = { authorization: `Bearer ${admin.token}`, 'transfer-encoding': 'chunked' }
  const sender = request(`${service.urls.http}/imports/stream.csv`, { method: 'PUT', headers })
  const answered = new Promise<number>((resolve, reject) => {
    sender.on('response', (response) => resolve(response.resume().statusCode ?? 0))
    sender.on('error', reject)
  })
  return { sender, answered }
}

describe('files that are sent', () => {
  it('are refused beyond the limit though nobody said how long they are, and nothing is left', async () => {
    const { sender, answered } = streamed()
    for (let sent = 0; sent <= MAX_BYTES; sent += 10_000) sender.write('x'.repeat(10_000))
    expect(await answered).toBe(413)
    sender.destroy()
    expect(await left()).toEqual([])
  })

  it('leave nothing when the sender breaks off in the middle', async () => {
    const { sender, answered } = streamed()
    sender.write('email\n')
    await vi.waitFor(async () => expect(await left()).toHaveLength(1))
    sender.destroy()
    await expect(answered).rejects.toThrow()
    await vi.waitFor(async () => expect(await left()).toEqual([]))
  })

  it.each([
    { code: 'ENOSPC', status: 507, text: 'The disk of the data folder is full' },
    { code: 'EIO', status: 500, text: 'The data folder cannot be written (EIO)' },
  ])('are answered $status when the disk takes them with $code, and the log has it', async ({ code, status, text }) => {
    await using file = await open(import.meta.filename)
    const failure = Object.assign(new Error(code), { code, syscall: 'write' })
    const write = vi.spyOn(Object.getPrototypeOf(file), 'write').mockRejectedValue(failure)
    try {
      expect(await put('people.csv', 'email\n')).toEqual({ status, error: expect.stringContaining(text) })
      const { sender, answered } = streamed()
      sender.write('email\n')
      expect(await answered).toBe(status)
      sender.destroy()
    } finally {
      write.mockRestore()
    }
    expect(recorded.messages()).toContain('a file that was sent could not be kept')
    expect(await left()).toEqual([])
  })

  it('come two at a time, each with its own content', async () => {
    const logins = [address(), address()]
    const sent = await Promise.all(logins.map((login) => put('same.csv', `email\n${login}\n`)))
    const reports = await Promise.all(sent.map(({ uploadId }) => run(admin, { upload: uploadId })))
    expect(reports).toMatchObject(logins.map((login) => ({ state: 'done', report: { invite: [login] } })))
    expect(await left()).toEqual([])
  })

  it('wait for an hour at most, and only some at once', async () => {
    const { error } = await put('first.csv', 'email\n').then(async (first) => {
      expect(first.status).toBe(200)
      for (let n = 0; n < 4; n++) expect((await put('next.csv', 'email\n')).status).toBe(200)
      return await put('more.csv', 'email\n')
    })
    expect(error).toContain('Too many files wait')
    clock.advance(3_600_001)
    await service.ctx.imports.uploads.forgetOld()
    expect(await left()).toEqual([])
  })

  it('come from nobody who may not import anything (G-14)', async () => {
    const { ctx } = service
    const [stranger, boss] = [await addUser(ctx), await addUser(ctx)]
    await createOrganisation(ctx, { actorId: null }, fresh('Own '), boss.id)
    const sentBy = async ({ login }: { login: string }) => {
      await using ui = await UiClient.signedIn(service, login)
      const headers = { authorization: `Bearer ${ui.token}` }
      return (await fetch(`${service.urls.http}/imports/x.csv`, { method: 'PUT', body: 'email\n', headers })).status
    }
    expect([await sentBy(stranger), await sentBy(boss)]).toEqual([403, 200])
    clock.advance(3_600_001)
    await ctx.imports.uploads.forgetOld()
    expect(await left()).toEqual([])
  })

  it('stay when the call that names them is wrong, for the next one', async () => {
    const login = address()
    const { uploadId } = await put('people.csv', `email\n${login}\n`)
    await expect(admin.request('importMasterData', { upload: uploadId, name: '../x' })).rejects.toThrow('The name')
    expect(await run(admin, { upload: uploadId })).toMatchObject({ state: 'done', fileName: 'people.csv' })
    expect(await left()).toEqual([])
  })

  it('have names that steer no terminal and lead nowhere', async () => {
    const { uploadId } = await put('..%2F..%2Fetc%2F%1B%5B31mx%00.csv', `email\u001b[2J,email\n${address()},x\n`)
    const report = await run(admin, { upload: uploadId })
    expect(report['fileName']).toBe('\ufffd[31mx\ufffd.csv')
    expect(JSON.stringify(report)).not.toContain('\\u001b')
  })
})

describe('files of the operator', () => {
  it('are files, and whole', async () => {
    await using folder = await temporaryFolder()
    await using local = await ServiceClient.local(service)
    const file = join(folder.path, 'people.csv')
    await expect(local.request('importMasterData', { path: folder.path })).rejects.toThrow('There is no file')
    await expect(local.request('importMasterData', { path: file })).rejects.toThrow('There is no file')
    await writeFile(file, `email\n${Array.from({ length: 4000 }, address).join('\n')}\n`)
    const others: Promise<unknown>[] = []
    const stop = service.ctx.imports.onProgress(({ progress }) => {
      if (progress.read > 0 && others.length === 0) others.push(writeFile(file, `email\n${address()}\n`))
    })
    const report = await run(local, { path: file })
    stop()
    await Promise.all(others)
    expect(report).toMatchObject({ state: 'failed', counts: { records: 0 } })
    expect(report.report.problems[0]?.['text']).toContain('changed while it was read')
    expect(await left()).toEqual([])
  })

  it('are no folder for the command line either', { timeout: 60_000 }, async () => {
    const tried = await runCli(['import', service.config.dataDir, '--data-dir', service.config.dataDir])
    expect(tried).toMatchObject({ code: 2, stderr: expect.stringContaining('There is no file') })
  })
})
