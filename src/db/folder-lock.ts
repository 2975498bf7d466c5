import { once } from 'node:events'
import { lstat, mkdir, rm } from 'node:fs/promises'
import { createConnection, createServer } from 'node:net'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { problem } from '../errors.ts'

const FILE = 'lock'
const ANSWER_MS = 1000
/** Nobody listens there, or there is no such file. */
const isLeft = new Set<unknown>(['ECONNREFUSED', 'ENOENT'])

/**
 * Makes sure that only one process uses a folder; a lock that a dead process left is taken over. The lock is a socket on
 * which its holder listens, as process ids say nothing to a process in another container that has the same folder. It holds
 * among the processes of one kernel: not among machines that share a folder, as over NFS.
 */
export async function lockFolder(folder: string): Promise<AsyncDisposable> {
  await mkdir(folder, { recursive: true })
  const path = join(folder, FILE)
  return (await listen(path)) ?? (await takeOver(folder, path))
}

/** @NOTE two processes may find the same dead holder: only who has the claim may replace the lock. */
async function takeOver(folder: string, path: string): Promise<AsyncDisposable> {
  const dead = await leftAt(folder, path)
  const claimPath = `${path}.claim`
  await using claim = await listen(claimPath)
  if (claim === undefined) {
    const rival = await holderOf(claimPath)
    if (rival !== undefined) throw inUse(folder, rival)
    throw problem(`A start in ${folder} was cut off; delete ${claimPath} if no process uses the folder`)
  }
  const left = await leftAt(folder, path)
  // What is new since the first look may be a lock that somebody took meanwhile.
  if (left !== undefined && left !== dead) throw inUse(folder, 'another process')
  if (left !== undefined) await rm(path, { force: true })
  const lock = await listen(path)
  if (lock === undefined) throw inUse(folder, (await holderOf(path)) ?? 'another process')
  return lock
}

/** Which file a dead holder left, undefined when there is none; throws when somebody holds the lock, or it is something else. */
async function leftAt(folder: string, path: string): Promise<string | undefined> {
  const holder = await holderOf(path)
  if (holder !== undefined) throw inUse(folder, holder)
  try {
    const file = await lstat(path, { bigint: true })
    if (file.isSocket()) return `${file.ino} ${file.ctimeNs}`
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  throw problem(`${path} is not a lock of this version; delete it if no process uses the folder`)
}

/** Listens until disposed, which removes the file; undefined when the file is there already. */
async function listen(path: string): Promise<AsyncDisposable | undefined> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined).end(`process ${process.pid} on ${hostname()}`)
  })
  try {
    await once(server.listen({ path, exclusive: true }), 'listening')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined
    throw error
  }
  server.unref()
  return server
}

/** Who holds a lock; undefined when nobody does any more. */
async function holderOf(path: string): Promise<string | undefined> {
  const socket = createConnection(path)
  try {
    await once(socket, 'connect')
  } catch (error) {
    if (isLeft.has((error as NodeJS.ErrnoException).code)) return undefined
    throw error
  }
  // A holder that is busy or stopped does not answer, and holds the lock all the same.
  const timer = setTimeout(() => socket.destroy(), ANSWER_MS)
  try {
    return (await text(socket)) || 'another process'
  } catch {
    return 'another process'
  } finally {
    clearTimeout(timer)
  }
}

function inUse(folder: string, holder: string): Error {
  return problem(`The database in ${folder} is in use by ${holder}; stop it or use its methods`)
}
