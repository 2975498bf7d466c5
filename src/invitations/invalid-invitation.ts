import { type AppError, problem } from '../errors.ts'

/** One text for wrong, used, expired and another's: whoever guesses learns nothing. */
export function invalidInvitation(): AppError {
  return problem('This invitation is not valid (any more).')
}
