/**
 * The physics of one home: sun, household, battery and grid connection. Pure: everything follows from the seed, the
 * instant and the state handed in. Signs as in OpenEMS: battery > 0 discharges, grid > 0 buys.
 */
import { between, dice, drift } from './noise.ts'

const SECOND = 1000
const HOUR = 3_600_000
const DAY = 24 * HOUR
/** Central European time all year round: nobody's habits are known to the hour. */
const CLOCK_OFFSET = HOUR
/** Longitude 12.9 degrees east: the sun is that much ahead of UTC. */
const SOLAR_OFFSET = (12.9 / 360) * DAY
const LATITUDE = (48.8 / 180) * Math.PI
/** Energy is integrated in steps no longer than this. */
const MAX_STEP = 300 * SECOND
const EFFICIENCY = 0.95
const RESERVE = 0.05

/** What was built into the home; fixed for its seed. */
export interface Home {
  readonly seed: number
  readonly pvPeakW: number
  readonly capacityWh: number
  readonly batteryPeakW: number
  readonly baseW: number
  /** Commissioning: the energy counters started at zero then. */
  readonly since: number
}

/** What flows and what has flowed; moved on in place by `advance`. Energies in watt-milliseconds, whole numbers. */
export interface HomeState {
  at: number
  storedWh: number
  productionW: number
  loadW: number
  batteryW: number
  gridW: number
  produced: number
  consumed: number
  bought: number
  sold: number
  charged: number
  discharged: number
  gridMinW: number
  gridMaxW: number
  productionMaxW: number
  loadMaxW: number
}

/** The home that belongs to a seed. */
export function homeOf(seed: number): Home {
  const capacityWh = 5000 + 2500 * between(seed, 1, 0, 4)
  return {
    seed,
    pvPeakW: 4000 + 500 * between(seed, 2, 0, 16),
    capacityWh,
    batteryPeakW: capacityWh * 0.4,
    baseW: between(seed, 3, 150, 350),
    since: 1_704_067_200_000 + DAY * between(seed, 4, 0, 300),
  }
}

/** Sine of the sun's height over the horizon. */
export function sunHeight(at: number): number {
  const dayOfYear = (at / DAY) % 365.25
  const declination = -0.40911 * Math.cos(((dayOfYear + 10) / 365.25) * 2 * Math.PI)
  const hourAngle = (((at + SOLAR_OFFSET) % DAY) / DAY - 0.5) * 2 * Math.PI
  return Math.sin(LATITUDE) * Math.sin(declination) + Math.cos(LATITUDE) * Math.cos(declination) * Math.cos(hourAngle)
}

/** Photovoltaic power in whole watts: sun by date and time, thinned by clouds that a neighbourhood shares. */
export function productionAt(home: Home, at: number): number {
  const height = sunHeight(at)
  if (height <= 0) return 0
  const region = home.seed % 7
  const clear = Math.min(1, 0.1 + 0.75 * drift(region + 101, at / DAY) + 0.4 * drift(region + 102, at / HOUR))
  const passing = 1 - 0.5 * (1 - clear) * drift(home.seed + 103, at / (90 * SECOND))
  const haze = 0.99 + 0.02 * drift(home.seed + 104, at / (3 * SECOND))
  return Math.round(home.pvPeakW * 0.95 * height ** 1.15 * clear * passing * haze)
}

/** Household power in whole watts, never zero: base, fridge, morning, noon and evening, now and then an appliance. */
export function loadAt(home: Home, at: number): number {
  const { seed } = home
  const hour = ((at + CLOCK_OFFSET) % DAY) / HOUR
  const shift = drift(seed + 1, 0) * 1.5 - 0.75
  const liveliness = 0.6 + 0.8 * drift(seed + 2, (at + CLOCK_OFFSET) / DAY)
  const activity =
    0.55 * peak(hour - 7.2 - shift, 1.1) + 0.4 * peak(hour - 12.5 - shift, 1.2) + peak(hour - 19 - shift, 2.1)
  const fridge = (at / SECOND + (seed % 2700)) % 2700 < 900 ? 90 : 0
  const steady = home.baseW + 900 * activity * liveliness
  const flutter = 0.96 + 0.08 * drift(seed + 3, at / (4 * SECOND))
  return Math.round(steady * flutter + fridge + applianceAt(seed, at, activity))
}

/** The state at an instant that nobody watched up to: the day before and this day in coarse steps. */
export function stateAt(home: Home, at: number): HomeState {
  const midnight = Math.floor((at + CLOCK_OFFSET) / DAY) * DAY - CLOCK_OFFSET
  const state = emptyState(home, midnight - DAY)
  advance(home, state, midnight)
  Object.assign(state, energyBefore(home, midnight))
  advance(home, state, at)
  return state
}

