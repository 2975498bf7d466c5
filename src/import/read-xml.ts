import { SaxesParser } from 'saxes'
import type { ImportLimits, Place } from './model.ts'
import { Unreadable } from './unreadable.ts'

const MAX_DEPTH = 100
/** Of one element: namespaces and what they mean come to dozens. */
const MAX_ATTRIBUTES = 200

/** What a part of a workbook is read for. Names come without prefix. */
export interface XmlHandlers {
  open?(name: string, attributes: Readonly<Record<string, string>>): void
  text?(text: string): void
  close?(name: string): void
}

/**
 * Feeds XML to the handlers and yields after each piece, for whoever wants to take what they have gathered. Document types
 * are refused: nothing here needs them, and entities can grow beyond all measure.
 */
export async function* readXml(
  pieces: AsyncIterable<string>,
  handlers: XmlHandlers,
  place: Place,
  limits: ImportLimits,
): AsyncGenerator<void> {
  const parser = new SaxesParser<{ xmlns: false; position: false }>({ xmlns: false, position: false })
  const refuse = (rule: string, text: string) => new Unreadable(place, rule, text)
  let silent = 0
  let depth = 0
  let attributeCount = 0
  parser.on('error', () => {
    throw refuse('format', 'The workbook is broken: open it in a spreadsheet and save it as .xlsx')
  })
  parser.on('doctype', () => {
    throw refuse('format', 'The workbook declares a document type, which no spreadsheet does: save it anew')
  })
  parser.on('opentag', ({ name, attributes }) => {
    silent = 0
    attributeCount = 0
    if (++depth > MAX_DEPTH) throw refuse('format', 'The workbook is nested as no spreadsheet is: save it anew')
    handlers.open?.(localName(name), attributes)
  })
  parser.on('attribute', () => {
    if (++attributeCount > MAX_ATTRIBUTES)
      throw refuse('format', 'A part of the workbook has more attributes than any spreadsheet writes: save it anew')
  })
  const text = (given: string) => handlers.text?.(given)
  parser.on('text', text)
  parser.on('cdata', text)
  parser.on('closetag', ({ name }) => {
    silent = 0
    depth--
    handlers.close?.(localName(name))
  })
  for await (const piece of pieces) {
    silent += piece.length
    parser.write(piece)
    if (silent > limits.maxCellBytes * 2 + piece.length)
      throw refuse('limit', `A cell holds more than ${limits.maxCellBytes} bytes: shorten it`)
    yield
  }
  parser.close()
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1)
}
