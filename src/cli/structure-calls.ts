import { Argument, Option } from 'commander'
import { openemsRoles } from '../access/model.ts'
import { ConfigError } from '../config.ts'
import { organisationRoles } from '../organisations/member-service.ts'
import { moreText } from './access-text.ts'
import type { CallCommand, Options, Result } from './calls.ts'
import { windowsText } from './limit-calls.ts'
import { instants, number, pageIndex, wholeNumber } from './numbers.ts'
import { thing, things } from './things.ts'

const organisation = () => number('--organisation <id>', 'of this organisation')
const group = () => number('--group <id>', 'of this user group')
/** Names of permissions, separated by commas; "" for none. */
export const permissions = (name: string, on: string) =>
  new Option(`--${name} <list>`, `${on}, separated by commas`).argParser((text) => text.split(',').filter(Boolean))

/** What there is to list: method, and the member of its result that holds the rows. */
const lists: Readonly<Record<string, readonly [method: string, key: string]>> = {
  users: ['listUsers', 'users'],
  services: ['listServices', 'services'],
  organisations: ['listOrganisations', 'organisations'],
  sites: ['listSites', 'sites'],
  'user-groups': ['listUserGroups', 'groups'],
  'edge-groups': ['listEdgeGroups', 'groups'],
  edges: ['getEdges', 'edges'],
  roles: ['listRoles', 'roles'],
  grants: ['listGrants', 'grants'],
  members: ['list members of', 'members'],
  content: ['list content of', 'content'],
  invitations: ['listInvitations', 'invitations'],
  claims: ['listClaims', 'claims'],
  restrictions: ['listRestrictions', 'restrictions'],
}

