import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Measured, Memory } from './probe.ts'

/** A server or a second client in a process of its own. */
export class Child implements AsyncDisposable {
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  #next = 1
  #ended = false
  /** What the process told about itself when it was ready. */
  ready: { ports: Partial<Record<string, number>>; rss: number; heap: number } = { ports: {}, rss: 0, heap: 0 }
  /** Milliseconds from the start of the process until it was ready. */
  startMs = 0

  private constructor(child: ChildProcess) {
    this.#process = child
    child.on('message', (message: { id: number; result?: unknown; error?: string }) => {
      const waiting = this.#waiting.get(message.id)
      this.#waiting.delete(message.id)
      if (message.error === undefined) waiting?.resolve(message.result)
      else waiting?.reject(new Error(message.error))
    })
    child.on('exit', (code) => {
      this.#ended = true
      for (const { reject } of this.#waiting.values()) reject(new Error(`the process ended with ${code}`))
    })
  }

  /** Starts `script` (in this folder) and waits until it says that it is ready. */
  static async start(script: string, env: Record<string, string>, profileDir?: string): Promise<Child> {
    const startedAt = performance.now()
    const execArgv = [
      '--expose-gc',
      // As the first line of src/cli.ts has it.
      '--v8-pool-size=0',
      ...(profileDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`]),
    ]
    const child = fork(fileURLToPath(new URL(script, import.meta.url)), {
      execArgv,
      env: { PATH: process.env['PATH'] ?? '', ...env },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    const self = new Child(child)
    const isReady = new Promise<unknown>((resolve, reject) => self.#waiting.set(0, { resolve, reject }))
    self.ready = (await isReady) as Child['ready']
    self.startMs = performance.now() - startedAt
    return self
  }

  ask<T = void>(command: string, argument?: unknown): Promise<T> {
    const id = this.#next++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject })
      this.#process.send({ id, command, argument })
    })
  }

  /** Runs `body` between two marks of the process. */
  async measure(body: () => Promise<unknown>): Promise<Measured> {
    await this.ask('begin')
    await body()
    return this.ask<Measured>('end')
  }

  memory(): Promise<Memory> {
    return this.ask<Memory>('memory')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return
    const ended = new Promise((resolve) => this.#process.once('exit', resolve))
    const patience = setTimeout(() => this.#process.kill('SIGKILL'), 15_000)
    this.#process.send({ id: 0, command: 'stop' })
    await ended
    clearTimeout(patience)
  }
}

/** To be called by a child when it can be used. */
export function sayReady(ports: Partial<Record<string, number>>): void {
  const { rss, heapUsed, external } = process.memoryUsage()
  process.send?.({ id: 0, result: { ports, rss, heap: heapUsed + external } })
}
