import type { ImportItem, Place } from './model.ts'
import { emptyTemplate, type TemplateFound } from './read-template.ts'
import type { SheetRow } from './sheet-rows.ts'
import type { Cell } from './table.ts'
import { fieldOf, isIdentifier, type Template, type TemplateItem } from './template.ts'
import { checkTemplate, readConfig } from './template-config.ts'
import { readTransform } from './template-transform.ts'
import { problemAt, Unreadable } from './unreadable.ts'
import { RefusedValue } from './user-values.ts'
import type { Sheet, Workbook } from './workbook.ts'

const MAX_TEMPLATE_ROWS = 1_000

/** Keys of the configuration that name sheets. */
const sheetKeys: ReadonlySet<string> = new Set(
  ['Site', 'Source', 'User', 'Event', 'Variable']
    .flatMap((kind) => [`${kind}SheetName`, `${kind}TemplateSheetName`])
    .concat('TemplateIsIncludedInDataFile')
    .map((key) => key.toLowerCase()),
)

/** A template in sheets, and where the users are. */
export interface SheetTemplate extends TemplateFound {
  /** The sheet that the configuration names. */
  userSheet?: string
  /** Sheets that say how to read the others. */
  ownSheets: ReadonlySet<string>
}

/**
 * The template in a workbook: the sheets `Config` and `Mappings`, and one with a row of column names above a row of
 * identifiers. In the workbook with the users themselves that sheet is named by `UserTemplateSheetName`.
 */
export async function readSheetTemplate(workbook: Workbook, holdsUsers: boolean): Promise<SheetTemplate> {
  const found: ImportItem[] = []
  const [configSheet, mappingSheet] = [workbook.sheet('Config'), workbook.sheet('Mappings')]
  const config = configSheet === undefined ? [] : await readPairs(workbook, configSheet)
  const said = (key: string) => config.find(({ name }) => name.toLowerCase() === key.toLowerCase())?.value
  const place: Place = { file: workbook.file, ...(configSheet && { sheet: configSheet.name }) }
  const settings = readConfig(
    (key) => ({ ...place, row: config.find(({ name }) => name === key)?.row ?? 0 }),
    config.map(({ name, value }): [string, string] => [name, value]),
    sheetKeys,
    found,
  )
  const userSheet = said('UserSheetName')
  const columnSheet = workbook.sheet(
    (holdsUsers ? undefined : userSheet) ?? said('UserTemplateSheetName') ?? (holdsUsers ? '' : 'Users'),
  )
  const columns = columnSheet === undefined ? [] : await readColumns(workbook, columnSheet, found)
  const transforms = mappingSheet === undefined ? [] : await readMappings(workbook, mappingSheet, userSheet, found)
  const template: Template = { ...emptyTemplate(place), ...settings, items: joined(columns, transforms) }
  found.push(...checkTemplate(template))
  const own = [configSheet, mappingSheet, holdsUsers ? columnSheet : undefined].flatMap((sheet) =>
    sheet ? [sheet.name] : [],
  )
  return { template, items: found, ownSheets: new Set(own), ...(userSheet && { userSheet }) }
}

/** Columns with what is made of them, and what is made without a column. */
function joined(columns: readonly TemplateItem[], transforms: readonly TemplateItem[]): TemplateItem[] {
  const byField = new Map(transforms.map((item) => [item.field, item]))
  const whole = columns.map((column): TemplateItem => {
    const transform = byField.get(column.field)?.transform
    return transform === undefined ? column : { ...column, transform }
  })
  const named = new Set(columns.map(({ field }) => field))
  return [...whole, ...transforms.filter(({ field }) => !named.has(field))]
}

async function readPairs(workbook: Workbook, sheet: Sheet): Promise<{ name: string; value: string; row: number }[]> {
  const pairs = []
  for await (const { row, cells } of smallSheet(workbook, sheet)) {
    const [name = '', value = ''] = cells.map(textIn)
    if (name !== '' && name.toLowerCase() !== 'key') pairs.push({ name, value, row })
  }
  return pairs
}

async function readColumns(workbook: Workbook, sheet: Sheet, found: ImportItem[]): Promise<TemplateItem[]> {
  const rows: SheetRow[] = []
  for await (const row of smallSheet(workbook, sheet)) if (rows.push(row) === 2) break
  const [names, identifiers] = rows
  if (names === undefined || identifiers === undefined) return []
  return identifiers.cells.flatMap((cell, index): TemplateItem[] => {
    const identifier = textIn(cell)
    const path = textIn(names.cells[index])
    const place = { file: workbook.file, sheet: sheet.name, row: identifiers.row, column: path }
    if (identifier === '' || /^_?opkey$/i.test(identifier)) return []
    const field = fieldOf(identifier)
    if (field !== undefined && path !== '') return [{ place, field, path }]
    found.push(
      problemAt(
        place,
        'D-01',
        'A row of column names stands above a row of identifiers like _opUser.Email',
        identifier,
      ),
    )
    return []
  })
}

async function readMappings(
  workbook: Workbook,
  sheet: Sheet,
  userSheet: string | undefined,
  found: ImportItem[],
): Promise<TemplateItem[]> {
  const items: TemplateItem[] = []
  let header: string[] | undefined
  for await (const { row, cells } of smallSheet(workbook, sheet)) {
    const texts = cells.map(textIn)
    if (header === undefined) {
      header = texts.map((text) => text.toLowerCase())
      continue
    }
    const at = (name: string) => texts[header?.indexOf(name) ?? -1] ?? ''
    const place: Place = { file: workbook.file, sheet: sheet.name, row, column: 'Field' }
    const target = at('sheetname')
    if (userSheet !== undefined && target !== '' && target.toLowerCase() !== userSheet.toLowerCase()) continue
    const field = fieldOf(at('field'))
    if (field === undefined) {
      if (!isIdentifier(at('field')) || /^_?opuser\./i.test(at('field')))
        found.push(problemAt(place, 'D-01', 'A mapping has a Field like _opUser.Roles', at('field')))
      continue
    }
    const to = at('mapto')
    const read = readTransform({ ...place, column: 'MapTo' }, field, {
      operation: at('operation'),
      value: to,
      pairs: to,
    })
    if (Array.isArray(read)) found.push(...read)
    else items.push({ place, field, transform: read })
  }
  return items
}

async function* smallSheet(workbook: Workbook, sheet: Sheet): AsyncGenerator<SheetRow> {
  let count = 0
  for await (const row of workbook.rows(sheet)) {
    if (++count > MAX_TEMPLATE_ROWS)
      throw new Unreadable(
        { file: workbook.file, sheet: sheet.name, row: row.row },
        'limit',
        `A sheet of the template has more than ${MAX_TEMPLATE_ROWS} rows`,
      )
    yield row
  }
}

/** What a template says in a cell. A value nobody should rely on is none. */
function textIn(cell: Cell): string {
  return cell instanceof RefusedValue ? '' : String(cell ?? '').trim()
}