/** Commands about organisations, sites, groups, roles and who belongs to them. */
export const structureCommands: readonly CallCommand[] = [
  {
    name: 'create-organisation',
    description: 'Create a main organisation, or one below another; prints its id',
    arguments: [['name', 'what people read']],
    options: [
      new Option('--owner <login>', 'who owns it').makeOptionMandatory(),
      number('--parent <id>', 'below this organisation'),
    ],
    method: ({ parent }) => (parent === undefined ? 'createOrganisation' : 'createSuborganisation'),
    params: ([name], { owner, parent }) => ({ name, owner, parentId: parent }),
    text: created('Organisation'),
  },
  {
    name: 'create-site',
    description: 'Create a site in a main organisation; prints its id',
    arguments: [['name', 'what people read']],
    options: [organisation().makeOptionMandatory(), new Option('--location <text>', 'where it is')],
    method: 'createSite',
    params: ([name], { organisation, location }) => ({ name, organisationId: organisation, location }),
    text: created('Site'),
  },
  {
    name: 'create-group',
    description: 'Create a group of users or of edges; prints its id',
    arguments: [['name', 'what people read']],
    options: [
      new Option('--of <what>', 'what it holds').choices(['users', 'edges']).makeOptionMandatory(),
      organisation(),
    ],
    method: (options) => (options['of'] === 'users' ? 'createUserGroup' : 'createEdgeGroup'),
    params: ([name], { organisation }) => ({ name, organisationId: organisation }),
    text: created('Group'),
  },
  {
    name: 'create-role',
    description: 'Create a role of a main organisation; prints its id',
    arguments: [['name', 'words joined by dots: acme.technician']],
    options: [
      organisation().makeOptionMandatory(),
      permissions('self', 'permissions on the thing itself'),
      permissions('content', 'permissions on what it holds'),
      permissions('suborganisations', 'permissions on the organisations below'),
      new Option('--openems-role <role>', 'what the edge is told').choices(openemsRoles),
    ],
    method: 'createRole',
    params: ([name], { organisation, self, content, suborganisations, openemsRole }) => ({
      name,
      organisationId: organisation,
      self,
      content,
      suborganisations,
      openemsRole,
    }),
    text: created('Role'),
  },
  {
    name: 'add-member',
    description:
      'Add people to an organisation or a user group, or a group to a group; who is not available for sharing is invited',
    arguments: [new Argument('[logins...]', 'who, one after the other; an e-mail address to invite')],
    options: [
      organisation(),
      group(),
      new Option('--role <role>', 'in the organisation').choices(organisationRoles),
      ...members('add'),
      ...instants(),
    ],
    method: (options) => ('organisationId' in place(options) ? 'addOrganisationMember' : 'addGroupMember'),
    params: ([login], options) => {
      const { from: validFrom, to: validTo } = options
      return { ...memberIn(place(options), login, options, roleOf), validFrom, validTo }
    },
    text: (result, [login], options) =>
      `${memberText(login, options)} is ${result['state'] === 'invited' ? 'invited' : 'a member'}.`,
    isTriable: true,
  },
  {
    name: 'invite',
    description: 'Make a voucher to join an organisation or a user group, with or without an account; prints it once',
    options: [
      organisation(),
      group(),
      new Option('--role <role>', 'in the organisation').choices(organisationRoles),
      new Option('--email <address>', 'only for who has this address'),
      number('--valid-days <days>', 'ends by itself (default: 14)'),
    ],
    method: 'inviteMember',
    params: (_args, options) => {
      const at = place(options)
      const to = 'organisationId' in at ? { ...at, role: roleOf(options) } : at
      return { to, email: options['email'], validDays: options['validDays'] }
    },
    text: (result) => `Voucher, shown this once, valid until ${result['expiresAt']}: ${result['token']}`,
  },
  ...(['accept', 'reject'] as const).map(
    (name): CallCommand => ({
      name,
      description:
        name === 'accept'
          ? 'Accept an invitation, or what is handed over to you; with --as, which says who you are'
          : 'Reject an invitation; while it is open it may still be accepted; with --as',
      options: [
        number('--invitation <id>', 'what "list invitations" calls invitationId'),
        number('--group <id>', 'what it calls groupId'),
        ...(name === 'accept' ? [new Option('--voucher <text>', 'the voucher you were given')] : []),
      ],
      method: `${name}Invitation`,
      params: (_args, { as: login, invitation: invitationId, group: groupId, voucher: token }) => {
        if (login === undefined) throw new ConfigError(`Say who ${name}s: --as LOGIN.`)
        return { invitationId, groupId, token }
      },
      text: () => `The invitation is ${name}ed.`,
    }),
  ),
  {
    name: 'invite-account',
    description: 'Make a voucher that opens an account without a password; the one before ends; prints it once',
    arguments: [['login', 'whose account']],
    options: [number('--valid-days <days>', 'ends by itself (default: 14)')],
    method: 'inviteAccount',
    params: ([login], { validDays }) => ({ login, validDays }),
    text: (result) =>
      `Voucher for ${result['login']}, shown this once, valid until ${result['expiresAt']}: ${result['token']}`,
  },
  {
    name: 'list',
    description: 'List what there is of a kind, a page at a time; what is on a site or in an edge group (content)',
    arguments: [new Argument('<what>', 'what to list').choices(Object.keys(lists))],
    options: [
      organisation(),
      group(),
      ...things('of'),
      new Option('--user <login>', 'claims and restrictions: whose'),
      new Option('--query <text>', 'part of the name'),
      number('--page <number>', 'from 1').default(1),
      number('--limit <count>', 'rows of a page, at most 100').default(100),
      new Option('--sort <by>', 'order').choices(['name', 'id']),
      new Option('--descending', 'backwards'),
      new Option('--sent', 'invitations: with --as those that one made, instead of those to oneself'),
    ],
    method: (options, [what = '']) => {
      if (what === 'content') return contentOf(options).method
      if (what !== 'members') return lists[what]?.[0] ?? what
      return 'organisationId' in place(options) ? 'listOrganisationMembers' : 'listGroupMembers'
    },
    params: ([what = ''], options) => {
      const { organisation, group, edge, site, query, limit, sort, descending } = options
      const paging = { query, limit, page: pageIndex(options['page']) }
      if (what === 'edges') return { ...paging, ...edgeOrder(options) }
      if (what === 'claims' || what === 'restrictions')
        return { ...limited(what, options), ...paging, sort, descending }
      if (what === 'content') return { ...contentOf(options).params, ...paging, sort, descending }
      if (what === 'grants') return { on: thing(options), ...paging, sort, descending }
      const places = { organisationId: organisation, groupId: group, edgeId: edge, siteId: site }
      const isElsewhere = Object.values(places).every((value) => value === undefined)
      const isSent = what === 'invitations' && isElsewhere && (options.as === undefined || options['sent'] === true)
      return { ...places, ...paging, sort, descending, ...(isSent ? { sent: true } : {}) }
    },
    text: (result, [what = ''], options) => {
      const rows = (result[lists[what]?.[1] ?? ''] ?? []) as Result[]
      const lines = rows.map((row) =>
        what === 'restrictions'
          ? `${row['login'] ?? 'somebody'}  ${row['edgeId']}  ${windowsText(row['windows'])}`
          : Object.entries(row).map(shown).filter(Boolean).join('  '),
      )
      lines.push(...moreText(result, rows.length, options))
      return lines.join('\n') || 'There are none.'
    },
  },
  {
    name: 'show',
    description: 'Who a user is: account, groups, own grants, number of edges',
    arguments: [['login', 'whom']],
    method: 'showUser',
    params: ([login]) => ({ login }),
    text: describeUser,
  },
  {
    name: 'end-service-token',
    description: 'End one service token and its sockets at once',
    arguments: [new Argument('<token-id>', 'which one; list-service-tokens tells').argParser(wholeNumber)],
    method: 'endServiceToken',
    params: ([tokenId]) => ({ tokenId }),
    text: (_result, [tokenId]) => `Token ${tokenId} is ended.`,
  },
  {
    name: 'call',
    description: 'Call any method of the service (api-docs lists them) and print its result as JSON',
    arguments: [['method', 'for example listGrants'], new Argument('[params]', 'a JSON object')],
    method: (_options, [method = '']) => method,
    params: ([_method, params = '{}']) => parsed(params),
    text: (result) => JSON.stringify(result, null, 2),
  },
]

