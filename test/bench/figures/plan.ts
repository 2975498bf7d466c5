import type { Figure } from '../report.ts'
import type { EngineName, World } from '../world.ts'

/** How much of it: `full` is what the goals are about, `small` shows in a minute that everything works. */
export interface Scale {
  name: 'full' | 'small'
  rounds: number
  roundMs: number
  stormEdges: number
  memoryEdges: number
  ingestEdges: number
  ingestSeconds: number
  startEdges: number
  /** Edges of the fleets that the access engine is loaded with; the last is the one that is asked. */
  fleets: readonly [...number[], number]
  mirrorEdges: number
  importUsers: number
}

export const scales: Readonly<Record<Scale['name'], Scale>> = {
  full: {
    name: 'full',
    rounds: 5,
    roundMs: 3000,
    stormEdges: 20_000,
    memoryEdges: 10_000,
    ingestEdges: 10_000,
    ingestSeconds: 10,
    startEdges: 20_000,
    fleets: [10_000, 100_000, 1_000_000],
    mirrorEdges: 100_000,
    importUsers: 100_000,
  },
  small: {
    name: 'small',
    rounds: 3,
    roundMs: 1000,
    stormEdges: 2000,
    memoryEdges: 1000,
    ingestEdges: 1000,
    ingestSeconds: 4,
    startEdges: 2000,
    fleets: [1000, 10_000],
    mirrorEdges: 2000,
    importUsers: 2000,
  },
}

/** What a figure is given. The world is made on first use and shared by the figures of a run. */
export interface Bench {
  scale: Scale
  world(engine?: EngineName): Promise<World>
  /** A fleet on PostgreSQL, likewise. */
  fleet(edges: number): Promise<World>
  say(line: string): void
}

/** One figure or several that are measured together. */
export type Measure = (bench: Bench) => Promise<Figure[]>
