/** The service in a process of its own, with the measuring side added. */
import pg from 'pg'
import { destination } from 'pino'
import { readConfig } from '../../src/config.ts'
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
  destination: destination({ dest: logFile, sync: false, minLength: 4096, periodicFlush: 1000 }),
})
const started = await start({ config, log, anyPort: true })
const { ctx, service } = started

answerCommands(
  {
    counts: () => ({ online: ctx.hub.states.onlineCount, connected: ctx.hub.connectedCount }),
  },
  () => statements,
  async () => started[Symbol.asyncDispose](),
)
sayReady({ ...service.ports })
