import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { seedDemo, startDemoFleet } from '../../src/demo/demo.ts'
import { type Json, UiClient, type WireFrame } from '../harness/clients.ts'
import { startTestService } from '../harness/service.ts'

interface Recorded {
  dir: 'open' | 'sent' | 'recv'
  msg?: WireFrame
}
/** Members that a server may leave out, or whose names are data. */
const optional = new Set(['firstSetupProtocol', 'properties', 'data', 'components', 'factories', 'params'])

/** What a browser with the unmodified UI sent, secrets masked: it must find here every member it found there. */
it('O-03 the recorded conversation of a UI is answered in the same shapes', { timeout: 60_000 }, async () => {
  const lines = (await readFile(new URL('../fixtures/ui-frames.jsonl', import.meta.url), 'utf8')).trim().split('\n')
  const recorded = lines.map((line) => JSON.parse(line) as Recorded)
  const answers = new Map(recorded.flatMap(({ dir, msg }) => (dir === 'recv' && msg?.id ? [[msg.id, msg]] : [])))
  await using service = await startTestService({
    config: { uiSubscribeAnswerMs: 1000, uiTokenAnswerMs: 500, uiRequestsPerSecond: 20 },
  })
  await seedDemo(service.ctx)
  await using _fleet = startDemoFleet(Number(new URL(service.urls.edge).port))
  await using ready = await UiClient.signedIn(service)
  await ready.watch('edge0', ['_sum/EssSoc'])
  await ready.data((values) => values['_sum/EssSoc'] !== null)

  let ui: UiClient | undefined
  let token = ''
  let compared = 0
  await using stack = new AsyncDisposableStack()
  for (const { dir, msg } of recorded) {
    if (dir === 'open') ui = stack.use(await UiClient.open(service))
    if (dir !== 'sent' || ui === undefined || msg === undefined) continue
    if (msg.method === 'authenticateWithPassword') msg.params = { ...msg.params, password: 'admin' }
    if (msg.method === 'authenticateWithToken') msg.params = { token }
    ui.send(msg)
    if (msg.id === undefined) continue
    const answer = await ui.answer(msg.id)
    token ||= String(answer.result?.['token'] ?? '')
    expect(answer.error).toBeUndefined()
    expect(missing(answers.get(msg.id)?.result, answer.result, String(msg.method))).toEqual([])
    compared += 1
  }
  expect(compared).toBe(recorded.filter(({ dir, msg }) => dir === 'sent' && msg?.id !== undefined).length)
  for (const values of ui?.pushes ?? []) for (const value of Object.values(values)) expect(value).not.toBeUndefined()
})

/** Paths of members that the first has and the second has not. */
function missing(there: unknown, here: unknown, path: string): string[] {
  if (typeof there !== 'object' || there === null) return here === undefined ? [path] : []
  if (Array.isArray(there)) {
    if (!Array.isArray(here)) return [path]
    return here.length === 0 || there.length === 0 ? [] : missing(there[0], here[0], `${path}[0]`)
  }
  if (typeof here !== 'object' || here === null) return [path]
  return Object.entries(there).flatMap(([name, value]) => {
    if (!(name in here)) return optional.has(name) ? [] : [`${path}.${name}`]
    return optional.has(name) ? [] : missing(value, (here as Json)[name], `${path}.${name}`)
  })
}
