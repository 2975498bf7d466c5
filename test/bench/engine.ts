/** The access engine in a process of its own, loaded from the database of a fleet, with the measuring side added. */
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { setImmediate as turn } from 'node:timers/promises'
import { AccessStore } from '../../src/access/access-store.ts'
import { readConfig } from '../../src/config.ts'
import { openDatabase } from '../../src/db/database.ts'
import { beginAllYoung } from '../../src/lib/young-objects.ts'
import { createLogger } from '../../src/log.ts'
import { sayReady } from './child.ts'
import { measureChecks, measureColdChecks } from './engine-checks.ts'
import { Crowd, type FleetFacts } from './engine-crowd.ts'
import { measureAudience, measureExplain } from './engine-explain.ts'
import { measurePages, type PagesWanted, sampleAnswers } from './engine-pages.ts'
import { measureUpdates } from './engine-updates.ts'
import { answerCommands, waitedMs } from './probe.ts'
import { fleetFile } from './world.ts'

/** What loading cost. */
export interface Loaded {
  ms: number
  cpuMs: number
  /** From then until all that makes answers quick is there, in slices between everything else, and the longest of those. */
  readyMs: number
  longestMs: number
  /** Resident after a collection, and the most there was. */
  residentMb: number
  peakMb: number
  edges: number
}

const { BENCH_FOLDER: folder = '', PATH: _path, ...env } = process.env
const config = readConfig(env)
const log = createLogger({ level: 'silent' })
const facts = JSON.parse(await readFile(fleetFile(folder), 'utf8')) as FleetFacts
await using database = await openDatabase({ url: config.databaseUrl, dataDir: config.dataDir, log })
await database.ping()
const startCpu = process.cpuUsage()
const startedAt = performance.now()
const store = new AccessStore({ database, log })
await store.start()
const ms = performance.now() - startedAt
const { user, system } = process.cpuUsage(startCpu)
const { index } = store
await store[Symbol.asyncDispose]()
// As the service does.
beginAllYoung()
let longestMs = 0
for (let isReady = false; !isReady; await turn()) {
  const waited = waitedMs()
  const slicedAt = performance.now()
  isReady = !index.work()
  longestMs = Math.max(longestMs, performance.now() - slicedAt - (waitedMs() - waited))
}
const readyMs = performance.now() - startedAt - ms
const crowd = new Crowd(index, facts)

answerCommands(
  {
    loaded: (): Loaded => {
      globalThis.gc?.()
      const peakMb = Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024
      const residentMb = process.memoryUsage().rss / 2 ** 20
      return { ms, cpuMs: (user + system) / 1000, readyMs, longestMs, residentMb, peakMb, edges: index.edgeCount }
    },
    checks: () => measureChecks(crowd),
    coldChecks: () => measureColdChecks(crowd),
    pages: (wanted?: PagesWanted) => measurePages(crowd, wanted),
    sample: () => sampleAnswers(crowd),
    updates: () => measureUpdates(crowd),
    explain: () => measureExplain(crowd),
    audience: () => measureAudience(crowd),
  },
  () => 0,
  async () => undefined,
)
sayReady({})
