import { Command } from 'commander'
import { describeSettings, readConfig } from '../config.ts'
import { seedDemo, startDemoFleet } from '../demo/demo.ts'
import { createLogger } from '../log.ts'
import { type StartedService, start } from '../start.ts'

const DEMO_DEFAULTS = {
  EMS_DATA_DIR: './data-demo',
  EMS_HOST: '127.0.0.1',
  ADMIN_PASSWORD: 'admin',
  EMS_BCRYPT_COST: '10',
  EMS_LOG_LEVEL: 'warn',
}
/** Settings the demo does not take from the environment: it never touches a real database. */
const DEMO_IGNORES = ['DATABASE_URL', 'EMS_SECRET']
const LAST_RESORT_MS = 9500

/** `serve`: the service itself. */
export function serveCommand(): Command {
  return new Command('serve')
    .description('Run the service')
    .option(
      '--demo',
      'a fleet of ten simulated edges with users admin, manager, installer, owner and guest (password = login), on this machine only',
    )
    .addHelpText('after', `\nSettings (environment variables):\n${describeSettings('help')}\n`)
    .action(async (options: { demo?: true }) => {
      await serve(options.demo === true)
    })
}

async function serve(demo: boolean): Promise<void> {
  const env: NodeJS.ProcessEnv = { ...(demo ? DEMO_DEFAULTS : {}), ...process.env }
  if (demo) for (const name of DEMO_IGNORES) delete env[name]
  const config = readConfig(env)
  const log = createLogger({ level: config.logLevel })
  const stopped = new Promise<string>((resolve) => {
    process.once('SIGTERM', () => resolve('SIGTERM'))
    process.once('SIGINT', () => resolve('SIGINT'))
  })
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'unhandled rejection'))
  {
    await using stack = new AsyncDisposableStack()
    const started = stack.use(await start({ config, log }))
    if (demo) {
      await seedDemo(started.ctx)
      if (started.service.ports.edge !== undefined) stack.use(startDemoFleet(started.service.ports.edge))
    }
    process.stdout.write(banner(started, { demo, tls: config.tlsCert !== undefined, host: config.host }))
    log.info({ ports: started.service.ports, revision: started.ctx.store.index.revision }, 'service started')
    const signal = await stopped
    log.info({ signal }, 'stopping')
    setTimeout(() => process.exit(1), LAST_RESORT_MS).unref()
  }
  log.info('stopped')
  log.flush()
}

/** The few lines a person wants to see after a start. */
function banner(started: StartedService, options: { demo: boolean; tls: boolean; host: string }): string {
  const { ports } = started.service
  const host = options.host === '0.0.0.0' || options.host === '::' ? 'localhost' : options.host
  const ws = options.tls ? 'wss' : 'ws'
  const lines = ['', 'ems-metadata is running']
  if (ports.edge) lines.push(`  edges      ${ws}://${host}:${ports.edge}   (header apikey)`)
  if (ports.ui) lines.push(`  UI         ${ws}://${host}:${ports.ui}   (OpenEMS UI, environment url)`)
  if (ports.edgeManager) lines.push(`  edge apps  ${ws}://${host}:${ports.edgeManager}   (Backend.Edge.App, header id)`)
  if (ports.http)
    lines.push(
      `  HTTP       ${options.tls ? 'https' : 'http'}://${host}:${ports.http}   (/healthz /readyz /metrics, sockets under /edge /ui /service /backend)`,
    )
  if (ports.backend) lines.push(`  backends   ${ws}://${host}:${ports.backend}   (header Authorization)`)
  if (ports.rest)
    lines.push(
      `  REST       ${options.tls ? 'https' : 'http'}://${host}:${ports.rest}/jsonrpc   (header Authorization)`,
    )
  const folder = options.demo ? `; add --data-dir ${started.ctx.config.dataDir}` : ''
  lines.push(`  operator   ${started.controlSocket}   (npx ems-metadata --help${folder})`)
  if (options.demo) lines.push('  log in as admin, manager, installer, owner or guest; the password is the login')
  if (started.generatedAdminPassword !== undefined) {
    lines.push(
      '',
      `  First administrator: login admin, password ${started.generatedAdminPassword}`,
      '  It is shown this once. Change it after the first log-in.',
    )
  }
  return `${lines.join('\n')}\n\n`
}
