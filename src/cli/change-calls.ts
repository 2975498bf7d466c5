import { Argument, Option } from 'commander'
import { openemsRoles } from '../access/model.ts'
import { ConfigError } from '../config.ts'
import type { CallCommand, Options } from './calls.ts'
import { wholeNumber } from './numbers.ts'
import { memberIn, members, memberText, permissions, place } from './structure-calls.ts'
import { thing, things } from './things.ts'

/** How a kind of thing is named on the command line, and the methods that change it. */
interface Kind {
  /** The parameter that names it. */
  key: string
  hasNumber?: true
  rename?: string
  delete?: string
  disable?: string
}

const kinds: Readonly<Record<string, Kind>> = {
  user: { key: 'login', rename: 'renameUser', delete: 'deleteUser', disable: 'setUserDisabled' },
  service: { key: 'name', rename: 'renameService', delete: 'deleteService', disable: 'setServiceDisabled' },
  organisation: { key: 'organisationId', hasNumber: true, rename: 'renameOrganisation', delete: 'deleteOrganisation' },
  site: { key: 'siteId', hasNumber: true, rename: 'renameSite', delete: 'deleteSite' },
  edge: { key: 'edgeId', rename: 'renameEdge', delete: 'deleteEdge' },
  'user-group': { key: 'groupId', hasNumber: true, rename: 'renameUserGroup', delete: 'deleteUserGroup' },
  'edge-group': { key: 'groupId', hasNumber: true, rename: 'renameEdgeGroup', delete: 'deleteEdgeGroup' },
  role: { key: 'roleId', hasNumber: true, rename: 'updateRole', delete: 'deleteRole' },
  grant: { key: 'grantId', hasNumber: true, delete: 'revokeGrant' },
  invitation: { key: 'invitationId', hasNumber: true, delete: 'withdrawInvitation' },
}

type Verb = 'rename' | 'delete' | 'disable'
const kindsWith = (verb: Verb) => Object.keys(kinds).filter((kind) => kinds[kind]?.[verb] !== undefined)
const kindArgument = (verb: Verb) => new Argument('<kind>', 'of what kind').choices(kindsWith(verb))
const methodFor =
  (verb: Verb) =>
  (_options: Options, [kind = '']: string[]) =>
    kinds[kind]?.[verb] ?? verb

