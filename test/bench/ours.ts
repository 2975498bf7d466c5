/** The service in a process of its own, with the measuring side added. */
import { openSync } from 'node:fs'
import pg from 'pg'
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

answerCommands(
  {
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
