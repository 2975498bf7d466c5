import type { Child } from '../child.ts'
import type { Loaded } from '../engine.ts'
import type { CheckTimes } from '../engine-checks.ts'
import type { Times } from '../engine-crowd.ts'
import type { AudienceTimes, ExplainTimes } from '../engine-explain.ts'
import type { PageTimes } from '../engine-pages.ts'
import type { UpdateTimes } from '../engine-updates.ts'
import { type Figure, limitFigure, median, round } from '../report.ts'
import type { Bench, Measure } from './plan.ts'

/** Goals of the access engine with 1,000,000 edges. */
const goals = {
  loadMs: 8000,
  residentMb: 800,
  checkUs: 20,
  checksPerSecond: 500_000,
  coldPageMs: 1,
  warmPageMs: 0.1,
  filteredMs: 2,
  textMs: 1,
  shortTextMs: 10,
  changeMs: 1,
  nestingMs: 50,
  explainMs: 5,
  audienceMs: 20,
}

/** The access engine in process: loading, checks, pages, changes, for users who see ten edges, thousands and all. */
export const engine: Measure = async (bench) => {
  const { fleets } = bench.scale
  const figures: Figure[] = []
  for (const edges of fleets.slice(0, -1)) {
    const { startEngine } = await bench.fleet(edges)
    await using child = await startEngine()
    figures.push(...loadFigures(edges, await child.ask<Loaded>('loaded'), false))
  }
  const edges = fleets.at(-1) ?? 0
  const { startEngine } = await bench.fleet(edges)
  await using child = await startEngine()
  figures.push(...loadFigures(edges, await child.ask<Loaded>('loaded'), true))
  figures.push(...(await checkFigures(bench, child)))
  figures.push(...(await pageFigures(bench, child)))
  figures.push(...(await updateFigures(bench, child)))
  figures.push(...(await explainFigures(bench, child)))
  figures.push(...(await audienceFigures(bench, child)))
  return figures
}

function loadFigures(
  edges: number,
  { ms, cpuMs, readyMs, longestMs, residentMb, peakMb }: Loaded,
  isLargest: boolean,
): Figure[] {
  return [
    limitFigure({
      name: `load ${edges} edges`,
      value: ms,
      unit: 'ms',
      ...(isLargest ? { atMost: goals.loadMs } : {}),
      note: `${round(cpuMs, 0)} ms CPU beside PostgreSQL; ${round((1000 * cpuMs) / edges, 1)} us per edge`,
    }),
    limitFigure({
      name: `texts and sets of ${edges} edges`,
      value: readyMs,
      unit: 'ms',
      note: `after loading, while the service answers; longest slice ${round(longestMs)} ms`,
    }),
    limitFigure({
      name: `resident with ${edges} edges`,
      value: residentMb,
      unit: 'MB',
      ...(isLargest ? { atMost: goals.residentMb } : {}),
      note: `${round((residentMb * 2 ** 20) / edges, 0)} bytes per edge, ${round(peakMb, 0)} MB at most`,
    }),
  ]
}

async function checkFigures({ scale, say }: Bench, child: Child): Promise<Figure[]> {
  await child.ask('checks')
  const rounds = await repeated(scale.rounds, () => child.ask<CheckTimes[]>('checks'))
  const cold = await repeated(scale.rounds, () => child.ask<({ name: string } & Times)[]>('coldChecks'))
  say('checks measured')
  return (rounds[0] ?? []).flatMap(({ name, sees }, place) => [
    limitFigure({
      name: `check, sees ${name}: p99`,
      value: 1000 * medianOf(rounds, (found) => found[place]?.p99),
      unit: 'us',
      atMost: goals.checkUs,
      note: `sees ${sees}; first check of a user, nothing derived yet: p99 ${round(1000 * medianOf(cold, (found) => found[place]?.p99))} us`,
    }),
    {
      ...limitFigure({
        name: `checks, sees ${name}`,
        value: medianOf(rounds, (found) => found[place]?.perSecond),
        unit: '/s',
      }),
      goal: `>= ${goals.checksPerSecond}`,
      met: medianOf(rounds, (found) => found[place]?.perSecond) >= goals.checksPerSecond,
    },
  ])
}

