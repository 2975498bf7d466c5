import { describe, expect, it, vi } from 'vitest'
import type { Components } from '../../../src/access/components.ts'
import { type EdgeLink, LiveHub, type Watcher } from '../../../src/live/hub.ts'
import { testClock } from '../../harness/clock.ts'

function link() {
  return { keyHash: 'k', request: async () => ({}), end: vi.fn<EdgeLink['end']>() } satisfies EdgeLink
}

function scene() {
  const time = testClock()
  const changed: number[] = []
  const hub = new LiveHub(time.now, { stateChanged: (id) => void changed.push(id) })
  const at = () => time.now().getTime()
  const watcher = {
    liveComponents: vi.fn((): Components => null),
    maySeeSystemLog: vi.fn(() => true),
    pushData: vi.fn(() => true),
    pushNotification: vi.fn(),
  } satisfies Watcher
  return { hub, at, time, changed, watcher }
}
const tick = () => new Promise((resolve) => setImmediate(resolve))

describe('the hub', () => {
  it('sends one push per watcher and tick, however many frames came in', async () => {
    const { hub, at, watcher } = scene()
    const edge = hub.connect(7, 'edge7', link())
    const subscription = hub.subscribe(watcher)
    hub.watchEdges(subscription, [edge])
    hub.watchChannels(subscription, 7, ['a', 'b'])
    watcher.pushData.mockClear()
    for (let value = 0; value < 10; value++) hub.currentData(edge, { [at()]: { a: value } }, at())
    await tick()
    expect(watcher.pushData.mock.calls).toEqual([['edge7', { a: 9, b: null }]])
    hub.currentData(edge, {}, at())
    hub.currentData(edge, { x: { a: 1 }, [at()]: [1], [at() + 1]: null, Infinity: {} }, at())
    await tick()
    expect(watcher.pushData).toHaveBeenCalledTimes(1)
  })

  it('costs an edge that nobody watches nothing', async () => {
    const { hub, at, watcher } = scene()
    const edge = hub.connect(7, 'edge7', link())
    const subscription = hub.subscribe(watcher)
    hub.watchChannels(subscription, 7, ['a'])
    hub.currentData(edge, { [at()]: { a: 1 } }, at())
    await tick()
    expect([watcher.liveComponents.mock.calls.length, watcher.pushData.mock.calls.length]).toEqual([0, 0])
  })

  it('asks for the right before each push, shows who lost it that he sees nothing, and forgets him', async () => {
    const { hub, at, watcher } = scene()
    const edge = hub.connect(7, 'edge7', link())
    const subscription = hub.subscribe(watcher)
    hub.watchEdges(subscription, [edge])
    hub.watchChannels(subscription, 7, ['a'])
    watcher.pushData.mockClear()
    watcher.liveComponents.mockReturnValue([])
    // Who reads too slowly to be shown it is shown it later.
    watcher.pushData.mockReturnValueOnce(false)
    for (const a of [1, 2, 3]) {
      hub.currentData(edge, { [at()]: { a } }, at())
      hub.broadcast(edge, 'edgeConfig', () => ({}))
      await tick()
    }
    expect([watcher.pushData.mock.calls, watcher.pushNotification.mock.calls, edge.watchers]).toEqual([
      [
        ['edge7', { a: null }],
        ['edge7', { a: null }],
      ],
      [],
      undefined,
    ])
  })

  it('lets the newest connection win, whatever closes when', () => {
    const { hub, at, changed } = scene()
    const [old, newer] = [link(), link()]
    const edge = hub.connect(7, 'edge7', old)
    hub.seen(edge, at())
    hub.connect(7, 'edge7', newer)
    expect(old.end).toHaveBeenCalledWith('replaced')
    changed.length = 0
    hub.disconnect(edge, old)
    expect([hub.isConnected(7), hub.states.isOnline(7), hub.connectedCount, changed]).toEqual([true, true, 1, []])
    hub.disconnect(edge, newer)
    hub.disconnect(edge, newer)
    expect([hub.isConnected(7), hub.states.isOnline(7), hub.connectedCount, changed]).toEqual([false, false, 0, [7]])
  })

  it('notes a change of state once', () => {
    const { hub, at, time, changed } = scene()
    const edge = hub.connect(7, 'edge7', link())
    for (let second = 0; second < 10; second++) {
      hub.seen(edge, at())
      hub.currentData(edge, { [at()]: { '_sum/State': 1, '_meta/Version': '2026.5.0' } }, at())
      time.advance(1000)
    }
    expect(changed).toEqual([7, 7])
  })

  it('tells an edge to be silent when the last reader of its log is gone or may not read it', () => {
    const { hub, watcher } = scene()
    const edge = hub.connect(7, 'edge7', link())
    const [one, two] = [hub.subscribe(watcher), hub.subscribe(watcher)]
    expect(hub.watchSystemLog(one, 7, 'edge7', true)).toBe(true)
    hub.watchSystemLog(two, 7, 'edge7', true)
    expect(hub.watchSystemLog(one, 7, 'edge7', false)).toBe(false)
    expect(hub.systemLog(edge, {})).toBe(true)
    watcher.maySeeSystemLog.mockReturnValue(false)
    expect(hub.systemLog(edge, {})).toBe(false)
    hub.watchSystemLog(two, 7, 'edge7', true)
    expect(hub.unsubscribe(two)).toEqual([edge])
    expect(hub.unsubscribe(two)).toEqual([])
  })
})

describe('links that stand by', () => {
  const standing = () => ({ ...link(), keyHash: undefined, standsBy: true }) satisfies EdgeLink

  it('take over when the newer one is gone, the newest first, without the edge being offline in between', () => {
    const { hub, at, changed } = scene()
    const [first, second, own] = [standing(), standing(), link()]
    const edge = hub.connect(7, 'edge7', first)
    hub.seen(edge, at())
    changed.length = 0
    hub.connect(7, 'edge7', second)
    hub.connect(7, 'edge7', own)
    expect(edge.link).toBe(own)
    hub.disconnect(edge, own)
    expect(edge.link).toBe(second)
    hub.disconnect(edge, second)
    expect(edge.link).toBe(first)
    expect([hub.states.isOnline(7), hub.connectedCount, changed]).toEqual([true, 1, []])
    hub.disconnect(edge, first)
    expect([edge.link, edge.standby, hub.states.isOnline(7), hub.connectedCount]).toEqual([
      undefined,
      undefined,
      false,
      0,
    ])
  })

  it('that are gone meanwhile, or took over again by themselves, are not used twice', () => {
    const { hub } = scene()
    const [first, second] = [standing(), standing()]
    const edge = hub.connect(7, 'edge7', first)
    hub.connect(7, 'edge7', second)
    hub.disconnect(edge, first)
    expect(edge.standby).toBeUndefined()
    hub.connect(7, 'edge7', first)
    hub.connect(7, 'edge7', second)
    expect([edge.link, edge.standby]).toEqual([second, [first]])
    hub.disconnect(edge, second)
    hub.disconnect(edge, first)
    expect(hub.connectedCount).toBe(0)
  })

  it('are no matter of keys: whoever holds the socket looked at it', () => {
    const { hub } = scene()
    const held = standing()
    hub.connect(7, 'edge7', held)
    hub.recheckKey(7, () => false)
    expect(held.end).not.toHaveBeenCalled()
  })
})
