import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
  randomInt,
} from 'node:crypto'
import { chmod, mkdir, open, readFile, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** The configured secret is at least this long. */
export const MIN_SECRET_LENGTH = 32

const base62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
/** Without 0, O, 1, I and L: these are read from labels and typed by hand. */
const unambiguous = '23456789ABCDEFGHJKMNPQRSTUVWXYZ'

/** Key of an edge: 32 letters and digits, 190 bits. */
export function generateApiKey(): string {
  return randomText(base62, 32)
}

/** Setup password in OpenEMS's form XXXX-XXXX-XXXX-XXXX, 79 bits. */
export function generateSetupPassword(): string {
  return Array.from({ length: 4 }, () => randomText(unambiguous, 4)).join('-')
}

/** Token for a service, an invitation or a link: 256 bits. */
export function generateToken(): string {
  return randomBytes(32).toString('base64url')
}

/** Voucher that people copy and spreadsheets leave alone: 43 letters and digits, 256 bits. */
export function generateVoucher(): string {
  return randomText(base62, 43)
}

/** What is stored of a high-entropy secret: without the pepper a stolen table cannot even be tried against. */
export function keyedHash(pepper: Uint8Array, secret: string): string {
  let key = pepperKeys.get(pepper)
  if (key === undefined) {
    key = createSecretKey(pepper)
    pepperKeys.set(pepper, key)
  }
  return createHmac('sha256', key).update(secret).digest('base64url')
}

/** Making a key costs several times as much as a hash with it, and storms of edges need many hashes. */
const pepperKeys = new WeakMap<Uint8Array, KeyObject>()

/** A key of its own for each purpose, from the one configured secret. */
export function deriveKey(secret: string, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, 'ems-metadata', purpose, 32))
}

/** Encrypts with AES-256-GCM: `v1.` and base64url of nonce, tag and text. */
export function seal(key: Uint8Array, text: string): string {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return `v1.${Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url')}`
}

/** Opens what `seal` made; throws if the key is another or the text was changed. */
export function unseal(key: Uint8Array, sealed: string): string {
  if (!sealed.startsWith('v1.')) throw new Error('unknown form of a sealed text')
  const bytes = Buffer.from(sealed.slice(3), 'base64url')
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12), { authTagLength: 16 })
  decipher.setAuthTag(bytes.subarray(12, 28))
  return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8')
}

/** The secret of an installation without configuration: a file in the data folder, made at the first start. */
export async function loadOrCreateSecret(dataDir: string): Promise<string> {
  const path = join(dataDir, 'secret')
  return (await readSecretFile(path)) ?? (await createSecretFile(dataDir, path))
}

async function readSecretFile(path: string): Promise<string | undefined> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (found === undefined) return undefined
  if ((found.mode & 0o077) !== 0) await chmod(path, 0o600)
  const secret = (await readFile(path, 'utf8')).trim()
  if (secret.length >= MIN_SECRET_LENGTH) return secret
  throw new Error(
    `The secret in ${path} is damaged (shorter than ${MIN_SECRET_LENGTH} characters). Restore the file from a backup; ` +
      'without it, sessions, API keys and tokens that were handed out are void.',
  )
}

async function createSecretFile(dataDir: string, path: string): Promise<string> {
  const secret = generateToken()
  const unfinished = `${path}.new`
  await mkdir(dataDir, { recursive: true })
  const file = await open(unfinished, 'w', 0o600)
  try {
    await file.writeFile(`${secret}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(unfinished, path)
  return secret
}

function randomText(alphabet: string, length: number): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('')
}
