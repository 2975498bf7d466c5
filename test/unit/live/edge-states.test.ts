import { expect, it } from 'vitest'
import { EdgeStates } from '../../../src/live/edge-states.ts'

it('every setter tells whether anything changed, and the columns grow with the ids', () => {
  const states = new EdgeStates()
  for (const id of [1, 4095, 4096, 100_000]) {
    expect(states.get(id)).toEqual({ online: false, lastMessageAt: null, version: '0.0.0', sumState: null })
    expect([states.setOnline(id, true), states.setOnline(id, true)]).toEqual([true, false])
    expect([states.setSumState(id, 0), states.setSumState(id, 0), states.setSumState(id, 3)]).toEqual([
      true,
      false,
      true,
    ])
    expect([states.setVersion(id, '1.0.0'), states.setVersion(id, '1.0.0')]).toEqual([true, false])
    expect([
      states.setLastMessage(id, 61_000),
      states.setLastMessage(id, 119_000),
      states.setLastMessage(id, 120_000),
    ]).toEqual([true, false, true])
    expect(states.get(id)).toEqual({ online: true, lastMessageAt: 120_000, version: '1.0.0', sumState: 'FAULT' })
  }
  expect([states.onlineCount, states.sumStateOf(2), states.sumStateOf(100_000)]).toEqual([4, -1, 3])
  states.setOnline(1, false)
  expect([states.onlineCount, states.isOnline(1), states.isOnline(4096)]).toEqual([3, false, true])
})

it('tells the edges in rare sum states, and not those that are OK', () => {
  const states = new EdgeStates()
  for (const [id, state] of [
    [7, 3],
    [70_000, 3],
    [8, 2],
    [9, 0],
  ] as const)
    states.setSumState(id, state)
  const idsIn = (...wanted: number[]) => states.inSumStates(wanted)?.map((set) => [...set.values()])
  expect([idsIn(3), idsIn(2, 3, 3), idsIn(1), idsIn(3, 0)]).toEqual([
    [[7, 70_000]],
    [[8], [7, 70_000]],
    [[]],
    undefined,
  ])
  states.setSumState(7, 0)
  states.setSumState(8, 3)
  expect([idsIn(3), idsIn(2)]).toEqual([[[8, 70_000]], [[]]])
})
