import { describe, expect, it } from 'vitest'
import { type PdfLine, writePdf } from '../../../src/lib/pdf.ts'

const text = (line: string): PdfLine => ({ text: line, style: 'text' })

describe('writePdf', () => {
  it('says truly where each object begins and how long each page is', () => {
    const lines = Array.from({ length: 200 }, (_, index) => text(`Line ${index} ä € ${'word '.repeat(index % 40)}`))
    const pdf = writePdf([{ text: 'Title', style: 'title' }, ...lines]).toString('latin1')
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

  it('lets no text out of its line: brackets, new lines and letters that the font lacks', () => {
    const pdf = writePdf([text('a) Tj (b\nET\\ 日')]).toString('latin1')
    expect(pdf).toContain('(a\\) Tj \\(b ET\\\\ ?) Tj')
  })

  it('wraps what is too long, words without spaces too', () => {
    const pdf = writePdf([text('x'.repeat(200))]).toString('latin1')
    expect(pdf.match(/\(x+\) Tj/g)?.map((row) => row.length - 5)).toEqual([90, 90, 20])
  })
})
