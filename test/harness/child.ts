import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const cli = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

export interface Finished {
  code: number | null
  stdout: string
  stderr: string
}

/** The environment of a process: nothing of ours by accident. */
function environment(env: Record<string, string>): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', EMS_BCRYPT_COST: '4', EMS_LOG_LEVEL: 'warn', ...env }
}

/** Runs the command line to its end. */
export async function runCli(args: readonly string[], env: Record<string, string> = {}): Promise<Finished> {
  const child = spawn(process.execPath, [cli, ...args], { env: environment(env), stdio: ['ignore', 'pipe', 'pipe'] })
  const output = collect(child)
  const code = await ended(child)
  return { code, ...output() }
}

/** A command that runs until it is stopped; `said` waits for something on its standard output. */
export interface RunningCli extends AsyncDisposable {
  said: (pattern: RegExp) => Promise<RegExpExecArray>
  end: (signal: NodeJS.Signals) => Promise<Finished>
}

/** Starts such a command. */
export function startCli(args: readonly string[], env: Record<string, string> = {}): RunningCli {
  const child = spawn(process.execPath, [cli, ...args], { env: environment(env), stdio: ['ignore', 'pipe', 'pipe'] })
  const output = collect(child)
  const gone = ended(child)
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal)
    return { code: await gone, ...output() }
  }
  const said = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = () => {
        const found = pattern.exec(output().stdout)
        if (found) resolve(found)
      }
      child.stdout?.on('data', look)
      look()
      gone.then(() => reject(new Error(`The command ended:\n${output().stdout}${output().stderr}`)), reject)
    })
  return { said, end, [Symbol.asyncDispose]: async () => void (await end('SIGKILL')) }
}

/** A service in a process of its own. */
export interface ServiceProcess extends AsyncDisposable {
  urls: { edge: string; ui: string; http: string; backend: string; rest: string; edgeManager: string }
  output: () => { stdout: string; stderr: string }
  /** Sends a signal and waits for the end; the exit code. */
  end: (signal: NodeJS.Signals) => Promise<number | null>
}

/** Starts `serve`, or `npm start`, and waits until it says where it listens; the ports are chosen by the test. */
export async function spawnService(
  env: Record<string, string>,
  ports: { edge: number; ui: number; http: number },
  args: readonly string[] = [],
  by: 'node' | 'npm' = 'node',
): Promise<ServiceProcess> {
  const places = { EMS_EDGE_PORT: ports.edge, EMS_UI_PORT: ports.ui, EMS_HTTP_PORT: ports.http }
  // Whoever needs these ports gives them in `env`; off, so that services can stand side by side.
  const off = { EMS_BACKEND_PORT: '0', EMS_REST_PORT: '0' }
  const settings = Object.fromEntries(Object.entries(places).map(([name, port]) => [name, String(port)]))
  const [program, words] = by === 'npm' ? ['npm', ['start', '--']] : [process.execPath, [cli, 'serve']]
  const child = spawn(program, [...words, ...args], {
    cwd: root,
    // A group of its own, so that nothing outlives a test that fails.
    detached: true,
    env: environment({ EMS_HOST: '127.0.0.1', ...off, ...settings, ...env }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = collect(child)
  const gone = ended(child)
  const up = new Promise<void>((resolve) => {
    child.stdout?.on('data', () => {
      if (output().stdout.includes('is running')) resolve()
    })
  })
  await Promise.race([
    up,
    gone.then((code) => {
      throw new Error(`The service ended with ${code}:\n${output().stdout}${output().stderr}`)
    }),
  ])
  const at = (scheme: string, port: number) => `${scheme}://127.0.0.1:${port}`
  return {
    urls: {
      edge: at('ws', ports.edge),
      ui: at('ws', ports.ui),
      http: at('http', ports.http),
      backend: at('ws', 0),
      edgeManager: at('ws', 0),
      rest: at('http', 0),
    },
    output,
    end: (signal) => {
      child.kill(signal)
      return gone
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) killGroup(child)
      await gone
    },
  }
}

function collect(child: ChildProcess): () => { stdout: string; stderr: string } {
  const output = { stdout: '', stderr: '' }
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text
  })
  return () => ({ ...output })
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('close', (code) => resolve(code))
  })
}

function killGroup({ pid }: ChildProcess): void {
  if (pid !== undefined) process.kill(-pid, 'SIGKILL')
}
