import { crc32, deflateRawSync } from 'node:zlib'

/** A part of an archive; what it declares may be a lie. */
export interface ZipPart {
  name: string
  data: string | Buffer
  declaredBytes?: number
  isEncrypted?: boolean
}

/** A cell: its value, or all of its XML. */
export type XlsxCell = string | number | boolean | null | { xml: string }

export interface XlsxOptions {
  hidden?: readonly string[]
  extra?: readonly ZipPart[]
  /** Instead of inline texts, as most programs write them. */
  sharesStrings?: boolean
}

const schemas = 'http://schemas.openxmlformats.org'
const main = `xmlns="${schemas}/spreadsheetml/2006/main" xmlns:r="${schemas}/officeDocument/2006/relationships"`
const relationType = `${schemas}/officeDocument/2006/relationships`
const contentType = 'application/vnd.openxmlformats-officedocument.spreadsheetml'

/** Styles 1 and 2 show dates: one built in, one described. */
const styles = `<styleSheet ${main}><numFmts count="1"><numFmt numFmtId="164" formatCode="dd/mm/yyyy"/></numFmts><fonts count="1"><font/></fonts><fills count="1"><fill/></fills><borders count="1"><border/></borders>
<cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/></cellXfs></styleSheet>`

/** A workbook with the sheets given, row by row; a row that is null is left out. */
export function xlsx(
  sheets: Readonly<Record<string, readonly (readonly XlsxCell[] | null)[]>>,
  { hidden = [], extra = [], sharesStrings = false }: XlsxOptions = {},
): Buffer {
  const strings: string[] = []
  const share = sharesStrings ? (text: string) => strings.push(text) - 1 : undefined
  const names = Object.keys(sheets)
  const list = names.map(
    (name, index) =>
      `<sheet name="${escapeXml(name)}" sheetId="${index + 1}" r:id="rId${index + 1}"${hidden.includes(name) ? ' state="hidden"' : ''}/>`,
  )
  const targets = [...names.map((_, index) => ['worksheet', `worksheets/sheet${index + 1}.xml`] as const)]
  const related = [...targets, ['styles', 'styles.xml'], ['sharedStrings', 'sharedStrings.xml']] as const
  const parts = names.map((name, index) => ({
    name: `xl/worksheets/sheet${index + 1}.xml`,
    data: `<worksheet ${main}><sheetData>${(sheets[name] ?? []).map((cells, at) => rowXml(cells, at + 1, share)).join('')}</sheetData></worksheet>`,
  }))
  return zip([
    { name: '[Content_Types].xml', data: contentTypes(related) },
    { name: '_rels/.rels', data: relations([['officeDocument', 'xl/workbook.xml']]) },
    {
      name: 'xl/workbook.xml',
      data: `<?xml version="1.0"?><workbook ${main}><sheets>${list.join('')}</sheets></workbook>`,
    },
    { name: 'xl/_rels/workbook.xml.rels', data: relations(related) },
    { name: 'xl/styles.xml', data: styles },
    ...parts,
    {
      name: 'xl/sharedStrings.xml',
      data: `<sst ${main}>${strings.map((text) => `<si><t>${escapeXml(text)}</t></si>`).join('')}</sst>`,
    },
    ...extra,
  ])
}

type Related = readonly (readonly [type: string, target: string])[]

function relations(related: Related): string {
  const list = related.map(
    ([type, target], index) => `<Relationship Id="rId${index + 1}" Type="${relationType}/${type}" Target="${target}"/>`,
  )
  return `<Relationships xmlns="${schemas}/package/2006/relationships">${list.join('')}</Relationships>`
}

function contentTypes(related: Related): string {
  const list = [['sheet.main', 'workbook.xml'] as const, ...related].map(
    ([type, target]) => `<Override PartName="/xl/${target}" ContentType="${contentType}.${type}+xml"/>`,
  )
  const rels = `<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>`
  return `<Types xmlns="${schemas}/package/2006/content-types">${rels}${list.join('')}</Types>`
}

function rowXml(cells: readonly XlsxCell[] | null, row: number, share?: (text: string) => number): string {
  if (cells === null) return ''
  return `<row r="${row}">${cells.map((cell, index) => cellXml(cell, `${letters(index)}${row}`, share)).join('')}</row>`
}

function cellXml(cell: XlsxCell, at: string, share?: (text: string) => number): string {
  if (cell === null) return ''
  if (typeof cell === 'object') return cell.xml.replace('<c', `<c r="${at}"`)
  if (typeof cell === 'number') return `<c r="${at}"><v>${cell}</v></c>`
  if (typeof cell === 'boolean') return `<c r="${at}" t="b"><v>${cell ? 1 : 0}</v></c>`
  if (share) return `<c r="${at}" t="s"><v>${share(cell)}</v></c>`
  return `<c r="${at}" t="inlineStr"><is><t>${escapeXml(cell)}</t></is></c>`
}

function letters(index: number): string {
  return (index >= 26 ? letters(Math.floor(index / 26) - 1) : '') + String.fromCharCode(65 + (index % 26))
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}

/** An archive of the parts given, deflated. */
export function zip(parts: readonly ZipPart[]): Buffer {
  const locals: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const { name, data, declaredBytes, isEncrypted } of parts) {
    const bytes = Buffer.from(data as string)
    const packed = deflateRawSync(bytes)
    const file = Buffer.from(name)
    const fields = Buffer.alloc(26)
    fields.writeUInt16LE(20, 0)
    fields.writeUInt16LE(isEncrypted ? 1 : 0, 2)
    fields.writeUInt16LE(8, 4)
    fields.writeUInt32LE(crc32(bytes), 10)
    fields.writeUInt32LE(packed.length, 14)
    fields.writeUInt32LE(declaredBytes ?? bytes.length, 18)
    fields.writeUInt16LE(file.length, 22)
    const end = Buffer.alloc(14)
    end.writeUInt32LE(offset, 10)
    locals.push(Buffer.from('PK\x03\x04', 'latin1'), fields, file, packed)
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), fields, end, file)
    offset += 30 + file.length + packed.length
  }
  const size = directory.reduce((sum, { length }) => sum + length, 0)
  const tail = Buffer.alloc(22)
  tail.write('PK\x05\x06', 'latin1')
  tail.writeUInt16LE(parts.length, 8)
  tail.writeUInt16LE(parts.length, 10)
  tail.writeUInt32LE(size, 12)
  tail.writeUInt32LE(offset, 16)
  return Buffer.concat([...locals, ...directory, tail])
}
