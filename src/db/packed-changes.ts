import type { EntityName } from '../access/model.ts'
import type { BatchPart } from './change-log.ts'

/** New rows of a kind one after the other: what they have in common once, the rest column by column. */
interface Run {
  entity: EntityName
  same: Record<string, unknown>
  each: Record<string, readonly unknown[]>
}
export type Packed = BatchPart | Run

/**
 * The same changes in far fewer bytes: what an import gives somebody differs in a few columns only, and everything about
 * the log costs by the byte (hash, database, other nodes, disk). What is packed already stays as it is.
 */
export function packChanges(changes: readonly Packed[]): Packed[] {
  const packed: Packed[] = []
  for (let start = 0; start < changes.length; ) {
    const first = changes[start] as Packed
    let end = start + 1
    while (isRun(first, changes[end])) end++
    const rows = changes
      .slice(start, end)
      .map((part) => (part as BatchPart).after as unknown as Record<string, unknown>)
    packed.push(rows.length > 1 ? runOf(first.entity, rows) : first)
    start = end
  }
  return packed
}

/** What was packed. */
export function unpackChanges(packed: readonly Packed[]): BatchPart[] {
  return packed.flatMap((part) => ('each' in part ? rowsOf(part) : part))
}

function isRun(first: Packed, next: Packed | undefined): boolean {
  return next?.entity === first.entity && isNew(first) && isNew(next)
}

function isNew(part: Packed): boolean {
  return !('each' in part) && part.before === null && part.after !== null
}

/** The ids of the rows in it. */
export function idsIn(part: Packed): readonly number[] {
  return 'each' in part ? ((part.each['id'] ?? []) as readonly number[]) : [part.id]
}

/** Those of packed changes that change or remove what is there: they stand by themselves. */
export function changedIn(packed: readonly Packed[]): BatchPart[] {
  return packed.filter((part): part is BatchPart => !('each' in part) && part.before !== null)
}

function runOf(entity: EntityName, rows: readonly Record<string, unknown>[]): Run {
  const run: Run = { entity, same: {}, each: {} }
  for (const [column, value] of Object.entries(rows[0] ?? {})) {
    if (rows.every((row) => row[column] === value)) run.same[column] = value
    else run.each[column] = rows.map((row) => row[column])
  }
  return run
}

function rowsOf({ entity, same, each }: Run): BatchPart[] {
  const columns = Object.entries(each)
  return (each['id'] ?? []).map((id, position) => {
    const after: Record<string, unknown> = { ...same }
    for (const [column, values] of columns) after[column] = values[position]
    return { entity, id, before: null, after } as unknown as BatchPart
  })
}
