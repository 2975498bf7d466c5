import { expect, it } from 'vitest'
import { passes, type SetTest } from '../../../src/access/search-query.ts'
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

it('gives sets by which a list is filtered and ordered, an edge that never told its state being OK (protocol C.6)', () => {
  const states = new EdgeStates()
  for (const [id, state] of [
    [7, 3],
    [70_000, 3],
    [8, 2],
    [9, 0],
  ] as const)
    states.setSumState(id, state)
  for (const id of [7, 10]) states.setOnline(id, true)
  const passing = (test: SetTest) => [7, 8, 9, 10, 70_000].filter((id) => passes(test, id))
  const inState = (...wanted: number[]) => passing(states.sumStateTest(wanted))
  expect([inState(3), inState(2, 3, 3), inState(1), inState(3, 0), inState(0)]).toEqual([
    [7, 70_000],
    [7, 8, 70_000],
    [],
    [7, 9, 10, 70_000],
    [9, 10],
  ])
  expect([passing(states.onlineTest(true)), passing(states.onlineTest(false))]).toEqual([
    [7, 10],
    [8, 9, 70_000],
  ])
  states.setSumState(7, 0)
  states.setSumState(8, 3)
  expect(states.sumStateRanks.map((set) => [...set.values()])).toEqual([[], [], [8, 70_000]])
})
