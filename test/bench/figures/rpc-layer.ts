import { z } from 'zod'
import { classify, readFrame, writeResult } from '../../../src/rpc/envelope.ts'
import { defineMethod } from '../../../src/rpc/method.ts'
import { methodTable } from '../../../src/server/dispatch.ts'
import { ratioFigure } from '../report.ts'
import type { Measure } from './plan.ts'

const CALLS = 40_000

const edge = {
  id: 'edge0',
  comment: 'House of edge0',
  producttype: 'Home 10',
  version: '2024.10.0',
  role: 'owner',
  isOnline: true,
  lastmessage: '2024-01-01T00:00:00.000Z',
  sumState: 'OK',
  settings: {},
}
const text = JSON.stringify({
  jsonrpc: '2.0',
  id: '00000000-0000-4000-8000-000000000000',
  method: 'getEdge',
  params: { edgeId: 'edge0' },
})

/** What lies between the text of a request and its handler, and back, in process; against parse, switch, stringify. */
export const rpcLayer: Measure = async ({ scale }) => {
  const names = ['getEdge', 'getEdges', 'getUser', 'logout', 'subscribeEdges', 'edgeRpc', 'setUser', 'a', 'b', 'c']
  const methods = names.map((name) =>
    defineMethod({
      name,
      summary: '',
      clients: ['ui'],
      params: z.object({ edgeId: z.string() }),
      result: z.looseObject({}),
      access: 'public',
      handler: () => ({ edge }),
    }),
  )
  const table = methodTable(methods).ui
  const ours: number[] = []
  const bare: number[] = []
  for (let turn = 0; turn < scale.rounds * 4; turn++) {
    const layer = perSecond(() => throughLayer(table, text))
    const limit = perSecond(() => throughSwitch(text))
    if (turn < 2) continue
    // Times, not rates: the goal is at most 1.2 times as long.
    ours.push(1e6 / layer)
    bare.push(1e6 / limit)
  }
  return [
    ratioFigure({
      name: 'JSON-RPC layer in process',
      ours,
      bare,
      unit: 'us',
      atMost: 1.2,
      note: 'frame, table, reply; without schemas and access',
    }),
  ]
}

function throughLayer(table: ReturnType<typeof methodTable>['ui'], request: string): string {
  const frame = readFrame(request)
  if (frame.kind !== 'request') return classify(frame).kind
  const method = table.get(frame.method)
  return writeResult(frame.id, method?.handler(undefined as never, frame.params as never))
}

function throughSwitch(request: string): string {
  const frame = JSON.parse(request) as { id: string; method: string; params: { edgeId: string } }
  switch (frame.method) {
    case 'getEdges':
    case 'getUser':
    case 'logout':
    case 'subscribeEdges':
      return JSON.stringify({ jsonrpc: '2.0', id: frame.id, result: {} })
    case 'getEdge':
      return JSON.stringify({ jsonrpc: '2.0', id: frame.id, result: { edge } })
    default:
      return JSON.stringify({ jsonrpc: '2.0', id: frame.id, error: { code: 4001, message: '', data: [] } })
  }
}

function perSecond(run: () => string): number {
  let length = 0
  const startedAt = performance.now()
  for (let index = 0; index < CALLS; index++) length += run().length
  const seconds = (performance.now() - startedAt) / 1000
  if (length < CALLS) throw new Error('nothing was answered')
  return CALLS / seconds
}
