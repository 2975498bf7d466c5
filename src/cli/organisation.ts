import { ConfigError } from '../config.ts'
import { type ClientOptions, callService } from './client.ts'

/** The organisation that `--organisation` names by its id or, where only one is called so, by its name. */
export async function organisationOf(
  options: ClientOptions & { organisation?: string },
): Promise<{ organisationId?: number }> {
  const { organisation: given } = options
  if (given === undefined) return {}
  if (/^\d{1,10}$/.test(given)) return { organisationId: Number(given) }
  const { organisations } = await callService(options, 'listOrganisations', { query: given, limit: 100 })
  const found = (organisations as { id: number; name: string }[]).filter(({ name }) => name === given)
  const [first] = found
  if (first !== undefined && found.length === 1) return { organisationId: first.id }
  throw new ConfigError(
    first === undefined
      ? `There is no organisation ${given}: "ems-metadata list organisations" shows them.`
      : `Several organisations are called ${given}: say the id, which "ems-metadata list organisations" shows.`,
  )
}
