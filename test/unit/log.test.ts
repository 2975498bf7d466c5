import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { AppError } from '../../src/errors.ts'
import { createLogger } from '../../src/log.ts'
import { recordingLog } from '../harness/log.ts'

const secrets = {
  password: 'hunter2',
  oldPassword: 'hunter2',
  newPassword: 'hunter2',
  passwordHash: 'hunter2',
  password_hash: 'hunter2',
  setupPassword: 'hunter2',
  setup_password_hash: 'hunter2',
  token: 'hunter2',
  refreshToken: 'hunter2',
  tokenHash: 'hunter2',
  token_hash: 'hunter2',
  apikey: 'hunter2',
  apiKey: 'hunter2',
  'api-key': 'hunter2',
  keyHash: 'hunter2',
  secret: 'hunter2',
  Authorization: 'hunter2',
  cookie: 'hunter2',
  'Set-Cookie': 'hunter2',
  sealedPrivateJwk: 'hunter2',
}

describe('the log', () => {
  it('never shows a secret, wherever it stands', () => {
    const { log, lines } = recordingLog()
    log.info(secrets, 'at the top')
    log.info({ request: { headers: secrets, list: [{ deep: [secrets] }] } }, 'deep down')
    log.child(secrets).info('in a child')
    log.child({ socket: secrets }).info({ more: secrets }, 'in a child, nested')
    log.error({ err: Object.assign(new Error('failed'), { request: secrets, ...secrets }) }, 'on an error')
    log.error({ err: new Error('outer', { cause: Object.assign(new Error('inner'), secrets) }) }, 'on a cause')
    log.error({ error: Object.assign(new Error('failed'), secrets) }, 'on an error under another name')
    log.error(Object.assign(new Error('bare'), secrets))
    expect(lines).toHaveLength(8)
    for (const line of lines) expect(JSON.stringify(line), String(line.msg)).not.toContain('hunter2')
    expect(lines[0]).toMatchObject({ password: '[redacted]', Authorization: '[redacted]' })
  })

  it('keeps everything else as it is', () => {
    const { log, lines } = recordingLog()
    const at = new Date('2026-03-01T00:00:00.000Z')
    const fields = {
      method: 'getEdge',
      durationMs: 1.5,
      at,
      list: [1, 'a', null],
      tokens: 3,
      tokenDays: 1,
      keyCount: 2,
      nested: { a: { b: true } },
    }
    log.child({ connectionId: 7 }).info({ ...fields, nothing: undefined, password: null }, 'call finished')
    expect(lines[0]).toMatchObject({
      ...fields,
      at: at.toISOString(),
      connectionId: 7,
      password: null,
      msg: 'call finished',
    })
  })

  it('shows an error with its kind, stack and cause', () => {
    const { log, lines } = recordingLog()
    log.error({ err: new AppError('unavailable', [], new Error('no route')) }, 'failed')
    expect(lines[0]).toMatchObject({
      err: { type: 'AppError', kind: 'unavailable', stack: expect.any(String), cause: { message: 'no route' } },
    })
  })

  it('stops at objects that contain themselves', () => {
    const { log, lines } = recordingLog()
    const circle: Record<string, unknown> = { name: 'circle' }
    circle.self = circle
    log.info({ circle }, 'round')
    expect(lines).toHaveLength(1)
  })

  it('says nothing when silent', () => {
    const lines: string[] = []
    createLogger({ level: 'silent', destination: { write: (line) => void lines.push(line) } }).fatal('boo')
    expect(lines).toEqual([])
  })

  it.each(['end', 'process.exit(0)', 'throw new Error("crash")'])('is complete after %s', (ending) => {
    const program = `
      const { createLogger } = await import(${JSON.stringify(new URL('../../src/log.ts', import.meta.url).href)})
      const log = createLogger({ level: 'info' })
      for (let n = 0; n < 1000; n++) log.info({ n }, 'line')
      ${ending === 'end' ? '' : ending}`
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
    expect(stdout.trim().split('\n')).toHaveLength(1000)
  })
})
