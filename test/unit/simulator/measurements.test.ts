import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { homeChannels } from '../../../src/simulator/channels.ts'
import { deleteComponent, updateComponent } from '../../../src/simulator/edge-config.ts'
import { LeanMeasurements, leanLayout } from '../../../src/simulator/lean-measurements.ts'
import { HomeMeasurements, type Measurements } from '../../../src/simulator/measurements.ts'
import { Wheel } from '../../../src/simulator/wheel.ts'

type Values = Record<string, number | string | null>
const NOON = Date.UTC(2026, 5, 20, 10)

function read(members: string): Values {
  return JSON.parse(`{${members}}`) as Values
}

/** Takes the first snapshot and then only changes; both views must stay the same. */
function follow(measurements: Measurements, full: Measurements, seconds: number, level = 0): void {
  const seen: Values = {}
  for (let second = 0; second < seconds; second++) {
    const at = NOON + second * 1000
    for (const one of [measurements, full]) one.advance(at, level)
    const changes = read(measurements.takeChanges(second === 0))
    if (second > 0) for (const [key, value] of Object.entries(changes)) expect(value).not.toBe(seen[key])
    Object.assign(seen, changes)
    expect(seen).toEqual(read(full.takeChanges(true)))
  }
}

describe('home measurements', () => {
  it('sends nothing but changes, and loses none', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => follow(new HomeMeasurements(seed), new HomeMeasurements(seed), 40)),
      { numRuns: 10 },
    )
  })

  it('keeps sums, phases and components consistent', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 0, max: 86_400 }), (seed, second) => {
        const home = new HomeMeasurements(seed)
        home.advance(NOON + second * 1000, 0)
        const values = read(home.takeChanges(true)) as Record<string, number>
        const value = (key: string) => values[key] ?? Number.NaN
        for (const phase of ['', 'L1', 'L2', 'L3']) {
          expect(value(`_sum/ConsumptionActivePower${phase}`)).toBe(
            value(`_sum/ProductionAcActivePower${phase}`) +
              value(`_sum/GridActivePower${phase}`) +
              value(`_sum/EssActivePower${phase}`),
          )
        }
        for (const total of ['_sum/GridActivePower', '_sum/EssActivePower', 'meter1/ActivePower']) {
          expect(value(total)).toBe(value(`${total}L1`) + value(`${total}L2`) + value(`${total}L3`))
        }
        expect(value('ess0/Soc')).toBe(value('_sum/EssSoc'))
        expect(value('ess0/ActivePower')).toBe(value('_sum/EssActivePower'))
        expect(value('meter0/ActivePower')).toBe(value('_sum/GridActivePower'))
        expect(value('meter1/ActivePower')).toBe(value('_sum/ProductionActivePower'))
      }),
      { numRuns: 60 },
    )
  })

  it.each([0, 1, 2, 3])('level %i is the worst of the component states', (level) => {
    const home = new HomeMeasurements(1)
    home.advance(NOON, level)
    const values = read(home.takeChanges(true))
    const parts = Object.entries(values).filter(([key]) => key.endsWith('/State') && key !== '_sum/State')
    expect(values['_sum/State']).toBe(level)
    expect(Math.max(...parts.map(([, value]) => Number(value)))).toBe(level)
  })

  it('averages powers over a window and takes the last of counters', () => {
    const home = new HomeMeasurements(5)
    const powers: number[] = []
    let energy = 0
    for (let second = 0; second < 20; second++) {
      home.advance(NOON + second * 1000, 0)
      const values = read(home.takeChanges(true))
      powers.push(Number(values['_sum/ProductionActivePower']))
      energy = Number(values['_sum/ProductionActiveEnergy'])
    }
    home.closeWindow()
    const row = read(home.aggregated(false))
    expect(row['_sum/ProductionActivePower']).toBe(Math.round(powers.reduce((a, b) => a + b) / powers.length))
    expect(row['_sum/ProductionActiveEnergy']).toBe(energy)
    expect(row['_meta/Version']).toBe('2026.4.0')
    expect(row).not.toHaveProperty('_sum/ProductionDcActualPower')
    expect(read(home.aggregated(true))).toHaveProperty('_sum/ProductionDcActualPower', null)
    home.closeWindow()
    expect(home.aggregated(true)).toBe('')
  })

  it('is silent about components that are gone or switched off', () => {
    const home = new HomeMeasurements(5)
    home.configure(
      deleteComponent(updateComponent(home.config, 'meter1', [{ name: 'enabled', value: false }]), 'ctrlDebugLog0'),
    )
    home.advance(NOON, 0)
    const components = new Set(Object.keys(read(home.takeChanges(true))).map((key) => key.split('/')[0]))
    expect(components).toEqual(new Set(['_sum', '_meta', '_host', '_appManager', 'ess0', 'meter0', 'ctrlBackend0']))
  })

  it('names every channel once', () => {
    expect(new Set(homeChannels.map(({ key }) => key)).size).toBe(homeChannels.length)
  })
})

