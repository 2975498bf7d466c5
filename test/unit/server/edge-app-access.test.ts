import { describe, expect, it } from 'vitest'
import { readConfig } from '../../../src/config.ts'
import { requireSafeEdgeManager } from '../../../src/server/edge-app-access.ts'

const seals = { EMS_EDGE_KEY_SEALS: 'a seal that is long enough to be one' }
const secret = { EMS_EDGE_MANAGER_SECRET: 'a secret that is long enough to be one' }
const tls = { TLS_CERT: 'cert.pem', TLS_KEY: 'key.pem' }
const port = { EMS_EDGE_MANAGER_PORT: '8083' }
const check = (env: Record<string, string>) => () => requireSafeEdgeManager(readConfig(env))

describe('the port that hands out every API key', () => {
  it('is off unless somebody wants it', () => {
    expect(readConfig({}).edgeManagerPort).toBe(0)
    expect(check({})).not.toThrow()
    expect(check({ ...secret, ...seals })).not.toThrow()
  })

  it.each([
    ['a secret', secret],
    ['two secrets, while one is changed', { EMS_EDGE_MANAGER_SECRET: `${'a'.repeat(32)}, ${'b'.repeat(32)}` }],
    ['certificates', { ...tls, EMS_EDGE_MANAGER_CLIENT_CA: 'ca.pem' }],
    ['loopback', { EMS_EDGE_MANAGER_HOST: '127.0.0.1' }],
    ['loopback of version 6', { EMS_EDGE_MANAGER_HOST: '::1' }],
    ['loopback for everything', { EMS_HOST: 'localhost' }],
  ])('starts with %s', (_what, env) => {
    expect(check({ ...port, ...seals, ...env })).not.toThrow()
  })

  it.each([
    ['open to everybody', seals, /tells every API key .* set EMS_EDGE_MANAGER_SECRET/],
    [
      'open to everybody again',
      { ...seals, EMS_HOST: '127.0.0.1', EMS_EDGE_MANAGER_HOST: '::' },
      /tells every API key/,
    ],
    ['without a seal', secret, /needs EMS_EDGE_KEY_SEALS.*openssl/],
    ['certificates without TLS', { ...seals, EMS_EDGE_MANAGER_CLIENT_CA: 'ca.pem' }, /needs TLS: set TLS_CERT/],
  ])('does not start %s, and says what to do', (_what, env, text) => {
    expect(check({ ...port, ...env })).toThrow(text)
  })

  it('wants secrets that cannot be guessed, and does not repeat them', () => {
    expect(check({ ...port, ...seals, EMS_EDGE_MANAGER_SECRET: 'short' })).toThrow(
      /EMS_EDGE_MANAGER_SECRET must be right/,
    )
    expect(check({ EMS_EDGE_KEY_SEALS: `${'a'.repeat(32)},short` })).toThrow(/EMS_EDGE_KEY_SEALS must be right/)
  })
})
