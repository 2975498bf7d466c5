import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Figure, limitFigure, median, round } from '../report.ts'
import type { EngineName } from '../world.ts'
import type { Bench, Measure } from './plan.ts'

const goals: Readonly<Record<EngineName, number>> = { embedded: 5000, postgres: 2000 }
const commandLine = fileURLToPath(new URL('../../../src/cli.ts', import.meta.url))
const SETTLED_MS = 3000

/** From the start of the process until every port listens, on data that is there already; and resident memory idle. */
export const start: Measure = async (bench) => [
  ...(await startOn(bench, 'postgres')),
  ...(await startOn(bench, 'embedded')),
]

async function startOn({ scale, world, say }: Bench, engine: EngineName): Promise<Figure[]> {
  const { env, edges } = await world(engine)
  const times: number[] = []
  const cpuSeconds: number[] = []
  const resident: number[] = []
  for (let turn = 0; turn < Math.min(3, scale.rounds); turn++) {
    const started = await serveOnce(env)
    times.push(started.ms)
    cpuSeconds.push(started.cpuMs)
    resident.push(started.residentMb)
    say(`${engine}: ${round(started.ms, 0)} ms, ${round(started.cpuMs, 0)} ms CPU, ${round(started.residentMb, 0)} MB`)
  }
  return [
    limitFigure({
      name: `start, ${engine}`,
      value: median(times),
      unit: 'ms',
      atMost: goals[engine],
      note: `${edges} edges; ${round(median(cpuSeconds), 0)} ms CPU; rounds ${times.map((ms) => round(ms, 0)).join(', ')}`,
    }),
    limitFigure({
      name: `resident idle, ${engine}`,
      value: median(resident),
      unit: 'MB',
      note: `${edges} edges known`,
    }),
  ]
}

/** One life of the service as an operator starts it: the banner is printed when the last port listens. */
async function serveOnce(env: Record<string, string>): Promise<{ ms: number; cpuMs: number; residentMb: number }> {
  const startedAt = performance.now()
  const child = spawn(process.execPath, [commandLine, 'serve'], {
    env: { PATH: process.env['PATH'] ?? '', EMS_LOG_LEVEL: 'warn', ...env, ...PORTS },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  try {
    await new Promise<void>((resolve, reject) => {
      let text = ''
      child.stdout.on('data', (chunk) => {
        text += String(chunk)
        if (text.includes('is running')) resolve()
      })
      child.once('exit', (code) => reject(new Error(`serve ended with ${code}: ${text}`)))
    })
    const ms = performance.now() - startedAt
    const cpuMs = await cpuOf(child.pid ?? 0)
    await sleep(SETTLED_MS)
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8')
    return { ms, cpuMs, residentMb: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024 }
  } finally {
    child.kill('SIGTERM')
    await ended
  }
}

/** Away from the classic ports, which somebody else may use on this machine. */
const PORTS = {
  EMS_HOST: '127.0.0.1',
  EMS_EDGE_PORT: '28081',
  EMS_UI_PORT: '28082',
  EMS_HTTP_PORT: '28080',
  EMS_BACKEND_PORT: '28076',
  EMS_REST_PORT: '28075',
}
const TICK_MS = 10

async function cpuOf(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}
