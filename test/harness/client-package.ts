import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { buildClientPackage } from '../../src/client-package/build.ts'
import { temporaryFolder } from './service.ts'

const modules = fileURLToPath(new URL('../../node_modules', import.meta.url))

/** A project of somebody else that has installed the client library. */
export interface ConsumerProject extends AsyncDisposable {
  folder: string
  /** Names of the files in the package. */
  packed: string[]
  /** Checks these TypeScript files as strictly as can be and makes JavaScript of them. Throws with what tsc says. */
  compile(files: Record<string, string>, types?: readonly string[]): Promise<void>
  /** Runs JavaScript with a Node that knows nothing of TypeScript. */
  run(file: string, env: Record<string, string>, node?: string): Program
}

/** A program that says what happens line by line. */
export interface Program extends AsyncDisposable {
  /** The next line, as JSON. */
  next(): Promise<unknown>
  say(text: string): void
  /** Waits for its end; the exit code. */
  ended: Promise<number | null>
}

/** Builds the package, packs it as npm would publish it, and unpacks it into an empty project; nothing is fetched. */
export async function installClientPackage(): Promise<ConsumerProject> {
  await using stack = new AsyncDisposableStack()
  const { path } = stack.use(await temporaryFolder())
  const [built, folder] = [join(path, 'built'), join(path, 'project')]
  await buildClientPackage(built)
  const environment = { ...process.env, npm_config_cache: join(path, 'npm'), npm_config_update_notifier: 'false' }
  const pack = ['pack', '--offline', '--json', '--pack-destination', path]
  const [{ filename, files }] = JSON.parse(
    execFileSync('npm', pack, { cwd: built, env: environment, encoding: 'utf8' }),
  ) as [{ filename: string; files: { path: string }[] }]
  const target = join(folder, 'node_modules/@ems-metadata/client')
  await mkdir(target, { recursive: true })
  execFileSync('tar', ['-xzf', join(path, filename), '-C', target, '--strip-components=1'])
  await symlink(join(modules, 'ws'), join(folder, 'node_modules/ws'))
  await writeFile(join(folder, 'package.json'), '{ "type": "module", "private": true }')
  const resources = stack.move()
  return {
    folder,
    packed: files.map((file) => file.path).sort(),
    compile: (sources, types = []) => compile(folder, sources, types),
    run: (file, env, node = process.execPath) => run(join(folder, file), env, node),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

/** Every Node of this machine that a consumer may have: the one of these tests, and whatever else is in the PATH. */
export function nodesOfThisMachine(): string[] {
  const others = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '' && !folder.includes('node_modules'))
    .map((folder) => join(folder, 'node'))
    .filter((file) => existsSync(file))
  return [process.execPath, ...others.slice(0, 1)]
}

async function compile(folder: string, sources: Record<string, string>, types: readonly string[]): Promise<void> {
  for (const [name, text] of Object.entries(sources)) await writeFile(join(folder, name), text)
  const compilerOptions = {
    target: 'ES2022',
    lib: ['ES2022'],
    module: 'NodeNext',
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noPropertyAccessFromIndexSignature: false,
    skipLibCheck: false,
    typeRoots: [join(modules, '@types')],
    types,
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: Object.keys(sources) }))
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  try {
    execFileSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  } catch (error) {
    throw new Error(String((error as { stdout?: string }).stdout), { cause: error })
  }
}

function run(file: string, env: Record<string, string>, node: string): Program {
  const child = spawn(node, [file], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  let complaints = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text
  })
  const ended = endOf(child)
  return {
    ended,
    say: (text) => child.stdin.write(`${text}\n`),
    async next() {
      const { value, done } = await lines.next()
      if (done) throw new Error(`The program ended:\n${complaints}`)
      return JSON.parse(value)
    },
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await ended
    },
  }
}

function endOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('close', (code) => resolve(code))
  })
}
