import { Option } from 'commander'
import { ConfigError } from '../config.ts'
import { wholeNumber } from './numbers.ts'

/** Options that name an edge, a site or an edge group. */
export function things(word: string): Option[] {
  return [
    new Option('--edge <id>', `${word} this edge`),
    new Option('--site <id>', `${word} this site`).argParser(wholeNumber),
    new Option('--edge-group <id>', `${word} this edge group`).argParser(wholeNumber),
  ]
}

/** What one of these options, or `--organisation` or `--platform`, names. Throws ConfigError unless it is exactly one. */
export function thing({
  edge,
  site,
  edgeGroup,
  organisation,
  platform,
}: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const given = Object.entries({
    edgeId: edge,
    siteId: site,
    edgeGroupId: edgeGroup,
    organisationId: organisation,
    platform,
  })
  const named = given.filter(([, value]) => value !== undefined)
  if (named.length !== 1)
    throw new ConfigError('Say on what: exactly one of the options that name an edge, a site, a group and so on.')
  return Object.fromEntries(named)
}
