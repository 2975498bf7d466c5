import { AppError } from '../errors.ts'

/** Whether a failure says that there is no room left. */
export function isDiskFull(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT'].includes(codeOf(error) ?? '')
}

/** What a failure to write into the data folder is to people; what is no such failure comes back as it is. */
export function fromDisk(error: unknown): unknown {
  const code = codeOf(error)
  if (code === undefined || error instanceof AppError) return error
  const text = isDiskFull(error)
    ? 'The disk of the data folder is full: make room, then try again'
    : `The data folder cannot be written (${code}): mend that, then try again`
  return new AppError('generic', [text], error)
}

function codeOf(error: unknown): string | undefined {
  const { code, syscall } = error as NodeJS.ErrnoException
  return error instanceof Error && syscall !== undefined ? code : undefined
}
