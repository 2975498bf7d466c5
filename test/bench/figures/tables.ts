import { setTimeout as sleep } from 'node:timers/promises'
import { closeAll, connectEdges } from '../load.ts'
import type { Measured } from '../probe.ts'
import { limitFigure, median, round } from '../report.ts'
import { Peer } from '../wire.ts'
import { benchUser, edgeNameOf } from '../world.ts'
import { changedData, channelOf, firstData } from './edge-frames.ts'
import type { Measure } from './plan.ts'

const READERS = 50
const EDGES = 1000
const CHANNELS = 20
const SLOT_MS = 20

/** 50 backends that each read 20 channels of 1,000 edges every two seconds, while every edge reports once a second. */
export const tables: Measure = async ({ scale, world, say }) => {
  const { startOurs } = await world()
  await using ours = await startOurs()
  const edges = await connectEdges(ours.ready.ports['edge'] ?? 0, 0, EDGES)
  for (const [index, edge] of edges.entries()) edge.sendFrame(firstData(index, CHANNELS + 2))
  let received = 0
  let bytes = 0
  const readers = await openReaders(ours.ready.ports['backend'] ?? 0, (payload) => {
    if (payload.length < 1000) return
    received++
    bytes += payload.length
  })
  await report(edges, 0, 4)
  const measured: Measured[] = []
  const rates: number[] = []
  for (let turn = 0; turn < Math.min(3, scale.rounds); turn++) {
    received = 0
    bytes = 0
    measured.push(await ours.measure(() => report(edges, (turn + 1) * 100, scale.ingestSeconds)))
    rates.push(received / scale.ingestSeconds)
    const { loopMaxMs, cpuMs } = measured.at(-1) as Measured
    say(`round ${turn + 1}: ${received} tables, worst delay ${round(loopMaxMs, 0)} ms, ${round(cpuMs, 0)} ms CPU`)
  }
  await closeAll([...readers, ...edges])
  const worst = measured.map((one) => one.loopMaxMs)
  const cpu = measured.map((one) => (one.cpuMs / one.wallMs) * 100)
  return [
    limitFigure({
      name: 'tables, worst event-loop delay',
      value: median(worst),
      unit: 'ms',
      atMost: 50,
      note: `${READERS} readers x ${EDGES} edges x ${CHANNELS} channels every 2 s, edges at 1 Hz; rounds ${worst.map((ms) => round(ms, 0)).join(', ')}; p99 ${round(median(measured.map((one) => one.loopP99Ms)), 1)} ms`,
    }),
    limitFigure({
      name: 'tables, CPU',
      value: median(cpu),
      unit: '%',
      note: `of one core, ingest of the edges included; ${round(median(rates), 1)} tables/s of ${round(bytes / Math.max(1, received) / 1024, 0)} KB`,
    }),
  ]
}

async function openReaders(port: number, onTable: (payload: Buffer) => void): Promise<Peer[]> {
  const authorization = `Basic ${Buffer.from(`admin:${benchUser.password}`).toString('base64')}`
  const ids = Array.from({ length: EDGES }, (_, index) => edgeNameOf(index))
  const channels = Array.from({ length: CHANNELS }, (_, index) => channelOf(index))
  const params = { count: 1, ids, channels }
  const readers: Peer[] = []
  for (let index = 0; index < READERS; index++) {
    const reader = await Peer.open({ port, headers: { Authorization: authorization } })
    reader.onText = onTable
    reader.send(JSON.stringify({ jsonrpc: '2.0', id: crypto.randomUUID(), method: 'subscribeEdgesChannels', params }))
    readers.push(reader)
  }
  return readers
}

/** Every edge once a second with all its channels changed, spread over the second. */
async function report(edges: readonly Peer[], firstSecond: number, seconds: number): Promise<void> {
  const slots = 1000 / SLOT_MS
  const startedAt = performance.now()
  for (let slot = 0; slot < seconds * slots; slot++) {
    const second = firstSecond + Math.floor(slot / slots)
    for (let index = slot % slots; index < edges.length; index += slots)
      edges[index]?.sendFrame(changedData(index, second, CHANNELS, CHANNELS + 2))
    const wait = startedAt + (slot + 1) * SLOT_MS - performance.now()
    if (wait > 0) await sleep(wait)
  }
}
