/** A value of foreign JSON as text of limited length. Never throws: such a value may bring a `toString` of its own. */
export function toText(value: unknown, maxLength: number): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'string') return value.slice(0, maxLength)
  return (JSON.stringify(value) ?? '').slice(0, maxLength)
}

/** The value with every text such that the database takes it: without NUL and lone surrogates. */
export function storable(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed().replaceAll('\0', '\ufffd')
  if (Array.isArray(value)) return value.map(storable)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [storable(key), storable(member)]))
}
