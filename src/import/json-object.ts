/** The members of a JSON object by their names in lower case, for templates write them either way; undefined for all else. */
export function members(value: unknown): Map<string, unknown> | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return new Map(Object.entries(value).map(([key, member]) => [key.toLowerCase(), member]))
}