/** How edges are sorted, as their list takes it. */
function edgeOrder({ sort, descending }: Options): Record<string, unknown> {
  if (sort === undefined && descending === undefined) return {}
  const field = sort === 'name' ? 'comment' : 'id'
  return { searchParams: { orderState: [{ field, sortOrder: descending === true ? 'DESC' : 'ASC' }] } }
}

/** Whose claims or restrictions, or those on which edge. */
function limited(what: string, { user, edge }: Options): Record<string, unknown> {
  if (user === undefined && (what === 'claims' || edge === undefined))
    throw new ConfigError(`Say whose: --user LOGIN${what === 'claims' ? '' : ', or on what: --edge ID'}.`)
  return { login: user, ...(what === 'claims' ? {} : { edgeId: edge }) }
}

function created(what: string): CallCommand['text'] {
  return (result, [name]) => `${what} ${name} has the id ${result['id']}.`
}

/** Exactly one of an organisation and a user group. */
export function place({ organisation, group }: Options): { organisationId: unknown } | { groupId: unknown } {
  if ((organisation === undefined) === (group === undefined))
    throw new ConfigError('Say where: either --organisation or --group.')
  return organisation === undefined ? { groupId: group } : { organisationId: organisation }
}

function roleOf({ role }: Options): unknown {
  if (role === undefined) throw new ConfigError(`Say as what: --role ${organisationRoles.join('|')}.`)
  return role
}

/** Options that name a member that is not a person. */
export function members(word: string): Option[] {
  return [
    number('--member-group <id>', `${word} this user group`),
    new Option('--member-service <name>', `${word} this service`),
  ]
}

/** The parameters that name a member of a place: somebody; in a user group also a group or a service. */
export function memberIn(
  at: ReturnType<typeof place>,
  login: string | undefined,
  options: Options,
  roleOf?: (options: Options) => unknown,
): Record<string, unknown> {
  const { memberGroup: userGroupId, memberService: service } = options
  const given = Object.entries({ login, userGroupId, service }).filter(([, value]) => value !== undefined)
  if (given.length !== 1 || ('organisationId' in at && login === undefined))
    throw new ConfigError('Say who: logins; or for a user group --member-group or --member-service.')
  if ('organisationId' in at) return { ...at, login, role: roleOf?.(options) }
  return { ...at, member: Object.fromEntries(given) }
}

/** What a member is called on the screen. */
export function memberText(login: string | undefined, { memberGroup, memberService }: Options): string {
  return login ?? (memberGroup === undefined ? `The service ${memberService}` : `The group ${memberGroup}`)
}

/** What lists the content of the one thing that is named. */
function contentOf({ site, edgeGroup }: Options): { method: string; params: Record<string, unknown> } {
  if ((site === undefined) === (edgeGroup === undefined))
    throw new ConfigError('Say of what: either --site or --edge-group.')
  return site === undefined
    ? { method: 'listEdgeGroupContent', params: { groupId: edgeGroup } }
    : { method: 'listSiteContent', params: { siteId: site } }
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {
    // The sentence below says it better.
  }
  throw new ConfigError(`The params must be one JSON object, for example '{"limit":10}'.`)
}

function shown([key, value]: [string, unknown]): string {
  if (value === null || value === undefined || value === '' || value === false) return ''
  if (value === true) return key
  if (Array.isArray(value)) return value.length === 0 ? '' : `${key}: ${value.join(',')}`
  if (typeof value === 'object') {
    if (key === 'edges') return edgesText(value as { total: number; online: number })
    const text = Object.entries(value).map(shown).filter(Boolean).join(' ')
    return 'name' in value || 'kind' in value || text === '' ? text : `${key} (${text})`
  }
  return ['id', 'name', 'login', 'kind'].includes(key) ? String(value) : `${key}: ${String(value)}`
}

/** How many edges a member has: no more than so many are counted. */
function edgesText({ total, online }: { total: number; online: number }): string {
  return `edges: ${total === 100 ? 'at least 100' : total}, online: ${online}`
}

function describeUser(user: Result): string {
  const grants = user['grants'] as { role: string; on: { kind: string; name: string }; validTo: string | null }[]
  const groups = user['groups'] as { id: number; name: string; state: string }[]
  const { login, name, email, globalRole, edges } = user
  return [
    `${login}  ${name}${email === null ? '' : `  ${email}`}${user['disabled'] === true ? '  disabled' : ''}`,
    `  role in menus ${globalRole}, ${user['shareable'] === true ? 'available for sharing' : 'private'}, sees ${edges} edge(s)`,
    ...groups.map((group) => `  group ${group.id} ${group.name} (${group.state})`),
    ...grants.map(({ role, on, validTo }) => `  ${role} on ${on.kind} ${on.name}${validTo ? ` until ${validTo}` : ''}`),
  ].join('\n')
}
