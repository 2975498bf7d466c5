import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import { seedDemo } from '../../src/demo/demo.ts'
import { startFleet } from '../../src/simulator/fleet.ts'
import { type Json, UiClient } from '../harness/clients.ts'
import { startTestService } from '../harness/service.ts'

const WATCHED_MS = 60_000
const EDGES = 10
/** The test begins at noon, as at night there is little to see: time goes on from there. */
const noon = Date.UTC(2026, 5, 1, 10)
const startedAt = Date.now()
const clock = () => new Date(noon + Date.now() - startedAt)
const channels = [
  'State',
  'EssSoc',
  'EssActivePower',
  'GridActivePower',
  'GridMode',
  'ProductionActivePower',
  'ConsumptionActivePower',
].map((id) => `_sum/${id}`)

/** Every value that ten edges send within a minute arrives, in order: written down on the way in and compared with what comes out. */
it('a UI that watches the ten edges of the demo for a minute loses no value', {
  timeout: WATCHED_MS + 60_000,
}, async () => {
  await using service = await startTestService({ clock })
  await seedDemo(service.ctx)
  await using tap = await openTap(service.urls.edge)
  await using ui = await UiClient.signedIn(service)
  const ids = Array.from({ length: EDGES }, (_, index) => `edge${index}`)
  await ui.request('subscribeEdges', { edges: ids })
  for (const [count, id] of ids.entries()) await ui.edgeRpc(id, 'subscribeChannels', { count, channels })
  const fleet = startFleet({
    url: tap.url,
    edges: EDGES,
    apiKey: (index) => `edge${index}`,
    connectPerSecond: 5,
    clock,
  })
  await pause(WATCHED_MS)
  await fleet[Symbol.asyncDispose]()
  await ui.settled()

  for (const id of ids) {
    const sent = statesOf(tap.frames.get(id) ?? [])
    const seen = distinct(ui.frames.flatMap((frame) => (frame.params?.['edgeId'] === id ? dataOf(frame.params) : [])))
    expect(seen[0]).toEqual(Object.fromEntries(channels.map((channel) => [channel, null])))
    expect(sent.length).toBeGreaterThan(40)
    expect(seen.slice(1)).toEqual(sent)
  }
})

/** What a watcher has to see of these frames, one state after the other. */
function statesOf(frames: Json[]): Json[] {
  const state: Json = Object.fromEntries(channels.map((channel) => [channel, null]))
  const states: Json[] = []
  for (const { method, params } of frames) {
    if (method !== 'timestampedData') continue
    for (const row of Object.values(params as Record<string, Json>)) {
      for (const channel of channels) if (channel in row) state[channel] = row[channel]
      states.push({ ...state })
    }
  }
  return distinct(states)
}

function dataOf(params: Json): Json[] {
  const payload = params['payload'] as { method: string; params: Json }
  return payload.method === 'currentData' ? [payload.params] : []
}

function distinct(states: Json[]): Json[] {
  return states.filter((state, index) => JSON.stringify(state) !== JSON.stringify(states[index - 1]))
}

/** A server that hands every frame on and writes down what the edges say. */
async function openTap(target: string): Promise<AsyncDisposable & { url: string; frames: Map<string, Json[]> }> {
  const frames = new Map<string, Json[]>()
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  server.on('connection', (edge, request) => {
    const apikey = String(request.headers['apikey'])
    const said = frames.get(apikey) ?? []
    frames.set(apikey, said)
    const service = new WebSocket(target, { headers: { apikey } })
    const waiting: RawData[] = []
    edge.on('message', (data) => {
      said.push(JSON.parse(String(data)) as Json)
      if (service.readyState === WebSocket.OPEN) service.send(String(data))
      else waiting.push(data)
    })
    service.on('open', () => {
      for (const data of waiting.splice(0)) service.send(String(data))
    })
    service.on('message', (data) => edge.send(String(data)))
    edge.on('close', () => service.close())
    service.on('close', () => edge.close())
  })
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    frames,
    async [Symbol.asyncDispose]() {
      for (const client of server.clients) client.terminate()
      server.close()
      await once(server, 'close')
    },
  }
}