/** Moves the state on to `at`; a set-point overrides what the battery would do by itself. Time never runs back. */
export function advance(home: Home, state: HomeState, at: number, setPointW?: number): void {
  const gap = at - state.at
  const pieces = Math.min(Math.ceil(gap / MAX_STEP), 4000)
  const from = state.at
  for (let piece = 1; piece < pieces; piece++) step(home, state, from + Math.round((gap * piece) / pieces), setPointW)
  step(home, state, Math.max(at, from), setPointW)
}

/** State of charge in percent. */
export function chargeOf(home: Home, state: HomeState): number {
  return Math.round((state.storedWh / home.capacityWh) * 100)
}

/** Whole watt-hours of an energy counter. */
export function wattHours(energy: number): number {
  return Math.floor(energy / HOUR)
}

function step(home: Home, state: HomeState, at: number, setPointW: number | undefined): void {
  const elapsed = at - state.at
  const production = productionAt(home, at)
  const load = loadAt(home, at)
  const battery = batteryWithin(home, state.storedWh, setPointW ?? load - production + wobble(home, at), elapsed)
  const grid = load - production - battery
  state.at = at
  state.productionW = production
  state.loadW = load
  state.batteryW = battery
  state.gridW = grid
  state.produced += production * elapsed
  state.consumed += load * elapsed
  state.bought += Math.max(0, grid) * elapsed
  state.sold += Math.max(0, -grid) * elapsed
  state.charged += Math.max(0, -battery) * elapsed
  state.discharged += Math.max(0, battery) * elapsed
  const change = (battery < 0 ? -battery * EFFICIENCY : -battery / EFFICIENCY) * (elapsed / HOUR)
  state.storedWh = Math.min(home.capacityWh, Math.max(0, state.storedWh + change))
  state.gridMinW = Math.min(state.gridMinW, grid)
  state.gridMaxW = Math.max(state.gridMaxW, grid)
  state.productionMaxW = Math.max(state.productionMaxW, production)
  state.loadMaxW = Math.max(state.loadMaxW, load)
}

/** The wish cut to what inverter, content and free room allow for the time it has to last; whole watts. */
function batteryWithin(home: Home, storedWh: number, wishW: number, elapsed: number): number {
  const hours = Math.max(elapsed, SECOND) / HOUR
  const discharge = (Math.max(0, storedWh - home.capacityWh * RESERVE) * EFFICIENCY) / hours
  const charge = (home.capacityWh - storedWh) / EFFICIENCY / hours
  const cut = Math.max(-charge, -home.batteryPeakW, Math.min(discharge, home.batteryPeakW, wishW))
  return Math.trunc(cut) + 0 // no negative zero
}

/** Control is never exact: a few watts pass the grid meter. */
function wobble(home: Home, at: number): number {
  return between(home.seed + 7, at / SECOND, -15, 15)
}

function peak(distance: number, width: number): number {
  const wrapped = ((distance + 36) % 24) - 12
  return Math.exp(-((wrapped / width) ** 2))
}

function applianceAt(seed: number, at: number, activity: number): number {
  const slot = Math.floor(at / (10 * 60 * SECOND))
  if (dice(seed + 4, slot) > 0.03 + 0.25 * activity) return 0
  const minutes = (at % (10 * 60 * SECOND)) / (60 * SECOND)
  return minutes < between(seed + 5, slot, 2, 9) ? between(seed + 6, slot, 600, 2600) : 0
}

/** What had flowed before a midnight, by average days: buying and selling follow from the balance. */
function energyBefore(home: Home, midnight: number) {
  const wholeDays = Math.max(0, Math.floor((midnight - home.since) / DAY)) * HOUR
  const produced = Math.round(home.pvPeakW * 2.7)
  const consumed = Math.round(home.baseW * 24 + 5500)
  const charged = Math.round(home.capacityWh * 0.6)
  const discharged = Math.round(charged * EFFICIENCY * EFFICIENCY)
  const needed = consumed + charged - produced - discharged
  const sold = Math.max(0, -needed) + Math.round(produced * 0.4)
  return {
    produced: produced * wholeDays,
    consumed: consumed * wholeDays,
    charged: charged * wholeDays,
    discharged: discharged * wholeDays,
    sold: sold * wholeDays,
    bought: (needed + sold) * wholeDays,
  }
}

function emptyState(home: Home, at: number): HomeState {
  return {
    at,
    storedWh: home.capacityWh * 0.5,
    productionW: 0,
    loadW: 0,
    batteryW: 0,
    gridW: 0,
    produced: 0,
    consumed: 0,
    bought: 0,
    sold: 0,
    charged: 0,
    discharged: 0,
    gridMinW: -Math.round(home.pvPeakW * 0.8),
    gridMaxW: 4000,
    productionMaxW: Math.round(home.pvPeakW * 0.95),
    loadMaxW: 4500,
  }
}
