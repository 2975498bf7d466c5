import type { z } from 'zod'

/** What is wrong with a value in a sentence for people, where the schema has but its own words for it. */
export function sentenceOf(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'unrecognized_keys': {
      const [first = '', ...more] = issue.keys
      return `There is no member ${first.slice(0, 50)} here${more.length === 0 ? '' : `, nor ${more.length} others`}: correct or delete it`
    }
    case 'invalid_type':
      return `This must be ${typeNames[issue.expected] ?? issue.expected}`
    default:
      return issue.message
  }
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'text, in quotes where it looks like a number',
  array: 'a list',
  object: 'an object with members',
  record: 'an object with members',
  boolean: 'true or false',
  int: 'a whole number',
}