describe('lean measurements', () => {
  it('sends nothing but changes, as many as asked for, and loses none', () => {
    const profile = fc.record({
      channels: fc.integer({ min: 2, max: 150 }),
      changesPerSecond: fc.double({ min: 0, max: 60, noNaN: true }),
    })
    fc.assert(
      fc.property(profile, fc.nat(), (chosen, seed) => {
        const layout = leanLayout(chosen)
        const measurements = new LeanMeasurements(layout, seed)
        const seen = read(measurements.takeChanges(true))
        expect(Object.keys(seen)).toHaveLength(chosen.channels)
        let changed = 0
        for (let second = 0; second < 50; second++) {
          const changes = read(measurements.takeChanges(false))
          changed += Object.keys(changes).length
          Object.assign(seen, changes)
        }
        expect(changed).toBeGreaterThanOrEqual(Math.floor(layout.changesPerSecond * 50) - 1)
        expect(changed).toBeLessThanOrEqual(Math.ceil(layout.changesPerSecond * 50) + 1)
        measurements.closeWindow()
        expect(read(measurements.aggregated())).toEqual(seen)
      }),
      { numRuns: 100 },
    )
  })

  it('reports a new level', () => {
    const measurements = new LeanMeasurements(leanLayout({ channels: 20, changesPerSecond: 0 }), 1)
    measurements.advance(NOON, 0)
    measurements.takeChanges(true)
    expect(measurements.takeChanges(false)).toBe('')
    measurements.advance(NOON + 1000, 3)
    expect(read(measurements.takeChanges(false))).toEqual({ '_sum/State': 3 })
  })
})

describe('wheel', () => {
  it('gives everybody one turn a second, spread over it', () => {
    const turns: [string, number][] = []
    const wheel = new Wheel<string>((item, at) => turns.push([item, at]), 50)
    for (let index = 0; index < 40; index++) wheel.add(`edge${index}`, index)
    wheel.advance(NOON)
    turns.length = 0
    for (let ms = 50; ms <= 1000; ms += 50) wheel.advance(NOON + ms)
    expect(new Set(turns.map(([item]) => item)).size).toBe(40)
    expect(turns).toHaveLength(40)
    expect(new Set(turns.map(([, at]) => at)).size).toBe(20)
  })

  it('is not made up for when late, and survives a clock set back', () => {
    const turns: number[] = []
    const wheel = new Wheel<string>((_item, at) => turns.push(at), 50)
    wheel.add('edge0', 0)
    wheel.advance(NOON)
    wheel.advance(NOON)
    wheel.advance(NOON + 60_000)
    wheel.advance(NOON - 60_000)
    wheel.advance(NOON - 58_000)
    expect(turns).toEqual([NOON, NOON + 60_000, NOON - 58_000])
  })
})
