/** A UI client in a process of its own: asks `getEdge` at a steady pace and notes how long each answer took. */
import { sayReady } from './child.ts'
import { RequestFrame, signedInUis } from './load.ts'
import { answerCommands } from './probe.ts'
import type { Login } from './world.ts'

const EVERY_MS = 10
const SOCKETS = 5

const login = JSON.parse(process.env['BENCH_LOGIN'] ?? '{}') as Login
const peers = await signedInUis(Number(process.env['BENCH_PORT']), login, SOCKETS)
const frames = new RequestFrame('getEdge', { edgeId: 'edge0' })
const askedAt = new Array<number | undefined>(SOCKETS)
let latencies: number[] = []

for (const [index, peer] of peers.entries()) {
  peer.onText = () => {
    latencies.push(performance.now() - (askedAt[index] ?? 0))
    askedAt[index] = undefined
  }
  // Each socket at its own moment, or they would wait for one another.
  setTimeout(() => setInterval(() => ask(index), EVERY_MS * SOCKETS), index * EVERY_MS)
}

function ask(index: number): void {
  if (askedAt[index] !== undefined) return
  askedAt[index] = performance.now()
  peers[index]?.sendFrame(frames.next())
}

answerCommands(
  {
    /** What was measured since the last time, open questions with the time they have waited. */
    latencies() {
      const now = performance.now()
      const taken = [...latencies, ...askedAt.filter((at) => at !== undefined).map((at) => now - at)]
      latencies = []
      return taken
    },
  },
  () => 0,
  async () => undefined,
)
sayReady({})
