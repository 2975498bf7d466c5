import { openSync, readSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

/** What a server measured about itself between two marks. */
export interface Measured {
  cpuMs: number
  wallMs: number
  loopP50Ms: number
  loopP99Ms: number
  loopMaxMs: number
  statements: number
}
export interface Memory {
  rss: number
  heap: number
}
export type Commands = Readonly<Record<string, (argument: never) => unknown>>

const RESOLUTION_MS = 2
const SCHEDULER_STATISTICS = '/proc/thread-self/schedstat'
const line = Buffer.alloc(64)
let statistics: number | undefined

/** How long this thread has waited for a core while it could have run, in milliseconds; from Linux. */
export function waitedMs(): number {
  statistics ??= openSync(SCHEDULER_STATISTICS, 'r')
  const length = readSync(statistics, line, 0, line.length, 0)
  return Number(line.toString('latin1', 0, length).split(' ')[1]) / 1e6
}

/**
 * The measuring side of a server process: answers the commands of the bench process. CPU time is this process's own, all
 * threads together.
 */
export function answerCommands(extra: Commands, statements: () => number, stop: () => Promise<void>): void {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  let startCpu = process.cpuUsage()
  let startedAt = performance.now()
  let startStatements = 0
  const commands: Commands = {
    begin() {
      delay.reset()
      delay.enable()
      startStatements = statements()
      startedAt = performance.now()
      startCpu = process.cpuUsage()
    },
    end(): Measured {
      const { user, system } = process.cpuUsage(startCpu)
      const wallMs = performance.now() - startedAt
      delay.disable()
      const ms = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS)
      return {
        cpuMs: (user + system) / 1000,
        wallMs,
        loopP50Ms: ms(delay.percentile(50)),
        loopP99Ms: ms(delay.percentile(99)),
        loopMaxMs: ms(delay.max),
        statements: statements() - startStatements,
      }
    },
    async memory(): Promise<Memory> {
      for (let turn = 0; turn < 4; turn++) {
        globalThis.gc?.()
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      const { rss, heapUsed, external } = process.memoryUsage()
      return { rss, heap: heapUsed + external }
    },
    ...extra,
  }
  process.on('message', ({ id, command, argument }: { id: number; command: string; argument: never }) => {
    if (command === 'stop') return void stop().then(() => process.exit(0))
    void Promise.resolve()
      .then(() => commands[command]?.(argument))
      .then(
        (result) => process.send?.({ id, result }),
        (error: unknown) => process.send?.({ id, error: String(error) }),
      )
  })
  process.on('disconnect', () => process.exit(1))
}
