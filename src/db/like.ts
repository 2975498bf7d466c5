/** A pattern for `like` that finds the text anywhere: signs that mean something in patterns mean themselves. */
export function likePattern(text: string): string {
  return `%${text.trim().replace(/[\\%_]/g, '\\$&')}%`
}