/** Commands that change what is there. */
export const changeCommands: readonly CallCommand[] = [
  {
    name: 'rename',
    description: 'Change the name of something, and what else describes it',
    arguments: [
      kindArgument('rename'),
      ['which', 'its login, edge id or number'],
      new Argument('[name]', 'the new name'),
    ],
    options: [
      new Option('--login <text>', 'user: the new login'),
      new Option('--email <address>', 'user: e-mail address; "" for none'),
      new Option('--global-role <role>', 'user: what the UI shows in menus').choices(openemsRoles),
      new Option('--location <text>', 'site: where it is'),
      new Option('--labels <list>', 'site: separated by commas').argParser((text) => text.split(',')),
      new Option('--producttype <text>', 'edge: type of product'),
      new Option('--description <text>', 'group: what it is for'),
      permissions('self', 'role: permissions on the thing itself'),
      permissions('content', 'role: on what it holds'),
      permissions('suborganisations', 'role: on the organisations below'),
    ],
    method: methodFor('rename'),
    params: ([kind = '', which = '', name], options) => ({ ...named(kind, which), ...newText(kind, name, options) }),
    text: (_result, [kind, which]) => `The ${kind} ${which} is changed.`,
  },
  {
    name: 'delete',
    description: 'Delete something, withdraw a grant or an invitation; says what stops it',
    arguments: [kindArgument('delete'), new Argument('<which...>', 'logins, edge ids or numbers, one after the other')],
    method: methodFor('delete'),
    params: ([kind = '', which = '']) => named(kind, which),
    text: (_result, [kind, which]) => `The ${kind} ${which} is deleted.`,
    isTriable: ['user-group', 'edge-group', 'grant'],
  },
  ...(['disable', 'enable'] as const).map(
    (name): CallCommand => ({
      name,
      description:
        name === 'disable' ? 'Shut an account or a service out at once; what it has stays' : 'Let it in again',
      arguments: [kindArgument('disable'), new Argument('<which...>', 'logins or names, one after the other')],
      method: methodFor('disable'),
      params: ([kind = '', which = '']) => ({ ...named(kind, which), disabled: name === 'disable' }),
      text: (_result, [kind, which]) => `The ${kind} ${which} is ${name}d.`,
    }),
  ),
  {
    name: 'move',
    description: 'Put edges on a site, or take them off the one they are on',
    arguments: [new Argument('<edge-ids...>', 'which edges, one after the other')],
    options: [
      new Option('--site <id>', 'the site it belongs to').argParser(wholeNumber),
      new Option('--no-site', 'off its site; it stays with the organisation'),
    ],
    method: 'moveEdge',
    params: ([edgeId], { site }) => {
      if (site === undefined || site === true) throw new ConfigError('Say where to: --site ID, or --no-site.')
      return { edgeId, siteId: site === false ? null : site }
    },
    text: (_result, [edgeId]) => `The edge ${edgeId} is moved.`,
    isTriable: true,
  },
  {
    name: 'move-organisation',
    description: 'Put sub-organisations, with all that lies below them, below another one of their main organisation',
    arguments: [
      new Argument('<organisation-ids...>', 'which sub-organisations, one after the other').argParser(wholeNumbers),
    ],
    options: [
      new Option('--below <id>', 'the organisation it will lie below').argParser(wholeNumber).makeOptionMandatory(),
    ],
    method: 'moveOrganisation',
    params: ([organisationId], { below }) => ({ organisationId, parentId: below }),
    text: (_result, [organisationId]) => `The organisation ${organisationId} is moved.`,
    isTriable: true,
  },
  ...(['share', 'unshare'] as const).map(
    (name): CallCommand => ({
      name,
      description:
        name === 'share'
          ? 'Share sites with a sub-organisation of their own tree'
          : 'End the sharing of sites with a sub-organisation',
      arguments: [new Argument('<site-ids...>', 'which sites, one after the other').argParser(wholeNumbers)],
      options: [new Option('--organisation <id>', 'the sub-organisation').argParser(wholeNumber).makeOptionMandatory()],
      method: `${name}Site`,
      params: ([siteId], { organisation }) => ({ siteId, organisationId: organisation }),
      text: (_result, [siteId]) => `The site ${siteId} is ${name}d.`,
      isTriable: true,
    }),
  ),
  ...(['add-to-group', 'remove-from-group'] as const).map(
    (name): CallCommand => ({
      name,
      description:
        name === 'add-to-group'
          ? 'Put an edge, a site or a group into an edge group'
          : 'Take an edge, a site or a group out of an edge group',
      arguments: [new Argument('<group-id>', 'which edge group').argParser(wholeNumber)],
      options: things(name === 'add-to-group' ? 'add' : 'take out'),
      method: name === 'add-to-group' ? 'addToEdgeGroup' : 'removeFromEdgeGroup',
      params: ([groupId], options) => ({ groupId, content: thing(options) }),
      text: (_result, [groupId]) => `The group ${groupId} is changed.`,
      isTriable: true,
    }),
  ),
  {
    name: 'remove-member',
    description: 'End memberships in an organisation or a user group',
    arguments: [new Argument('[logins...]', 'whose, one after the other')],
    options: [
      new Option('--organisation <id>', 'of this organisation').argParser(wholeNumber),
      new Option('--group <id>', 'of this user group').argParser(wholeNumber),
      ...members('take out'),
    ],
    method: (options) => ('organisationId' in place(options) ? 'removeOrganisationMember' : 'removeGroupMember'),
    params: ([login], options) => memberIn(place(options), login, options),
    text: (_result, [login], options) => `${memberText(login, options)} is no member any more.`,
    isTriable: true,
  },
  {
    name: 'hand-over',
    description: 'Hand an edge or a site over: what others had of it ends, earlier owners keep their time',
    options: [
      new Option('--edge <id>', 'this edge'),
      new Option('--site <id>', 'this site, with its edges').argParser(wholeNumber),
      new Option('--to <login>', 'to this account, at once; it must be available for sharing'),
      new Option('--to-organisation <id>', 'to this main organisation, at once').argParser(wholeNumber),
      new Option('--invite <login>', 'to this login or e-mail address, once he accepts'),
      new Option('--voucher', 'to whoever holds the voucher, with or without an account; prints it once'),
      new Option('--show-past', 'the new owner reads what was recorded before, too'),
      new Option('--forget-past', 'earlier owners keep nothing'),
      new Option('--leave-organisation', 'the edge does not stay with its organisation'),
    ],
    method: 'handOver',
    params: (_args, options) => ({
      edgeId: options['edge'],
      siteId: options['site'],
      to: receiver(options),
      showPast: options['showPast'],
      keepHistory: options['forgetPast'] === true ? false : undefined,
      leaveOrganisation: options['leaveOrganisation'],
    }),
    text: (result) => {
      const { grants } = result['ended'] as { grants: unknown[] }
      const offer = result['offer'] as { invitationId: number; token?: string; expiresAt: string } | undefined
      if (offer === undefined) return `Handed over at ${result['at']}; ${grants.length} grant(s) ended.`
      const token = offer.token === undefined ? '' : ` Voucher, shown this once: ${offer.token}`
      return `Offered until ${offer.expiresAt} (invitation ${offer.invitationId}); nothing changes before.${token}`
    },
  },
]

/** Numbers of a list, gathered one by one. */
function wholeNumbers(text: string, before: readonly number[] | undefined): number[] {
  return [...(before ?? []), wholeNumber(text)]
}

function named(kind: string, which: string): Record<string, unknown> {
  const { key = '', hasNumber } = kinds[kind] ?? {}
  if (hasNumber && !/^\d{1,15}$/.test(which))
    throw new ConfigError(`A ${kind} goes by its number, which "list" shows: not "${which}".`)
  return { [key]: hasNumber ? Number(which) : which }
}

function newText(kind: string, name: string | undefined, options: Options): Record<string, unknown> {
  const { login, email, globalRole, location, labels, producttype, description } = options
  const { self, content, suborganisations } = options
  const given = {
    ...{ newLogin: login, email, globalRole, location, labels, producttype, description },
    ...{ self, content, suborganisations },
  }
  const text = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  if (name === undefined) {
    if (Object.keys(text).length === 0) throw new ConfigError('Say what changes: a new name, or one of the options.')
    return text
  }
  if (kind === 'edge') return { ...text, comment: name }
  return { ...text, [kind === 'service' ? 'newName' : 'name']: name }
}

function receiver({ to, toOrganisation, invite, voucher }: Options): Record<string, unknown> {
  const given = [
    { login: to },
    { organisationId: toOrganisation },
    { invitee: invite },
    { voucher: voucher === true ? {} : undefined },
  ].filter((one) => Object.values(one)[0] !== undefined)
  const [only] = given
  if (only === undefined || given.length > 1)
    throw new ConfigError('Say to whom: exactly one of --to, --to-organisation, --invite and --voucher.')
  return only
}
