import { InvalidArgumentError } from 'commander'

/** An id or a count from the command line. Throws commander's error for anything else. */
export function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Not a whole number.')
}
