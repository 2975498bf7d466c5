import { z } from 'zod'

/**
 * What is kept of an import, once: what it is on the wire is what it is here. Never a secret; what comes from a file is cut and
 * has no control characters.
 */

const place = z.object({
  file: z.string(),
  sheet: z.string().exactOptional(),
  row: z.number().exactOptional(),
  column: z.string().exactOptional(),
  path: z.string().exactOptional(),
})

const count = z.object({ created: z.number(), changed: z.number(), removed: z.number() })

/** What somebody gets or loses on how many edges; on what, where it is told as a whole. */
const accessDetail = z.object({
  who: z.string(),
  action: z.enum(['gains', 'loses', 'changes']),
  /** Of OpenEMS; with `on`, as it is granted. */
  role: z.string(),
  /** Before it changed. */
  was: z.string().exactOptional(),
  on: z.string().exactOptional(),
  edges: z.number(),
  /** Some of them. */
  examples: z.array(z.string()),
})

/** What an import did or would do. */
export const importReport = z.object({
  problems: z.array(
    z.object({
      place,
      value: z.string().exactOptional(),
      rule: z.string(),
      text: z.string(),
      isFatal: z.boolean().exactOptional(),
    }),
  ),
  problemCount: z.number(),
  remarks: z.array(z.object({ place, text: z.string() })),
  remarkCount: z.number(),
  /** What is created, changed or removed, by the name it has in the file. */
  details: z.array(z.object({ kind: z.string(), key: z.string(), action: z.enum(['created', 'changed', 'removed']) })),
  /** One page of it. */
  access: z.array(accessDetail),
  /** How much of it there was, and how much of that is kept. */
  accessCount: z.number(),
  accessKept: z.number(),
  /** Who has no password yet, or is somebody else's to change (D-03): the first of them. */
  invite: z.array(z.string()),
})

export const importCounts = z.object({
  records: z.number(),
  unchanged: z.number(),
  /** Left out because something is wrong with them (`skipInvalid`). */
  skipped: z.number(),
  invite: z.number(),
  /** Pairs of somebody and an edge: new ones, ended ones, with another role or other times. */
  gains: z.number(),
  losses: z.number(),
  changes: z.number(),
  /** Whose access is another. */
  people: z.number(),
  /**
   * False: more may be concerned than was looked at, and the numbers are the least there is. In a file of users alone that is so
   * where one of them gets or loses something himself and has, or may have, something of the default edge group of another, from
   * which the file takes something away.
   */
  accessComplete: z.boolean(),
  byKind: z.record(z.string(), count),
})

export type AccessDetail = z.output<typeof accessDetail>
export type ImportReport = z.output<typeof importReport>
export type ImportCounts = z.output<typeof importCounts>

/** Of an import that has found nothing yet. */
export function emptyReport(): ImportReport {
  return {
    problems: [],
    problemCount: 0,
    remarks: [],
    remarkCount: 0,
    details: [],
    access: [],
    accessCount: 0,
    accessKept: 0,
    invite: [],
  }
}

export function emptyCounts(): ImportCounts {
  return {
    records: 0,
    unchanged: 0,
    skipped: 0,
    invite: 0,
    gains: 0,
    losses: 0,
    changes: 0,
    people: 0,
    accessComplete: true,
    byKind: {},
  }
}
