import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'

/** One line of the table. `ratio` is ours against the bare limit of the same run; `goal` is what was promised. */
export interface Figure {
  name: string
  ours: string
  bare: string
  ratio: string
  goal: string
  /** Undefined: reported without a promise. */
  met: boolean | undefined
  note: string
}

export interface Facts {
  node: string
  kernel: string
  processor: string
  cores: number
  memoryGb: number
  loadBefore: number
  openFileLimit: number
}

/** The machine and how busy it was before anything was measured. */
export function machineFacts(): Facts {
  return {
    node: process.version,
    kernel: release(),
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    loadBefore: round(loadavg()[0] ?? 0, 1),
    openFileLimit: openFileLimit(),
  }
}

/** Open files a process may have; node raises the soft limit to it by itself. */
export function openFileLimit(): number {
  const line = /^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))
  return line ? Number(line[1]) : 1024
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export function round(value: number, digits = 2): number {
  return Math.round(value * 10 ** digits) / 10 ** digits
}

export function thousands(value: number): string {
  return value >= 10_000 ? `${round(value / 1000, 1)}k` : String(round(value, value < 100 ? 2 : 0))
}

/** A figure whose goal is a ratio of at least, or at most, so much: the median of the rounds' own ratios decides. */
export function ratioFigure(figure: {
  name: string
  ours: readonly number[]
  bare: readonly number[]
  unit: string
  atLeast?: number
  atMost?: number
  note?: string
}): Figure {
  const { name, ours, bare, unit, atLeast, atMost, note = '' } = figure
  const ratios = ours.map((value, index) => value / (bare[index] ?? Number.NaN))
  const ratio = median(ratios)
  const spread = `${round(Math.min(...ratios))}-${round(Math.max(...ratios))}`
  return {
    name,
    ours: `${thousands(median(ours))} ${unit}`,
    bare: `${thousands(median(bare))} ${unit}`,
    ratio: `${round(ratio, 3)} (${spread})`,
    goal: atLeast === undefined ? (atMost === undefined ? '' : `<= ${atMost}`) : `>= ${atLeast}`,
    met: atLeast === undefined ? (atMost === undefined ? undefined : ratio <= atMost) : ratio >= atLeast,
    note,
  }
}

/** A figure with an absolute goal. */
export function limitFigure(figure: {
  name: string
  value: number
  unit: string
  atMost?: number
  bare?: number
  note?: string
}): Figure {
  const { name, value, unit, atMost, bare, note = '' } = figure
  return {
    name,
    ours: `${thousands(value)} ${unit}`,
    bare: bare === undefined ? '' : `${thousands(bare)} ${unit}`,
    ratio: '',
    goal: atMost === undefined ? '' : `<= ${atMost} ${unit}`,
    met: atMost === undefined ? undefined : value <= atMost,
    note,
  }
}

/** The table as text, aligned for a terminal and readable as Markdown. */
export function toTable(figures: readonly Figure[]): string {
  const rows = [
    ['figure', 'ours', 'bare limit', 'ratio (rounds)', 'goal', 'met', 'note'],
    ...figures.map(({ name, ours, bare, ratio, goal, met, note }) => [
      name,
      ours,
      bare,
      ratio,
      goal,
      met === undefined ? '' : met ? 'yes' : 'NO',
      note,
    ]),
  ]
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? []
  const lines = rows.map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`)
  lines.splice(1, 0, `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`)
  return `${lines.join('\n')}\n`
}
