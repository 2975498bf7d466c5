import { setImmediate as turn } from 'node:timers/promises'
import { stringify } from 'yaml'
import { FLEET_FORMAT, FLEET_VERSION, type FleetSection, fleetSectionNames } from './fleet-format.ts'

export const fleetTextFormats = ['json', 'yaml'] as const
export type FleetTextFormat = (typeof fleetTextFormats)[number]

/** So much text is made in one turn of the event loop: YAML takes a few milliseconds for it. */
const PIECE_CHARACTERS = 8192

/** An entry of a list of the file. */
export interface FleetItem {
  section: FleetSection
  entry: object
}

/** The text of a fleet file, piece by piece. Entries come list by list, in the order of the format. */
export async function* fleetText(items: AsyncIterable<FleetItem>, format: FleetTextFormat): AsyncGenerator<string> {
  const style = styles[format]
  const waiting = [...fleetSectionNames]
  let open: FleetSection | undefined
  let count = 0
  let piece = style.head
  const next = () => {
    if (open !== undefined) piece += style.sectionEnd(count === 0)
    open = waiting.shift()
    count = 0
    if (open !== undefined) piece += style.section(open)
  }
  for await (const { section, entry } of items) {
    if (open !== section && !waiting.includes(section)) throw new Error(`${section} comes too late in a fleet file`)
    while (open !== section) next()
    piece += style.entry(entry, count++ === 0)
    if (piece.length < PIECE_CHARACTERS) continue
    yield piece
    piece = ''
    await turn()
  }
  do next()
  while (open !== undefined)
  yield piece + style.tail
}

function yamlEntry(entry: object): string {
  const json = JSON.stringify(entry)
  return json.length > LONG_ENTRY_CHARACTERS ? `- ${json}\n` : stringify([entry], yamlOptions)
}

/** How the pieces of a fleet file are written; one entry is one line of JSON, so that differences can be read. */
interface Style {
  head: string
  section(name: FleetSection): string
  /** One entry; `isFirst`: of its list. */
  entry(entry: object, isFirst: boolean): string
  sectionEnd(isEmpty: boolean): string
  tail: string
}

/** An entry that is longer stands in a YAML file as one line of JSON, which YAML is, too: it is read many times as fast. */
export const LONG_ENTRY_CHARACTERS = 8192

const yamlOptions = { lineWidth: 0, minContentWidth: 0, aliasDuplicateObjects: false } as const

const styles: Readonly<Record<FleetTextFormat, Style>> = {
  json: {
    head: `{\n"format": ${JSON.stringify(FLEET_FORMAT)},\n"version": ${FLEET_VERSION}`,
    section: (name) => `,\n"${name}": [`,
    entry: (entry, isFirst) => `${isFirst ? '' : ','}\n${JSON.stringify(entry)}`,
    sectionEnd: (isEmpty) => (isEmpty ? ']' : '\n]'),
    tail: '\n}\n',
  },
  yaml: {
    head: `format: ${FLEET_FORMAT}\nversion: ${FLEET_VERSION}\n`,
    section: (name) => `${name}:`,
    entry: (entry, isFirst) => `${isFirst ? '\n' : ''}${yamlEntry(entry)}`,
    sectionEnd: (isEmpty) => (isEmpty ? ' []\n' : ''),
    tail: '',
  },
}
