import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { ConfigError, describeSettings, readConfig } from '../../src/config.ts'
import { settings } from '../../src/settings.ts'

function problems(env: Record<string, string>): string {
  try {
    readConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return ''
}

describe('settings', () => {
  it('are in the README as they are in the code', async () => {
    const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
    const table = /<!-- settings -->\n([\s\S]*?)<!-- \/settings -->/.exec(readme)?.[1]
    expect(table?.trim()).toBe(describeSettings('markdown'))
  })

  it('have a sentence and a readable default each', () => {
    for (const [name, setting] of Object.entries(settings)) {
      expect([name, setting.description]).toEqual([name, expect.stringMatching(/\.$|\)$/)])
      if (setting.default !== undefined) expect(setting.schema.safeParse(setting.default).success).toBe(true)
    }
    expect(readConfig({})).toMatchObject({
      edgePort: 8081,
      uiPort: 8082,
      httpPort: 8080,
      registration: 'closed',
      compression: false,
    })
  })

  it('stop a start that would not do what was meant, with what to do', () => {
    expect(problems({ EMS_UIPORT: '1' })).toMatch(/^EMS_UIPORT is not a setting\. Did you mean EMS_UI_PORT\?/)
    expect(problems({ EMS_UI_PORT: 'http' })).toMatch(/^EMS_UI_PORT is "http"/)
    expect(problems({ TLS_CERT: 'a.pem' })).toMatch(/^TLS_CERT and TLS_KEY belong together/)
    expect(problems({ TLS_KEY: 'a.pem' })).toMatch(/^TLS_CERT and TLS_KEY belong together/)
    expect(problems({ DATABASE_URL: 'postgres://x' })).toMatch(/^EMS_SECRET is needed with DATABASE_URL/)
    expect(problems({ EMS_UI_PORT: '70000', EMS_X: '1', TLS_KEY: 'a' }).split('\n')).toHaveLength(3)
    expect(problems({ HOME: '/', PATH: '/bin', EMS_UI_PORT: '' })).toBe('')
  })

  it('never show a secret', () => {
    expect(problems({ EMS_SECRET: 'too-short', EMS_METRICS_TOKEN: 'short-too' })).not.toMatch(/too-short|short-too/)
  })
})
