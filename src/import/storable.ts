/** Whether a database can keep a text: PostgreSQL knows no NUL character, and half of a pair is no character. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}

/** Where in a record, by its members, a text stands that no database keeps, and the text; undefined: nowhere. */
export function unstorableIn(value: unknown): { path: string; text: string } | undefined {
  if (typeof value === 'string') return isStorable(value) ? undefined : { path: '', text: value }
  if (typeof value !== 'object' || value === null) return undefined
  const isList = Array.isArray(value)
  for (const [key, inner] of value instanceof Map ? value : Object.entries(value)) {
    const name = String(key)
    const found = isStorable(name) ? unstorableIn(inner) : { path: '', text: name }
    if (found !== undefined) return { ...found, path: `${isList ? `[${name}]` : `.${name}`}${found.path}` }
  }
  return undefined
}
