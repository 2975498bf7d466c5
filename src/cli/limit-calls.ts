import { Argument, InvalidArgumentError, Option } from 'commander'
import { openemsRoles } from '../access/model.ts'
import { ConfigError } from '../config.ts'
import { organisationRoles } from '../organisations/member-service.ts'
import type { CallCommand, Options } from './calls.ts'
import { instants, number, wholeNumber } from './numbers.ts'

const whichOrganisation = () => new Argument('<organisation-id>', 'which organisation').argParser(wholeNumber)
const onOff = (flags: string, description: string) =>
  new Option(`${flags} <on|off>`, description).choices(['on', 'off']).argParser((text) => {
    if (text !== 'on' && text !== 'off') throw new InvalidArgumentError('Say on or off.')
    return text === 'on'
  })

/** Commands about what limits rights or lets them through: claims, restrictions, gates, policies, roles of members. */
export const limitCommands: readonly CallCommand[] = [
  {
    name: 'set-claim',
    description: 'Set a claim of an account; NONE of a reserved key cuts all that was granted',
    arguments: [
      ['login', 'whose'],
      ['key', 'control, sensors, reports or any other'],
      ['value', 'of reserved keys NONE, READ, WRITE or ADMIN'],
    ],
    method: 'setClaim',
    params: ([login, key, value]) => ({ login, key, value }),
    text: (_result, [login, key, value]) => `The claim ${key} of ${login} is ${value}.`,
  },
  {
    name: 'restrict',
    description: 'Restrict which stored values of an edge an account may read; prints what is left',
    arguments: [
      ['login', 'whom'],
      ['edge-id', 'on which edge'],
    ],
    options: [
      ...instants(),
      new Option('--set', 'instead of the periods there are, not beside them; without a period nothing is left'),
      new Option('--lift', 'no restriction any more'),
    ],
    method: 'setRestriction',
    params: ([login, edgeId], { from, to, set, lift }) => {
      if (lift === true) return { login, edgeId, unrestricted: true }
      if (from === undefined && to === undefined && set !== true)
        throw new ConfigError('Say what may be read: --from, --to or both; --set alone for nothing; --lift for all.')
      const period = from === undefined && to === undefined ? emptyPeriod : { from, to }
      return { login, edgeId, mode: set === true ? 'set' : 'merge', periods: [period] }
    },
    text: ({ windows }, [login, edgeId]) => `${login} may read of ${edgeId}: ${windowsText(windows)}.`,
  },
  {
    name: 'set-gates',
    description: 'Open or shut the gates of a sub-organisation, which is for the one above it',
    arguments: [whichOrganisation()],
    options: [
      onOff('--edit-sites', 'whether sites shared with it are edited and controlled there'),
      onOff('--create-suborganisations', 'whether it has organisations below it'),
    ],
    method: 'setOrganisationGates',
    params: ([organisationId], { editSites, createSuborganisations }) => ({
      organisationId,
      ...some({ canEditSites: editSites, canCreateSuborganisations: createSuborganisations }),
    }),
    text: (_result, [organisationId]) => `The gates of organisation ${organisationId} are set.`,
    isTriable: true,
  },
  {
    name: 'set-policies',
    description: 'Set the policies of a main organisation',
    arguments: [whichOrganisation()],
    options: [
      onOff('--public', 'whether what is granted to everybody counts'),
      onOff('--strict-roles', 'off: who has a mere overview is guest'),
      new Option('--max-role <role>', 'no OpenEMS role is stronger; for the platform').choices(openemsRoles),
    ],
    method: 'setTenantPolicies',
    params: ([organisationId], { public: publicAccess, strictRoles, maxRole }) => ({
      organisationId,
      ...some({ publicAccess, strictRoles, maxOpenemsRole: maxRole }),
    }),
    text: (_result, [organisationId]) => `The policies of organisation ${organisationId} are set.`,
    isTriable: true,
  },
  {
    name: 'set-member-role',
    description: 'Give members of an organisation another role; the last owner stays one',
    arguments: [new Argument('<logins...>', 'whom, one after the other')],
    options: [
      number('--organisation <id>', 'in this organisation').makeOptionMandatory(),
      new Option('--role <role>', 'the new one').choices(organisationRoles).makeOptionMandatory(),
      ...instants(),
    ],
    method: 'setOrganisationRole',
    params: ([login], { organisation, role, from, to }) => ({
      organisationId: organisation,
      login,
      role,
      validFrom: from,
      validTo: to,
    }),
    text: (_result, [login], { role }) => `${login} is ${role} now.`,
    isTriable: true,
  },
]

/** A period of no length: no access, and not all of it (T3). */
const emptyPeriod = { from: '1970-01-01T00:00:00.000Z', to: '1970-01-01T00:00:00.000Z' }

/** Periods as people read them: null is everything, none is nothing (T3). */
export function windowsText(windows: unknown): string {
  if (windows === null) return 'everything'
  const texts = (windows as [string | null, string | null][]).map(
    ([from, to]) => `${from ?? 'the beginning'} to ${to ?? 'now and later'}`,
  )
  return texts.join(', ') || 'nothing'
}

function some(given: Options): Record<string, unknown> {
  const known = Object.entries(given).filter(([, value]) => value !== undefined)
  if (known.length === 0) throw new ConfigError('Say what changes, by one of the options.')
  return Object.fromEntries(known)
}
