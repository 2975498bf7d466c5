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
 * the log costs by the byte (hash, database, other nodes, disk).
 */
export function packChanges(changes: readonly BatchPart[]): Packed[] {
  const packed: Packed[] = []
  for (let start = 0; start < changes.length; ) {
    const first = changes[start] as BatchPart
    let end = start + 1
    while (isRun(first, changes[end])) end++
    const rows = changes.slice(start, end).map(({ after }) => after as unknown as Record<string, unknown>)
    packed.push(rows.length > 1 ? runOf(first.entity, rows) : first)
    start = end
  }
  return packed
}

/** What was packed. */
export function unpackChanges(packed: readonly Packed[]): BatchPart[] {
  return packed.flatMap((part) => ('each' in part ? rowsOf(part) : part))
}

function isRun({ entity, before, after }: BatchPart, next: BatchPart | undefined): boolean {
  return before === null && after !== null && next?.entity === entity && next.before === null && next.after !== null
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
