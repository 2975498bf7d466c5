/** The service in a process of its own, with the measuring side added. */
import { openSync } from 'node:fs'
import pg from 'pg'
import { insertGrant } from '../../src/access/grant-service.ts'
import { readConfig } from '../../src/config.ts'
import { LineWriter } from '../../src/lib/line-writer.ts'
import { createLogger } from '../../src/log.ts'
import { start } from '../../src/start.ts'
import { sayReady } from './child.ts'
import { answerCommands } from './probe.ts'

let statements = 0
const query = pg.Client.prototype.query as (...args: unknown[]) => unknown
Object.assign(pg.Client.prototype, {
  query(this: pg.Client, ...args: unknown[]) {
    statements++
    return query.apply(this, args)
  },
})

const { BENCH_LOG: logFile = '/dev/null', PATH: _path, ...env } = process.env
const config = readConfig(env)
const log = createLogger({
  level: config.logLevel,
  destination: new LineWriter(openSync(logFile, 'a'), 2 ** 24),
})
const started = await start({ config, log, anyPort: true })
const { ctx, service } = started

/** When this node applied a revision, in milliseconds of the machine. */
const appliedAt = new Map<number, number>()
const machineMs = () => performance.timeOrigin + performance.now()
ctx.store.onChange((changes) => {
  for (const { revision } of changes) appliedAt.set(revision, machineMs())
})

answerCommands(
  {
    /** Makes a grant as a request does; tells the revision and when the reply could go out. */
    grant: async ({ principalId, resourceId }: { principalId: number; resourceId: number }) => {
      const grant = { principalId, resourceId, role: 'guest', source: 'bench', grantedBy: null } as const
      await ctx.write({ actorId: null }, (write) => insertGrant(write, grant, 'grant.created'))
      return { revision: ctx.store.revision, at: machineMs() }
    },
    appliedAt: async (revision: number) => {
      await ctx.store.reach(revision)
      return appliedAt.get(revision)
    },
    revision: () => ctx.store.revision,
    settled: () => ctx.store.settled(),
    /** Largest resident size since the start, in bytes. */
    peakRss: () => process.resourceUsage().maxRSS * 1024,
    counts: () => ({
      online: ctx.hub.states.onlineCount,
      connected: ctx.hub.connectedCount,
      served: ctx.keyCopies?.edgeCount ?? 0,
    }),
  },
  () => statements,
  async () => started[Symbol.asyncDispose](),
)
sayReady({ ...service.ports })
