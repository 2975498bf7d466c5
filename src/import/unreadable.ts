import type { ImportProblem, Place } from './model.ts'

const MAX_SHOWN = 100

/** Inside a reader: nothing more of this file can be read. `readImport` makes the last item of it. */
export class Unreadable extends Error {
  override name = 'Unreadable'
  readonly problem: ImportProblem
  constructor(place: Place, rule: string, text: string) {
    super(text)
    this.problem = { kind: 'problem', place, rule, text, isFatal: true }
  }
}

/** A problem with what stands at the place; the value is cut to what a report shows. */
export function problemAt(place: Place, rule: string, text: string, value?: string): ImportProblem {
  return { kind: 'problem', place, rule, text, ...(value === undefined ? {} : { value: shown(value) }) }
}

/** A text from a file as a report shows it: on one line, at most so many characters. */
export function shown(value: string, maxLength = MAX_SHOWN): string {
  const line = value
    .slice(0, maxLength + 1)
    .toWellFormed()
    .replaceAll(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '\ufffd')
  return line.length > maxLength ? `${line.slice(0, maxLength - 1)}…` : line
}
