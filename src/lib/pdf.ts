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

/** An A4 document of plain lines as PDF 1.4, with the fonts every reader has (Latin script; other letters become "?"). */
export function writePdf(lines: readonly PdfLine[]): Buffer {
  const pages = paginate(lines.flatMap(wrapped)).map(toContent)
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

function wrapped({ text, style }: PdfLine): PdfLine[] {
  const rows: string[] = []
  let row = ''
  for (const word of printable(text).split(' ')) {
    for (const part of word.match(new RegExp(`.{1,${CHARACTERS_PER_LINE}}`, 'g')) ?? ['']) {
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

/** One byte a character, so that offsets count both: the letters of Windows-1252 that Latin-1 has too. */
function printable(text: string): string {
  return text
    .normalize('NFC')
    .replace(/\s+/g, ' ')
    .replace(/[\u2018\u2019]/g, "'")
    .replace(/[\u2013\u2014]/g, '-')
    .replace(/[^\x20-\x7e\xa0-\xff]/g, '?')
}
