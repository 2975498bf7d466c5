import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { equalSecrets } from '../../../src/lib/constant-time.ts'
import {
  deriveKey,
  generateApiKey,
  generateSetupPassword,
  generateToken,
  keyedHash,
  loadOrCreateSecret,
  seal,
  unseal,
} from '../../../src/lib/secrets.ts'

const secret = 'a secret of more than thirty-two characters'

describe('generated secrets', () => {
  it('have the promised form and do not repeat', () => {
    const made = Array.from({ length: 500 }, () => [generateApiKey(), generateSetupPassword(), generateToken()]).flat()
    expect(new Set(made).size).toBe(made.length)
    expect(generateApiKey()).toMatch(/^[0-9A-Za-z]{32}$/)
    expect(generateSetupPassword()).toMatch(/^([2-9A-HJKMNP-Z]{4}-){3}[2-9A-HJKMNP-Z]{4}$/)
    expect(Buffer.from(generateToken(), 'base64url')).toHaveLength(32)
  })

  it('carry at least 75 bits in a setup password', () => {
    const letters = new Set(Array.from({ length: 300 }, () => generateSetupPassword().replaceAll('-', '')).join(''))
    expect(16 * Math.log2(letters.size)).toBeGreaterThan(75)
  })
})

describe('keys and sealing', () => {
  it('derives a key per purpose', () => {
    const keys = [deriveKey(secret, 'a'), deriveKey(secret, 'b'), deriveKey(`${secret}!`, 'a')]
    expect(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size).toBe(3)
    expect(deriveKey(secret, 'a')).toEqual(keys[0])
    expect(keyedHash(deriveKey(secret, 'a'), 'x')).not.toBe(keyedHash(deriveKey(secret, 'b'), 'x'))
  })

  it('opens only with the same key and only unchanged', () => {
    const key = deriveKey(secret, 'seal')
    const sealed = seal(key, 'grüße')
    expect(unseal(key, sealed)).toBe('grüße')
    expect(seal(key, 'grüße')).not.toBe(sealed)
    expect(() => unseal(deriveKey(secret, 'other'), sealed)).toThrow()
    const bytes = Buffer.from(sealed.slice(3), 'base64url')
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
    expect(() => unseal(key, `v1.${bytes.toString('base64url')}`)).toThrow()
    for (const broken of ['', 'v2.abc', 'v1.', 'v1.AAAA']) expect(() => unseal(key, broken)).toThrow()
  })

  it('compares secrets of any length', () => {
    expect(equalSecrets('abc', 'abc')).toBe(true)
    expect(equalSecrets('abc', 'abcd')).toBe(false)
    expect(equalSecrets('', '')).toBe(true)
  })
})

describe('secret file', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'secret-'))
  })
  afterEach(async () => {
    await rm(folder, { recursive: true })
  })

  it('is made once, for the owner only', async () => {
    const dataDir = join(folder, 'data')
    const made = await loadOrCreateSecret(dataDir)
    expect(made.length).toBeGreaterThanOrEqual(32)
    expect(await loadOrCreateSecret(dataDir)).toBe(made)
    expect((await stat(join(dataDir, 'secret'))).mode & 0o777).toBe(0o600)
    expect(await readdir(dataDir)).toEqual(['secret'])
  })

  it('is closed again when others may read it', async () => {
    const made = await loadOrCreateSecret(folder)
    await chmod(join(folder, 'secret'), 0o644)
    expect(await loadOrCreateSecret(folder)).toBe(made)
    expect((await stat(join(folder, 'secret'))).mode & 0o777).toBe(0o600)
  })

  it('stops the start when it is damaged, instead of replacing it', async () => {
    await writeFile(join(folder, 'secret'), '')
    await expect(loadOrCreateSecret(folder)).rejects.toThrow('Restore the file from a backup')
  })
})
