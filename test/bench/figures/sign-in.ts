import { setTimeout as sleep } from 'node:timers/promises'
import bcrypt from 'bcrypt'
import { call, closeAll, openUi } from '../load.ts'
import { type Figure, median, percentile, ratioFigure, round } from '../report.ts'
import type { Peer } from '../wire.ts'
import { benchUser } from '../world.ts'
import type { Measure } from './plan.ts'

const COST = 10
const CONCURRENCY = 4

/** Log-ins with the password against bcrypt alone, and what other sockets notice of them. */
export const signIn: Measure = async ({ scale, world, say }) => {
  const { startOurs, startBare, startWatch } = await world()
  await using ours = await startOurs()
  await using bare = await startBare()
  await using watch = await startWatch(ours.ready.ports['ui'] ?? 0, benchUser)
  const port = ours.ready.ports['ui'] ?? 0
  const peers = await Promise.all(Array.from({ length: CONCURRENCY }, () => openUi(port)))
  const hash = bcrypt.hashSync(benchUser.password, COST)
  const ms = scale.roundMs * 2
  const perCpuSecond: [number[], number[]] = [[], []]
  const wall: [number[], number[]] = [[], []]
  const calm: number[] = []
  const busy: number[] = []
  for (let turn = 0; turn < scale.rounds; turn++) {
    await sleep(200)
    await watch.ask('latencies')
    await sleep(ms)
    calm.push(...(await watch.ask<number[]>('latencies')))
    let done = 0
    const signedIn = await ours.measure(async () => {
      done = await signInFor(peers, ms)
    })
    busy.push(...(await watch.ask<number[]>('latencies')))
    perCpuSecond[0].push(done / (signedIn.cpuMs / 1000))
    wall[0].push(done / (signedIn.wallMs / 1000))
    let compared = 0
    const limit = await bare.measure(async () => {
      compared = await bare.ask<number>('compare', { hash, password: benchUser.password, concurrency: CONCURRENCY, ms })
    })
    perCpuSecond[1].push(compared / (limit.cpuMs / 1000))
    wall[1].push(compared / (limit.wallMs / 1000))
    say(`round ${turn + 1}: ${round(wall[0].at(-1) ?? 0)} against ${round(wall[1].at(-1) ?? 0)} a second`)
  }
  await closeAll(peers)
  return [
    ratioFigure({
      name: 'log-ins with password',
      ours: perCpuSecond[0],
      bare: perCpuSecond[1],
      unit: '/CPU-s',
      atLeast: 0.95,
      note: `cost ${COST}, ${CONCURRENCY} at a time; wall ${round(median(wall[0]), 1)} against ${round(median(wall[1]), 1)}/s; 100 getEdge/s meanwhile`,
    }),
    p99Figure(calm, busy),
  ]
}

async function signInFor(peers: readonly Peer[], ms: number): Promise<number> {
  const until = performance.now() + ms
  let done = 0
  const worker = async (peer: Peer) => {
    while (performance.now() < until) {
      await call(peer, 'authenticateWithPassword', benchUser)
      done++
    }
  }
  await Promise.all(peers.map(worker))
  return done
}

function p99Figure(calm: readonly number[], busy: readonly number[]): Figure {
  const [idle, meanwhile] = [percentile(calm, 0.99), percentile(busy, 0.99)]
  return {
    name: 'getEdge p99 during log-ins',
    ours: `${round(meanwhile)} ms`,
    bare: `${round(idle)} ms idle`,
    ratio: String(round(meanwhile / idle)),
    goal: '<= 3',
    met: meanwhile <= 3 * idle,
    note: `p50 ${round(percentile(busy, 0.5))} against ${round(percentile(calm, 0.5))} ms`,
  }
}
