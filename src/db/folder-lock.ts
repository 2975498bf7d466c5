import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { problem } from '../errors.ts'

const FILE = 'lock'

/** Who holds the folder: a process id alone would be taken for another process after a restart. */
interface Holder {
  pid: number
  /** When that process began, as the system counts; empty where it does not tell. */
  began: string
}

/** Makes sure that only this process uses a folder; a lock that a dead process left is taken over. */
export async function lockFolder(folder: string): Promise<AsyncDisposable> {
  await mkdir(folder, { recursive: true })
  const path = join(folder, FILE)
  const own = JSON.stringify({ pid: process.pid, began: await beginOf(process.pid) } satisfies Holder)
  if (!(await createNew(path, own))) await takeOver(folder, path, own)
  return { [Symbol.asyncDispose]: () => rm(path, { force: true }) }
}

async function createNew(path: string, content: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx')
    await file.writeFile(content)
    await file.close()
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** @NOTE two processes may find the same dead holder: only who creates the claim may replace the lock. */
async function takeOver(folder: string, path: string, own: string): Promise<void> {
  const holder = await readHolder(path)
  if (holder !== undefined && (await isAlive(holder))) throw inUse(folder, holder.pid)
  const claim = `${path}.claim`
  if (!(await createNew(claim, own))) {
    const rival = await readHolder(claim)
    if (rival !== undefined && (await isAlive(rival))) throw inUse(folder, rival.pid)
    throw problem(`A start in ${folder} was cut off; delete ${claim} if no process uses the folder`)
  }
  try {
    const now = await readHolder(path)
    if (now !== undefined && (await isAlive(now))) throw inUse(folder, now.pid)
    await writeFile(`${path}.new`, own)
    await rename(`${path}.new`, path)
  } finally {
    await rm(claim, { force: true })
  }
}

/** Undefined: nobody, or a file that was never finished. */
async function readHolder(path: string): Promise<Holder | undefined> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const content = await readFile(path, 'utf8').catch(() => '')
    try {
      const { pid, began } = JSON.parse(content)
      if (Number.isInteger(pid) && typeof began === 'string') return { pid, began }
    } catch {
      await pause(50)
    }
  }
  return undefined
}

async function isAlive({ pid, began }: Holder): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  return (await beginOf(pid)) === began
}

/** The boot and the tick in which a process began; empty on systems without /proc. */
async function beginOf(pid: number): Promise<string> {
  try {
    const [boot, stat] = await Promise.all([
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
      readFile(`/proc/${pid}/stat`, 'utf8'),
    ])
    // The name of the program, in brackets, may contain spaces; the 20th field after it is the begin.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return `${boot.trim()}/${fields[19] ?? ''}`
  } catch {
    return ''
  }
}

function inUse(folder: string, pid: number): Error {
  return problem(`The database in ${folder} is in use by process ${pid}; stop it or use its methods`)
}
