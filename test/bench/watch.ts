/** A UI client in a process of its own: asks `getEdge` at a steady pace and notes how long each answer took. */
import { sayReady } from './child.ts'
import { RequestFrame, signedInUis } from './load.ts'
import { answerCommands, waitedMs } from './probe.ts'
import type { Login } from './world.ts'

/** `servedMs` is without what the client itself waited for a core, which it would not on a machine of its own. */
export interface Latencies {
  ms: number[]
  servedMs: number[]
}

const EVERY_MS = 10
const SOCKETS = 5

const login = JSON.parse(process.env['BENCH_LOGIN'] ?? '{}') as Login
const peers = await signedInUis(Number(process.env['BENCH_PORT']), login, SOCKETS)
const frames = new RequestFrame('getEdge', { edgeId: 'edge0' })
const askedAt = new Array<number | undefined>(SOCKETS)
/** How long this process had waited for a core when it asked. */
const waitedBefore = new Array<number>(SOCKETS).fill(0)
let latencies: number[] = []
let coreWaits: number[] = []

for (const [index, peer] of peers.entries()) {
  peer.onText = () => {
    latencies.push(performance.now() - (askedAt[index] ?? 0))
    coreWaits.push(waitedMs() - (waitedBefore[index] ?? 0))
    askedAt[index] = undefined
  }
  // Each socket at its own moment, or they would wait for one another.
  setTimeout(() => setInterval(() => ask(index), EVERY_MS * SOCKETS), index * EVERY_MS)
}

function ask(index: number): void {
  if (askedAt[index] !== undefined) return
  waitedBefore[index] = waitedMs()
  askedAt[index] = performance.now()
  peers[index]?.sendFrame(frames.next())
}

/** What was measured since the last time, open questions with the time they have waited. */
function taken(): Latencies {
  const now = performance.now()
  const open = askedAt.flatMap((at) => (at === undefined ? [] : now - at))
  const found = {
    ms: [...latencies, ...open],
    servedMs: [...latencies.map((ms, turn) => Math.max(0, ms - (coreWaits[turn] ?? 0))), ...open],
  }
  latencies = []
  coreWaits = []
  return found
}

answerCommands(
  {
    latencies: () => taken().ms,
    served: taken,
  },
  () => 0,
  async () => undefined,
)
sayReady({})
