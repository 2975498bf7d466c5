import { stringify } from 'yaml'
import { FLEET_FORMAT, FLEET_VERSION, type FleetSection } from './fleet-format.ts'

export const fleetTextFormats = ['json', 'yaml'] as const
export type FleetTextFormat = (typeof fleetTextFormats)[number]

/** How the pieces of a fleet file are written; one entry is one line of JSON, so that differences can be read. */
export interface FleetText {
  head: string
  /** Begins a list; `isFirst`: of the file. */
  section(name: FleetSection, isFirst: boolean): string
  /** One entry; `isFirst`: of its list. */
  entry(entry: object, isFirst: boolean): string
  sectionEnd(isEmpty: boolean): string
  tail: string
}

const yamlOptions = { lineWidth: 0, minContentWidth: 0, aliasDuplicateObjects: false } as const

export const fleetTexts: Readonly<Record<FleetTextFormat, FleetText>> = {
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
    entry: (entry, isFirst) => `${isFirst ? '\n' : ''}${stringify([entry], yamlOptions)}`,
    sectionEnd: (isEmpty) => (isEmpty ? ' []\n' : ''),
    tail: '',
  },
}
