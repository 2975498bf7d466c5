import type { ImportInput, ImportItem, ImportLimits, ImportProblem, UserRecord } from '../../src/import/model.ts'

/** Limits that no test meets by accident. */
export const roomyLimits: ImportLimits = {
  maxFileBytes: 100_000_000,
  maxUnpackedBytes: 200_000_000,
  maxUnpackedRatio: 200,
  maxRows: 1_000_000,
  maxColumns: 100,
  maxCellBytes: 100_000,
  maxProblems: 1_000,
}

/** A file in memory, handed out in pieces of the size given. */
export function fileOf(name: string, content: string | Buffer, pieceBytes = 65_536): ImportInput {
  const bytes = Buffer.from(content as string)
  return {
    name,
    async *open() {
      for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
    },
  }
}

export async function all(items: AsyncIterable<ImportItem>): Promise<ImportItem[]> {
  const list: ImportItem[] = []
  for await (const item of items) list.push(item)
  return list
}

/** Users without their places, in the order of the file. */
export function usersIn(items: readonly ImportItem[]): Omit<UserRecord, 'place' | 'kind' | 'where'>[] {
  return items.filter((item) => item.kind === 'user').map(({ place, kind, where, ...user }) => user)
}

export function problemsIn(items: readonly ImportItem[]): ImportProblem[] {
  return items.filter((item) => item.kind === 'problem')
}

/** `file:sheet:row:column path rule` of every problem, for short expectations. */
export function briefly(items: readonly ImportItem[]): string[] {
  return problemsIn(items).map(({ place, rule, isFatal }) => {
    const { sheet, row, column, path } = place
    const where = [sheet, row, column, path].filter((part) => part !== undefined).join(' ')
    return `${where}${where === '' ? '' : ': '}${rule}${isFatal ? ' fatal' : ''}`
  })
}
