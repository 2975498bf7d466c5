import type { Window } from './model.ts'

/**
 * Windows of time as pure values: [from, to) in epoch milliseconds, null is open. A list of windows is *normal* when it is
 * sorted and nothing in it is empty, touches or overlaps; every function here returns normal lists.
 * `null` instead of a list means all time, `[]` means none (T3): the two must never be mistaken for each other.
 */
export type Windows = readonly Window[] | null

/** The union of the windows given: sorted, overlapping and touching ones joined, empty ones dropped (D-15, D-19). */
export function normalWindows(windows: readonly Window[]): Window[] {
  const sorted = windows.filter((window) => startOf(window) < endOf(window)).sort((a, b) => startOf(a) - startOf(b))
  const joined: Window[] = []
  for (const window of sorted) {
    const last = joined.at(-1)
    if (last === undefined || startOf(window) > endOf(last)) joined.push(window)
    else if (endOf(window) > endOf(last)) joined[joined.length - 1] = [last[0], window[1]]
  }
  return joined
}

/** Time in either. */
export function unionWindows(a: Windows, b: Windows): Windows {
  return a === null || b === null ? null : normalWindows([...a, ...b])
}

/** Time in both. */
export function intersectWindows(a: Windows, b: Windows): Windows {
  if (a === null) return b === null ? null : normalWindows(b)
  if (b === null) return normalWindows(a)
  return normalWindows(a.flatMap((one) => b.map((other) => overlap(one, other))))
}

/** Whether the instant lies in the windows: start included, end excluded (D-15). */
export function windowsContain(windows: Windows, at: number): boolean {
  return windows === null || windows.some((window) => startOf(window) <= at && at < endOf(window))
}

/** Whether no instant at all lies in the windows. Null is all time, so it is not empty (T3). */
export function windowsEmpty(windows: Windows): boolean {
  return windows?.every((window) => startOf(window) >= endOf(window)) ?? false
}

/** Whether every instant of `inner` lies in `outer`. */
export function windowsCover(outer: Windows, inner: Windows): boolean {
  if (outer === null) return true
  const whole = normalWindows(outer)
  return normalWindows(inner ?? [[null, null]]).every((window) =>
    whole.some((other) => startOf(other) <= startOf(window) && endOf(window) <= endOf(other)),
  )
}

/** The windows without anything at or after `end` (D-20, D-21). What was unrestricted now ends, too (V12). */
export function truncateWindows(windows: Windows, end: number): Window[] {
  return intersectWindows(windows, [[null, end]])?.slice() ?? []
}

/** Every finite bound in the windows: the instants at which an answer about them changes. */
export function windowBounds(windows: Windows): number[] {
  return windows?.flat().filter((bound) => bound !== null) ?? []
}

/** A period of an import: with both bounds or a start it adds time, with an end alone it cuts what there is (D-20). */
export interface Period {
  from?: number
  to?: number
}
export interface PeriodUpload {
  /** *set* takes the place of what was there, *merge* adds to it (D-24). */
  mode: 'merge' | 'set'
  periods: readonly Period[]
  /** Lifts the restriction. Must be said: an empty list alone could mean the opposite (V17). */
  unrestricted?: boolean
}
export type PeriodResult = { ok: true; windows: Windows } | { ok: false; reason: PeriodMistake }
export type PeriodMistake = 'endWithOthers' | 'emptySet' | 'noBounds'

/** What an upload of periods asks for: more time (already normal), an end, or no restriction at all. */
export type WindowChange = { windows: readonly Window[] } | { endsAt: number } | { unrestricted: true }

/** What an upload of periods makes of the windows of one user on one edge (D-14..24, vectors V1-V17). */
export function applyPeriods(windows: Windows, upload: PeriodUpload): PeriodResult {
  const asked = windowChange(upload)
  if (!asked.ok) return asked
  return { ok: true, windows: asked.change === undefined ? windows : applyChange(windows, asked.change, upload.mode) }
}

/** What an upload of periods asks for, before anything is known of what is there; undefined: nothing (D-12). */
export function windowChange({
  mode,
  periods,
  unrestricted,
}: PeriodUpload): { ok: true; change: WindowChange | undefined } | { ok: false; reason: PeriodMistake } {
  if (periods.some(({ from, to }) => from === undefined && to === undefined)) return { ok: false, reason: 'noBounds' }
  if (unrestricted && periods.length === 0) return { ok: true, change: { unrestricted: true } }
  if (periods.length === 0)
    return mode === 'merge' ? { ok: true, change: undefined } : { ok: false, reason: 'emptySet' }
  const end = periods.find(({ from }) => from === undefined)?.to
  if (end !== undefined && periods.length > 1) return { ok: false, reason: 'endWithOthers' }
  if (end !== undefined) return { ok: true, change: { endsAt: end } }
  const given = periods.map(({ from, to }): Window => [from ?? null, to ?? null])
  return { ok: true, change: { windows: normalWindows(given) } }
}

/** The stored windows after a change: *set* forgets what was there, *merge* adds to it, an end cuts in both (D-20, D-24). */
export function applyChange(stored: Windows, change: WindowChange, mode: PeriodUpload['mode']): Windows {
  if ('unrestricted' in change) return null
  if ('endsAt' in change) return truncateWindows(stored, change.endsAt)
  return normalWindows([...(mode === 'merge' ? (stored ?? []) : []), ...change.windows])
}

function overlap(a: Window, b: Window): Window {
  const from = Math.max(startOf(a), startOf(b))
  const to = Math.min(endOf(a), endOf(b))
  return [Number.isFinite(from) ? from : null, Number.isFinite(to) ? to : null]
}

function startOf(window: Window): number {
  return window[0] ?? Number.NEGATIVE_INFINITY
}

function endOf(window: Window): number {
  return window[1] ?? Number.POSITIVE_INFINITY
}
