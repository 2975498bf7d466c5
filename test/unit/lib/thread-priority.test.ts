import { readdir, readFile } from 'node:fs/promises'
import { getPriority } from 'node:os'
import { expect, it } from 'vitest'
import { putPoolBehindMainThread } from '../../../src/lib/thread-priority.ts'

it.runIf(process.platform === 'linux')('puts the thread pool behind the main thread', async () => {
  const before = getPriority()
  expect(await putPoolBehindMainThread()).toBeGreaterThan(0)
  const tasks = await readdir('/proc/self/task')
  const pool = await Promise.all(
    tasks.map(async (id) => ({ id: Number(id), name: await readFile(`/proc/self/task/${id}/comm`, 'utf8') })),
  )
  const priorities = pool.filter(({ name }) => name.trim() === 'libuv-worker').map(({ id }) => getPriority(id))
  expect(new Set(priorities)).toEqual(new Set([10]))
  expect(getPriority(process.pid)).toBe(before)
})