async function pageFigures({ scale, say }: Bench, child: Child): Promise<Figure[]> {
  const rounds = await repeated(Math.min(3, scale.rounds), () => child.ask<PageTimes[]>('pages'))
  say('pages measured')
  return (rounds[0] ?? []).flatMap(({ name, kind }, place) => {
    const { coldMs, warmMs } = pageGoals(kind)
    const note = (which: 'cold' | 'warm') =>
      `of ${medianOf(rounds, (found) => found[place]?.[which].count)}; p50 ${round(
        medianOf(rounds, (found) => found[place]?.[which].p50),
        3,
      )}, with waiting ${round(
        medianOf(rounds, (found) => found[place]?.[which].clock),
        2,
      )}`
    return (['cold', 'warm'] as const).map((which) =>
      limitFigure({
        name: `page, ${kind}, sees ${name}, ${which}: p99`,
        value: medianOf(rounds, (found) => found[place]?.[which].p99),
        unit: 'ms',
        atMost: which === 'cold' ? coldMs : warmMs,
        note: note(which),
      }),
    )
  })
}

function pageGoals(kind: string): { coldMs: number; warmMs: number } {
  const both = (ms: number) => ({ coldMs: ms, warmMs: ms })
  if (kind.startsWith('text')) return both(goals.textMs)
  if (kind.includes('letter')) return both(goals.shortTextMs)
  if (kind.startsWith('filter') || kind.startsWith('by')) return both(goals.filteredMs)
  return { coldMs: goals.coldPageMs, warmMs: goals.warmPageMs }
}

async function updateFigures({ scale, say }: Bench, child: Child): Promise<Figure[]> {
  const rounds = await repeated(scale.rounds, () => child.ask<UpdateTimes[]>('updates'))
  say('changes measured')
  return (rounds[0] ?? []).map(({ kind }, place) =>
    limitFigure({
      name: `applied and checked, ${kind}: p99`,
      value: medianOf(rounds, (found) => found[place]?.applied.p99),
      unit: 'ms',
      atMost: kind.startsWith('a nesting') ? goals.nestingMs : goals.changeMs,
      note: `a page after it: p99 ${round(medianOf(rounds, (found) => found[place]?.page.p99))} ms`,
    }),
  )
}

async function explainFigures({ scale, say }: Bench, child: Child): Promise<Figure[]> {
  await child.ask('explain')
  const rounds = await repeated(scale.rounds, () => child.ask<ExplainTimes[]>('explain'))
  say('explaining measured')
  return (rounds[0] ?? []).flatMap(({ name }, place) =>
    (['allow', 'deny'] as const).map((which) => {
      const p50 = medianOf(rounds, (found) => found[place]?.[which].p50)
      const nearMisses = medianOf(rounds, (found) => found[place]?.nearMisses)
      return limitFigure({
        name: `explain, ${which}, sees ${name}: p99`,
        value: medianOf(rounds, (found) => found[place]?.[which].p99),
        unit: 'ms',
        atMost: goals.explainMs,
        note: `p50 ${round(p50)}${which === 'deny' ? `; up to ${nearMisses} near misses` : ''}`,
      })
    }),
  )
}

async function audienceFigures({ scale, say }: Bench, child: Child): Promise<Figure[]> {
  const rounds = await repeated(Math.min(3, scale.rounds), () => child.ask<AudienceTimes[]>('audience'))
  say('who can see measured')
  return (rounds[0] ?? []).flatMap(({ asker, total, hidden }, place) =>
    (['cold', 'warm'] as const).map((which) =>
      limitFigure({
        name: `who can see an edge, asked by ${asker}, ${which}: p99`,
        value: medianOf(rounds, (found) => found[place]?.[which].p99),
        unit: 'ms',
        atMost: goals.audienceMs,
        note: `${total} can, ${total - hidden} of them named; first page; p50 ${round(medianOf(rounds, (found) => found[place]?.[which].p50))}`,
      }),
    ),
  )
}

async function repeated<T>(count: number, ask: () => Promise<T>): Promise<T[]> {
  const found: T[] = []
  for (let turn = 0; turn < count; turn++) found.push(await ask())
  return found
}

function medianOf<T>(rounds: readonly T[], pick: (round: T) => number | undefined): number {
  return median(rounds.map((one) => pick(one) ?? Number.NaN))
}
