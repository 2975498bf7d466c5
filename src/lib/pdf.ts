import { setImmediate as turn } from 'node:timers/promises'

/** A line of a simple document. */
export interface PdfLine {
  text: string
  style: 'title' | 'heading' | 'text'
}

const PAGE = { width: 595, height: 842, left: 56, top: 786, bottom: 56 }
const styles = {
  title: { font: 'F2', size: 18, step: 30 },
  heading: { font: 'F2', size: 12, step: 24 },
  text: { font: 'F1', size: 10, step: 14 },
} as const
/** At 10 points Helvetica is at most this wide on average; longer lines are wrapped. */
const CHARACTERS_PER_LINE = 90
const parts = new RegExp(`.{1,${CHARACTERS_PER_LINE}}`, 'g')
/** Others get their turn after so many. */
const LINES_PER_TURN = 20
const PAGES_PER_TURN = 10

/** An A4 document of plain lines as PDF 1.4, with the fonts every reader has; see `printable`. */
export async function writePdf(lines: readonly PdfLine[]): Promise<Buffer> {
  const rows = await inTurns(lines, LINES_PER_TURN, wrapped)
  const pages = await inTurns(paginate(rows.flat()), PAGES_PER_TURN, toContent)
  const pageId = (index: number) => 5 + index * 2
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    `<< /Type /Pages /Kids [${pages.map((_, index) => `${pageId(index)} 0 R`).join(' ')}] /Count ${pages.length} >>`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>',
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>',
    ...pages.flatMap((content, index) => [
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${PAGE.width} ${PAGE.height}] /Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> /Contents ${pageId(index) + 1} 0 R >>`,
      `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
    ]),
  ]
  return assemble(objects)
}

async function inTurns<T, R>(things: readonly T[], atOnce: number, make: (thing: T) => R): Promise<R[]> {
  const made: R[] = []
  for (const thing of things) {
    if (made.length % atOnce === atOnce - 1) await turn()
    made.push(make(thing))
  }
  return made
}

function wrapped({ text, style }: PdfLine): PdfLine[] {
  const rows: string[] = []
  let row = ''
  for (const word of printable(text).split(' ')) {
    for (const part of word.match(parts) ?? ['']) {
      if (row !== '' && row.length + 1 + part.length > CHARACTERS_PER_LINE) {
        rows.push(row)
        row = part
      } else row = row === '' ? part : `${row} ${part}`
    }
  }
  return [...rows, row].map((line) => ({ text: line, style }))
}

function paginate(lines: readonly PdfLine[]): PdfLine[][] {
  const pages: PdfLine[][] = [[]]
  let y = PAGE.top
  for (const line of lines) {
    y -= styles[line.style].step
    if (y < PAGE.bottom) {
      pages.push([])
      y = PAGE.top - styles[line.style].step
    }
    pages.at(-1)?.push(line)
  }
  return pages
}

/** Page content: each line at its place. */
function toContent(lines: readonly PdfLine[]): string {
  let y = PAGE.top
  const rows = lines.map(({ text, style }) => {
    const { font, size, step } = styles[style]
    y -= step
    return `BT /${font} ${size} Tf ${PAGE.left} ${y} Td (${text.replace(/[\\()]/g, '\\$&')}) Tj ET`
  })
  return rows.join('\n')
}

/** Objects, and where each begins. */
function assemble(objects: readonly string[]): Buffer {
  let text = '%PDF-1.4\n'
  const offsets = objects.map((object, index) => {
    const offset = text.length
    text += `${index + 1} 0 obj\n${object}\nendobj\n`
    return offset
  })
  const start = text.length
  const entries = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('')
  text += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${entries}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${start}\n%%EOF\n`
  return Buffer.from(text, 'latin1')
}

/**
 * One byte a character, so that offsets count both: Windows-1252, which is what WinAnsiEncoding means. Letters that it lacks
 * lose their marks (Łódź is printed Lódz), those of other scripts become "?".
 */
function printable(text: string): string {
  return text
    .normalize('NFC')
    .replace(/\s+/g, ' ')
    .replace(/[^\x20-\x7e\xa0-\xff]/gu, (letter) => upperHalf.get(letter) ?? withoutMarks(letter))
}

function withoutMarks(letter: string): string {
  const [base = ''] = unmarked[letter] ?? letter.normalize('NFKD')
  return /[\x20-\x7e]/.test(base) ? base : '?'
}

/** Letters whose marks Unicode does not take for marks. */
const unmarked: Readonly<Record<string, string>> = { Ł: 'L', ł: 'l', Đ: 'D', đ: 'd', Ħ: 'H', ħ: 'h', ı: 'i' }
/** What Windows-1252 has where Latin-1 has control characters, as bytes. */
const upperHalf: ReadonlyMap<string, string> = new Map(
  Array.from({ length: 0x20 }, (_, index) => 0x80 + index).map((byte) => [
    new TextDecoder('windows-1252').decode(Uint8Array.of(byte)),
    String.fromCharCode(byte),
  ]),
)
