import { readdir, readFile } from 'node:fs/promises'
import { setPriority } from 'node:os'

const POOL_THREAD = 'libuv-worker'
/** A tenth of the main thread's share when both want the same core; all of it when the main thread rests. */
const NICENESS = 10
const tasks = '/proc/self/task'

/**
 * Lets the main thread go before the thread pool, so that passwords being hashed on every core do not hold up answers.
 * Returns how many threads took it: none where the system has no priorities of threads (only Linux has).
 */
export async function putPoolBehindMainThread(): Promise<number> {
  if (process.platform !== 'linux') return 0
  const ids = await readdir(tasks).catch(() => [])
  const changed = await Promise.all(
    ids.map(async (id) => {
      try {
        const name = await readFile(`${tasks}/${id}/comm`, 'utf8')
        if (name.trim() !== POOL_THREAD) return 0
        setPriority(Number(id), NICENESS)
        return 1
      } catch {
        // A thread that has ended, or a system that forbids it: the service works either way.
        return 0
      }
    }),
  )
  return changed.reduce((sum: number, one) => sum + one, 0)
}
