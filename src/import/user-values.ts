import { requireEmail, requireLine, requireLogin } from '../accounts/account-rules.ts'
import { AppError } from '../errors.ts'
import type { ImportProblem, Place } from './model.ts'
import type { UserField } from './template.ts'
import { problemAt } from './unreadable.ts'
import type { RawValidity } from './user-periods.ts'

/** One value of a field where it stands; a list is several. */
export interface RawValue {
  place: Place
  /** Text, or what JSON and spreadsheets have besides. */
  value: unknown
  validity?: readonly RawValidity[]
}

/** Stands for a value that a spreadsheet shows and nobody should rely on: a formula, a date, an error. */
export class RefusedValue {
  readonly rule: string
  readonly text: string
  readonly shown: string
  constructor(rule: string, text: string, shown: string) {
    this.rule = rule
    this.text = text
    this.shown = shown
  }
}

/** More digits than a spreadsheet keeps, and than a JSON number holds for sure. */
const MAX_EXACT = 1e15
const shortened = /^\d(?:[.,]\d+)?e\+\d+$/i

/** The value as text; a problem where it is not text and may have been another one before a program changed it. */
export function textOf({ place, value }: RawValue, field: UserField): string | ImportProblem {
  if (value instanceof RefusedValue) return problemAt(place, value.rule, value.text, value.shown)
  if (typeof value === 'string') {
    if (!shortened.test(value.trim())) return value
    return problemAt(
      place,
      'format',
      'A spreadsheet has shortened this number: write it out, in a column of text',
      value,
    )
  }
  if (typeof value !== 'number')
    return problemAt(place, 'format', `${field} must be text`, value === undefined ? '' : JSON.stringify(value))
  const text = String(value)
  if (field === 'PhoneNumber')
    return problemAt(place, 'format', 'A number loses the zeros and the + in front: store it as text', text)
  if (Number.isInteger(value) && Math.abs(value) < MAX_EXACT) return text
  return problemAt(place, 'format', 'This number is not exact: store it as text', text)
}

/** The value as it is stored, by the rules of accounts, or the problem with it. */
export function storedText(
  place: Place,
  rule: string,
  text: string,
  require: (text: string) => string,
): string | ImportProblem {
  try {
    return require(text)
  } catch (error) {
    if (error instanceof AppError) return problemAt(place, rule, error.message, text)
    throw error
  }
}

/** Who needs more is granted a group, or the organisation. */
export const MAX_LISTED = 10_000

/** The parts of a text between separators: trimmed, without empty ones. */
export function parts(text: string, separator: string | RegExp): string[] {
  return text
    .split(separator)
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

/** How accounts keep their texts, and what they refuse. */
export const rules = {
  email: (text: string) => requireEmail(text)?.toLowerCase() ?? '',
  login: requireLogin,
  line: (what: string) => (text: string) => requireLine(text, what),
}
