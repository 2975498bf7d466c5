import { expect, it } from 'vitest'
import { EdgeClient, UiClient } from '../harness/clients.ts'
import { addEdge, addUserWith } from '../harness/seed.ts'
import { startTestService } from '../harness/service.ts'

const EDGES = 10
const FRAMES = 200
const channels = ['meter0/ActivePower', 'ess0/Soc', '_sum/Count']

/**
 * A push carries all channels as they are after one turn of the event loop: frames of one edge that came in together make one
 * push. Values in between may be left out by that, the last one never.
 */
it('however fast edges report, the last value of each watched channel arrives, in order, in no more pushes than frames', async () => {
  await using service = await startTestService()
  await using stack = new AsyncDisposableStack()
  const scenes = await Promise.all(
    Array.from({ length: EDGES }, async () => {
      const edge = await addEdge(service.ctx)
      const user = await addUserWith(service.ctx, 'guest', edge)
      const device = stack.use(await EdgeClient.open(service, edge.apiKey))
      const ui = stack.use(await UiClient.signedIn(service, user.login))
      await ui.watch(edge.id, channels)
      return { device, ui, before: ui.pushes.length }
    }),
  )
  // In bursts without a pause, and in rows of different channels.
  for (let n = 1; n <= FRAMES; n++) {
    for (const { device } of scenes) {
      device.report({ '_sum/Count': n, ...(n % 2 ? { 'meter0/ActivePower': n } : { 'ess0/Soc': n }) })
    }
    if (n % 50 === 0) await Promise.all(scenes.map(({ device }) => device.settled()))
  }
  await Promise.all(scenes.map(({ ui }) => ui.settled()))
  for (const { ui, before } of scenes) {
    expect(ui.pushes.at(-1)).toEqual({ '_sum/Count': FRAMES, 'meter0/ActivePower': FRAMES - 1, 'ess0/Soc': FRAMES })
    const counts = ui.pushes.slice(before).map((values) => Number(values['_sum/Count']))
    expect(counts).toEqual(counts.toSorted((a, b) => a - b))
    expect(counts.length).toBeGreaterThan(0)
    expect(counts.length).toBeLessThanOrEqual(FRAMES)
    // Each burst was pushed before the next began.
    expect(counts).toEqual(expect.arrayContaining([50, 100, 150, 200]))
  }
  // Reports that come one by one are pushed one by one.
  for (let n = 1; n <= 20; n++) {
    for (const { device, ui } of scenes) {
      const before = ui.pushes.length
      device.report({ '_sum/Count': -n })
      await device.settled()
      await ui.settled()
      expect(ui.pushes.slice(before).map((values) => values['_sum/Count'])).toEqual([-n])
    }
  }
})
