import { describe, expect, it } from 'vitest'
import { type PdfLine, writePdf } from '../../../src/lib/pdf.ts'

const text = (line: string): PdfLine => ({ text: line, style: 'text' })

describe('writePdf', () => {
  it('says truly where each object begins and how long each page is', async () => {
    const lines = Array.from({ length: 200 }, (_, index) => text(`Line ${index} ä € ${'word '.repeat(index % 40)}`))
    const pdf = (await writePdf([{ text: 'Title', style: 'title' }, ...lines])).toString('latin1')
    const start = Number(/startxref\n(\d+)/.exec(pdf)?.[1])
    expect(pdf.slice(start, start + 4)).toBe('xref')
    const entries = [...pdf.slice(start).matchAll(/^(\d{10}) 00000 n $/gm)].map(([, offset]) => Number(offset))
    for (const [index, offset] of entries.entries())
      expect(pdf.slice(offset, offset + 10)).toMatch(new RegExp(`^${index + 1} 0 obj`))
    const streams = [...pdf.matchAll(/<< \/Length (\d+) >>\nstream\n([\s\S]*?)\nendstream/g)]
    expect(streams.length).toBeGreaterThan(3)
    for (const [, length, content] of streams) expect(content?.length).toBe(Number(length))
    expect(pdf).toContain(`/Count ${streams.length}`)
  })

  it('lets no text out of its line: brackets, new lines and letters that the font lacks', async () => {
    const pdf = (await writePdf([text('a) Tj (b\nET\\ 日')])).toString('latin1')
    expect(pdf).toContain('(a\\) Tj \\(b ET\\\\ ?) Tj')
  })

  it('prints what the fonts of every reader have, leaves out marks they lack, and shows what it cannot print', async () => {
    const names = ['Jürgen Großmann, 5 €, „Šárka“ – l’Œuvre', 'Łódź, Příbram, Ğ ı', 'Кирил, ﬁ, 日本, \u0007\u{1F600}']
    const shown = await writePdf(names.map(text))
    const rows = [...shown.toString('latin1').matchAll(/Td \((.*)\) Tj/g)].map(([, row = '']) =>
      new TextDecoder('windows-1252').decode(Buffer.from(row, 'latin1')),
    )
    expect(rows).toEqual(['Jürgen Großmann, 5 €, „Šárka“ – l’Œuvre', 'Lódz, Príbram, G i', '?????, f, ??, ??'])
  })

  it('lets others take their turn while it writes the longest document there can be', async () => {
    const lines = Array.from({ length: 2000 }, () => text('Łódžß '.repeat(160)))
    let turns = 0
    const others = setInterval(() => turns++, 1)
    expect((await writePdf(lines)).length).toBeGreaterThan(2_000_000)
    clearInterval(others)
    expect(turns).toBeGreaterThan(20)
  })

  it('wraps what is too long, words without spaces too', async () => {
    const pdf = (await writePdf([text('x'.repeat(200))])).toString('latin1')
    expect(pdf.match(/\(x+\) Tj/g)?.map((row) => row.length - 5)).toEqual([90, 90, 20])
  })
})
