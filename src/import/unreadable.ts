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

/** A value as a report shows it: on one line, at most 100 characters. */
export function shown(value: string): string {
  const line = value
    .slice(0, MAX_SHOWN + 1)
    .toWellFormed()
    .replaceAll(/\p{Cc}/gu, '\ufffd')
  return line.length > MAX_SHOWN ? `${line.slice(0, MAX_SHOWN - 1)}…` : line
}
