import { setImmediate as turn } from 'node:timers/promises'

/** So many steps are taken in one turn of the event loop: about a millisecond. */
const STEPS = 2048

/**
 * Items in the order of their texts, by code unit so that every machine and database agrees; the event loop gets its turn
 * meanwhile, whatever their number.
 */
export async function inOrder<T>(items: Iterable<T>, textOf: (item: T) => string): Promise<T[]> {
  let runs: { text: string; item: T }[][] = []
  let run: { text: string; item: T }[] = []
  for (const item of items) {
    run.push({ text: textOf(item), item })
    if (run.length < STEPS) continue
    runs.push(run.sort(byText))
    run = []
    await turn()
  }
  runs.push(run.sort(byText))
  while (runs.length > 1) {
    const merged: typeof runs = []
    for (let at = 0; at < runs.length; at += 2) merged.push(await merge(runs[at] ?? [], runs[at + 1] ?? []))
    runs = merged
  }
  return (runs[0] ?? []).map(({ item }) => item)
}

/** Slices of a list, the event loop getting its turn between them. */
export async function* inPages<T>(items: readonly T[], size: number): AsyncGenerator<T[]> {
  for (let at = 0; at < items.length; at += size) {
    yield items.slice(at, at + size)
    await turn()
  }
}

type Keyed<T> = { text: string; item: T }

function byText(a: { text: string }, b: { text: string }): number {
  return a.text < b.text ? -1 : a.text > b.text ? 1 : 0
}

async function merge<T>(left: Keyed<T>[], right: Keyed<T>[]): Promise<Keyed<T>[]> {
  const merged: Keyed<T>[] = []
  let l = 0
  let r = 0
  while (l < left.length || r < right.length) {
    const one = left[l]
    const other = right[r]
    const isLeft = other === undefined || (one !== undefined && byText(one, other) <= 0)
    const next = isLeft ? left[l++] : right[r++]
    if (next !== undefined) merged.push(next)
    if (merged.length % STEPS === 0) await turn()
  }
  return merged
}
