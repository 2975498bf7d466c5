import { setTimeout as sleep } from 'node:timers/promises'
import { type Figure, limitFigure, median, round } from '../report.ts'
import type { EngineName } from '../world.ts'
import type { Bench, Measure } from './plan.ts'

const goals: Readonly<Record<EngineName, number>> = { embedded: 5000, postgres: 2000 }
const MEGABYTE = 2 ** 20

/** From the start of the process until every port listens, on data that is there already; and resident memory idle. */
export const start: Measure = async (bench) => [
  ...(await startOn(bench, 'postgres')),
  ...(await startOn(bench, 'embedded')),
]

async function startOn({ scale, world, say }: Bench, engine: EngineName): Promise<Figure[]> {
  const { startOurs, edges } = await world(engine)
  const times: number[] = []
  const resident: number[] = []
  let afterGc = 0
  for (let turn = 0; turn < Math.min(3, scale.rounds); turn++) {
    await using ours = await startOurs()
    times.push(ours.startMs)
    await sleep(2000)
    resident.push(ours.ready.rss)
    afterGc = (await ours.memory()).rss
    say(`${engine}: ${round(ours.startMs, 0)} ms`)
  }
  return [
    limitFigure({
      name: `start, ${engine}`,
      value: median(times),
      unit: 'ms',
      atMost: goals[engine],
      note: `${edges} edges; rounds ${times.map((ms) => round(ms, 0)).join(', ')}`,
    }),
    limitFigure({
      name: `resident idle, ${engine}`,
      value: median(resident) / MEGABYTE,
      unit: 'MB',
      note: `at listening; ${round(afterGc / MEGABYTE, 0)} MB after garbage collection`,
    }),
  ]
}
