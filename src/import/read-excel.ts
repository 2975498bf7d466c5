import type { ImportInput, ImportItem, ImportLimits, Place, ReadOptions } from './model.ts'
import { introduced, readTemplate } from './read-template.ts'
import { Seen } from './seen.ts'
import { type Cell, fieldOfColumn, Table } from './table.ts'
import type { Template } from './template.ts'
import { readSheetTemplate, type SheetTemplate } from './template-excel.ts'
import { Unreadable } from './unreadable.ts'
import { UserBuilder } from './user-builder.ts'
import { type Sheet, Workbook } from './workbook.ts'

/** Whether a file that begins like this is a workbook, or one that is kept from being read by its password or its age. */
export function isWorkbook(start: Buffer): boolean {
  return isArchive(start) || isOldWorkbook(start)
}

/**
 * Users from the sheets of a workbook: columns named `opUser.*` or plainly, or by the template in the workbook or beside it.
 * Only values are taken, never formulas, dates or what other workbooks hold; periods cannot be said in sheets (D-18).
 */
export async function* readExcel(
  input: ImportInput,
  options: ReadOptions,
  limits: ImportLimits,
): AsyncGenerator<ImportItem> {
  await refuseOld(input)
  await using workbook = await Workbook.open(input, limits)
  const found = await findTemplate(workbook, options, limits)
  yield* introduced(found)
  if (found.items.some(({ kind }) => kind === 'problem')) return
  const seen = new Seen()
  let count = 0
  for (const sheet of sheetsIn(workbook, found)) {
    const place = { file: input.name, sheet: sheet.name }
    if (sheet.isHidden) {
      yield { kind: 'remark', place, text: 'The sheet is hidden: not imported' }
      continue
    }
    const users = readSheet(workbook, sheet, found, (template) => new UserBuilder(template, options, seen), limits)
    for await (const item of users) {
      yield item
      count++
    }
  }
  if (count === 0)
    throw new Unreadable(
      { file: input.name },
      'D-01',
      'No sheet has users: the first row that is not empty names the columns, one of them opUser.Email or email',
    )
}

async function* readSheet(
  workbook: Workbook,
  sheet: Sheet,
  { template, userSheet }: SheetTemplate,
  builderFor: (template: Template) => UserBuilder,
  limits: ImportLimits,
): AsyncGenerator<ImportItem> {
  let table: Table | undefined
  let builder: UserBuilder | undefined
  for await (const { row, cells } of workbook.rows(sheet)) {
    if (table === undefined || builder === undefined) {
      const place: Place = { file: workbook.file, sheet: sheet.name, row }
      if (userSheet === undefined && !holdsUsers(cells, template)) return
      table = new Table(place, cells, template, limits)
      builder = builderFor(table.template)
      yield* table.remarks
      continue
    }
    const raw = table.read(row, cells)
    if (raw !== undefined) yield* 'kind' in raw ? [raw] : builder.build(raw)
  }
}

/** Whether the header has the e-mail address: as the template calls it, or by a name that says so. */
function holdsUsers(header: readonly Cell[], { items }: Template): boolean {
  const path = items
    .find(({ field }) => field === 'Email')
    ?.path?.trim()
    .toLowerCase()
  return header.some((cell) => {
    if (typeof cell !== 'string') return false
    return path === undefined ? fieldOfColumn(cell) === 'Email' : cell.trim().toLowerCase() === path
  })
}

function sheetsIn(workbook: Workbook, { userSheet, ownSheets }: SheetTemplate): Sheet[] {
  if (userSheet === undefined) return workbook.sheets.filter(({ name }) => !ownSheets.has(name))
  const sheet = workbook.sheet(userSheet)
  if (sheet !== undefined) return [sheet]
  throw new Unreadable({ file: workbook.file }, 'D-01', `There is no sheet ${userSheet}, which the template names`)
}

async function findTemplate(workbook: Workbook, options: ReadOptions, limits: ImportLimits): Promise<SheetTemplate> {
  const { template } = options
  if (template === undefined) return readSheetTemplate(workbook, true)
  if (isArchive(await readStart(template))) {
    await using sheets = await Workbook.open(template, limits)
    return { ...(await readSheetTemplate(sheets, false)), ownSheets: new Set() }
  }
  return { ...(await readTemplate(options, limits, { file: workbook.file })), ownSheets: new Set() }
}

async function refuseOld(input: ImportInput): Promise<void> {
  if (isOldWorkbook(await readStart(input)))
    throw new Unreadable(
      { file: input.name },
      'format',
      'This workbook is protected by a password or older than Excel 2007: save it as .xlsx without a password',
    )
}

async function readStart(input: ImportInput): Promise<Buffer> {
  for await (const chunk of input.open()) return chunk
  return Buffer.alloc(0)
}

function isArchive(start: Buffer): boolean {
  return start.subarray(0, 2).toString('latin1') === 'PK'
}

function isOldWorkbook(start: Buffer): boolean {
  return start.subarray(0, 4).toString('hex') === 'd0cf11e0'
}
