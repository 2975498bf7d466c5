import { Argument, Command, Option } from 'commander'
import { openemsRoles } from '../access/model.ts'
import { scopes } from '../accounts/scopes.ts'
import { ConfigError } from '../config.ts'
import { audienceText, effectText, summaryText } from './access-text.ts'
import { changeCommands } from './change-calls.ts'
import { type ClientOptions, openService } from './client.ts'
import { explanationText } from './explain-text.ts'
import { limitCommands } from './limit-calls.ts'
import { instant, instants, logHead, pageIndex, wholeNumber } from './numbers.ts'
import { structureCommands } from './structure-calls.ts'
import { thing, things } from './things.ts'

export type Options = ClientOptions & { json?: true } & Record<string, unknown>
export type Result = Record<string, unknown>

/**
 * One CLI command that is one method: name, arguments and options come in, params go out. One whose last argument may be given
 * several times is a call for each.
 */
export interface CallCommand {
  name: string
  description: string
  arguments?: ([name: string, description: string] | Argument)[]
  options?: Option[]
  /** One that takes either of two says which by its options. */
  method: string | ((options: Options, args: string[]) => string)
  params: (args: string[], options: Options) => Record<string, unknown>
  /** What people read; JSON output is the result itself. */
  text: (result: Record<string, unknown>, args: string[], options: Options) => string
  /** One that only changes rights and structure can be tried first; of one for several kinds those that do. */
  isTriable?: true | readonly string[]
  /** One that takes its time. */
  isLong?: true
  /** A result that makes the exit code 1. */
  failed?: (result: Record<string, unknown>) => boolean
}

const LONG_MS = 3_600_000

interface ListedToken {
  tokenId: number
  service: string
  scopes: string[]
  createdAt: string
  expiresAt?: string
  endedAt?: string
  lastUsedAt?: string
}

function describeToken(token: ListedToken): string {
  const ends = token.endedAt === undefined ? `expires ${token.expiresAt ?? 'never'}` : `ended ${token.endedAt}`
  const used = `last used ${token.lastUsedAt ?? 'never'}`
  return [token.tokenId, token.service, token.scopes.join(','), `created ${token.createdAt}`, ends, used].join('  ')
}

const role = () => new Option('--role <role>', 'OpenEMS role').choices(openemsRoles)
const on = () => [
  ...things('on'),
  new Option('--organisation <id>', 'on this organisation').argParser(wholeNumber),
  new Option('--platform', 'on everything'),
]

const commands: CallCommand[] = [
  {
    name: 'set-password',
    description: 'Set the password of an account and end its sessions',
    arguments: [['login', 'whose']],
    options: [new Option('--password <text>', 'the new one (default: read from EMS_PASSWORD)')],
    method: 'setPassword',
    params: ([login], options) => ({ login, password: passwordOf(options) }),
    text: (_result, [login]) => `The password of ${login} is set; open sessions are ended.`,
  },
  {
    name: 'create-edge',
    description: 'Register an edge; prints its API key and setup password once',
    arguments: [['edge-id', 'for example edge0']],
    options: [
      new Option('--comment <text>', 'what people read in lists'),
      new Option('--producttype <text>', 'type of product'),
      new Option('--site <id>', 'site it belongs to').argParser(wholeNumber),
      new Option('--api-key <key>', 'keep a key the edge already has'),
    ],
    method: 'createEdge',
    params: ([edgeId], { comment, producttype, site, apiKey }) => ({
      edgeId,
      comment,
      producttype,
      siteId: site,
      apiKey,
    }),
    text: (result) =>
      `Edge ${result['edgeId']}\n  API key         ${result['apiKey']}\n  setup password  ${result['setupPassword']}\nBoth are shown this once.`,
  },
  {
    name: 'rotate-edge-key',
    description: 'Give an edge a new API key; prints it once',
    arguments: [['edge-id', 'which edge']],
    options: [
      new Option(
        '--overlap-hours <hours>',
        'how long old keys stay valid; 0 cuts off at once (an edge behind a Backend.Edge.App once that is restarted)',
      )
        .argParser(wholeNumber)
        .default(24),
    ],
    method: 'rotateEdgeKey',
    params: ([edgeId], { overlapHours }) => ({ edgeId, overlapHours }),
    text: (result) =>
      `New API key of ${result['edgeId']}: ${result['apiKey']}\nOld keys are valid until ${result['oldKeysValidTo']}.`,
  },
  {
    name: 'list-edges-without-key-copy',
    description: 'List edges that cannot connect through a Backend.Edge.App until their key is rotated',
    options: [
      new Option('--after <edge-id>', 'go on after this one'),
      new Option('--limit <count>', 'at most so many').argParser(wholeNumber).default(100),
    ],
    method: 'listEdgesWithoutKeyCopy',
    params: (_args, { after, limit }) => ({ after, limit }),
    text: ({ edgeIds, total }) => [...(edgeIds as string[]), `${total} edge(s) in all`].join('\n'),
  },
  {
    name: 'create-service-token',
    description: 'Make a token for a service that is not a person; prints it once',
    arguments: [['name', 'of the service']],
    options: [
      role().default('guest'),
      new Option('--scopes <scopes>', `what it is good for, comma-separated: ${scopes.join(', ')}`)
        .argParser((text) => text.split(',').map((scope) => scope.trim()))
        .default(['read'], 'read'),
      new Option('--valid-days <days>', 'ends by itself').argParser(wholeNumber),
    ],
    method: 'createServiceToken',
    params: ([name], { role, scopes, validDays }) => ({ name, role, scopes, validDays }),
    text: (result) => `Token ${result['tokenId']} of ${result['service']}, shown this once: ${result['token']}`,
  },
  {
    name: 'rotate-service-token',
    description: 'Make a token like an old one; prints it once',
    arguments: [['token-id', 'which one; list-service-tokens tells']],
    options: [
      new Option('--overlap-hours <hours>', 'how long the old one stays valid; 0 ends it at once')
        .argParser(wholeNumber)
        .default(24),
    ],
    method: 'rotateServiceToken',
    params: ([tokenId], { overlapHours }) => ({ tokenId, overlapHours }),
    text: (result) =>
      `Token ${result['tokenId']} of ${result['service']}, shown this once: ${result['token']}\nThe old one is valid until ${result['oldTokenValidTo']}.`,
  },
  {
    name: 'list-service-tokens',
    description: 'Show the tokens of services: scopes, expiry, last use',
    options: [
      new Option('--service <name>', 'of this service only'),
      new Option('--all', 'ended and expired ones too'),
    ],
    method: 'listServiceTokens',
    params: (_args, { service, all }) => ({ service, all }),
    text: (result) => (result['tokens'] as ListedToken[]).map(describeToken).join('\n') || 'There are none.',
  },
  {
    name: 'grant',
    description: 'Grant a role to a user, a user group or a service, on one thing or on everything',
    arguments: [new Argument('[login]', 'to whom, unless an option says it')],
    options: [
      new Option(
        '--role <role>',
        `${openemsRoles.join(', ')}, or any other that "list roles" shows`,
      ).makeOptionMandatory(),
      new Option('--group <id>', 'to this user group').argParser(wholeNumber),
      new Option('--service <name>', 'to this service'),
      ...on(),
      ...instants(),
      new Option('--components <list>', 'for these components only (meter0,ess*)').argParser((text) => text.split(',')),
    ],
    method: 'grantRole',
    params: ([login], options) => ({
      to: holder(login, options),
      on: thing(options),
      role: (openemsRoles as readonly unknown[]).includes(options['role'])
        ? `openems.${options['role']}`
        : options['role'],
      validFrom: options['from'],
      validTo: options['to'],
      components: options['components'],
    }),
    text: (result) => `Granted (grant ${result['grantId']}).`,
    isTriable: true,
  },
  {
    name: 'revoke',
    description:
      'Withdraw every grant of a user on an edge, a site, a group, an organisation (with the membership) or everything',
    arguments: [['login', 'from whom']],
    options: on(),
    method: 'revokeAccess',
    params: ([login], options) => ({ login, on: target(options) }),
    text: (result, [login]) => `${result['revoked']} grant(s) of ${login} withdrawn.`,
    isTriable: true,
  },
  {
    name: 'who',
    description: 'Say who may see an edge, in which role and by which grants',
    arguments: [['edge-id', 'which edge']],
    options: [
      new Option('--query <text>', 'part of the login'),
      new Option('--page <number>', 'from 1').argParser(wholeNumber).default(1),
      new Option('--limit <count>', 'rows of a page, at most 100').argParser(wholeNumber).default(100),
    ],
    method: 'getEdgeUsers',
    params: ([edgeId], { query, page, limit }) => ({ edgeId, query, limit, page: pageIndex(page) }),
    text: audienceText,
  },
  {
    name: 'summary',
    description: 'Count the edges in something and add up live values of theirs, as far as you may know',
    arguments: [],
    options: [
      ...things('of'),
      new Option('--organisation <id>', 'of this organisation').argParser(wholeNumber),
      new Option('--platform', 'of everything'),
      new Option('--channels <addresses...>', 'whose values to add up: _sum/GridActivePower'),
    ],
    method: 'getSummary',
    params: (_args, { channels, ...of }) => ({ of: thing(of), channels }),
    text: summaryText,
  },
  {
    name: 'explain',
    description: 'Say why a user may or may not do something with an edge, and what is missing',
    arguments: [
      ['login', 'who'],
      ['edge-id', 'which edge'],
    ],
    options: [
      new Option('--permission <name>', 'what to do with it').default('discover'),
      new Option('--at <instant>', 'at another time (2026-12-24T00:00:00Z)').argParser(instant),
    ],
    method: 'explainAccess',
    params: ([userId, edgeId], { permission, at }) => ({ userId, edgeId, permission, at }),
    text: explanationText,
    failed: (result) => result['allowed'] !== true,
  },
  {
    name: 'verify-audit',
    description: 'Check that no old row of the log was altered',
    options: [new Option('--kept <revision:hash>', 'what an earlier run said to keep').argParser(logHead)],
    method: 'verifyAudit',
    params: (_, { kept }) => ({ kept }),
    isLong: true,
    text: (result) =>
      result['ok'] === true
        ? `The log is whole up to revision ${result['revision']}. To notice a cut end the next time, keep: --kept ${result['revision']}:${result['hash']}`
        : `The log was altered at revision ${result['revision']}: ${result['reason']}`,
    failed: (result) => result['ok'] !== true,
  },
]

/** The commands that are calls to a running service. */
export function callCommands(): Command[] {
  return [...commands, ...structureCommands, ...changeCommands, ...limitCommands].map((definition) => {
    const command = withClientOptions(new Command(definition.name).description(definition.description))
    for (const argument of definition.arguments ?? []) {
      if (Array.isArray(argument)) command.argument(`<${argument[0]}>`, argument[1])
      else command.addArgument(argument)
    }
    for (const option of definition.options ?? []) command.addOption(option)
    if (definition.isTriable) command.option('--what-if', 'change nothing, but say who would gain or lose what')
    return command.action(async (...given: unknown[]) => {
      const options = given.at(-2) as Options
      const calls = each(given.slice(0, -2)).map((args) => ({ args, ...callOf(definition, args, options) }))
      if (options['whatIf'] === true) requireTriable(definition, String(given[0]))
      await using client = await openService(options, definition.isLong && LONG_MS)
      const print = (result: Result, text: string) => {
        process.stdout.write(`${options.json ? JSON.stringify(result) : text}\n`)
      }
      if (options['whatIf'] === true) {
        const operations = calls.map(({ method, params }) => ({ method, params }))
        const result = (await client.request('explainChange', { operations, limit: 100 })) as Result
        return print(result, effectText(result))
      }
      for (const { args, method, params } of calls) {
        const result = (await client.request(method, params)) as Result
        if (definition.failed?.(result) === true) process.exitCode = 1
        print(result, definition.text(result, args, options))
      }
    })
  })
}

function requireTriable({ name, isTriable }: CallCommand, kind: string): void {
  if (Array.isArray(isTriable) && !isTriable.includes(kind))
    throw new ConfigError(`Of "${name}" only these can be tried beforehand: ${isTriable.join(', ')}.`)
}

/** The arguments of each call: one for every value of the last, if that takes several. */
function each(given: unknown[]): string[][] {
  const last = given.at(-1)
  if (!Array.isArray(last)) return [given as string[]]
  const values: unknown[] = last.length > 0 ? last : [undefined]
  return values.map((value) => [...given.slice(0, -1), value] as string[])
}

function callOf({ method, params }: CallCommand, args: string[], options: Options) {
  const given = Object.entries(params(args, options)).filter(([, value]) => value !== undefined)
  return { method: typeof method === 'string' ? method : method(options, args), params: Object.fromEntries(given) }
}

/** Where the service is, for every command that calls it. */
export function withClientOptions(command: Command): Command {
  return command
    .option(
      '--url <url>',
      'address of the service, for example wss://host:8080/service (default: control socket on this machine)',
    )
    .addOption(new Option('--token <token>', 'service token for --url').env('EMS_TOKEN'))
    .option(
      '--as <login>',
      'as this person, with --url ws://host:8082, the address for the UI, and his password in EMS_LOGIN_PASSWORD',
    )
    .option('--data-dir <folder>', 'data folder of the service on this machine')
    .option('--json', 'machine output')
}

function passwordOf({ password = process.env['EMS_PASSWORD'] }: Options): unknown {
  if (password === undefined) throw new ConfigError('Say the new password: in EMS_PASSWORD, or with --password.')
  return password
}

/** Exactly one of an account, a user group and a service. */
function holder(login: string | undefined, { group, service }: Options): Record<string, unknown> {
  const given = Object.entries({ login, userGroupId: group, service }).filter(([, value]) => value !== undefined)
  if (given.length !== 1) throw new ConfigError('Say to whom: a login, --group or --service, and only one of them.')
  return Object.fromEntries(given)
}

function target(options: Options): Record<string, unknown> {
  const one = thing(options)
  return 'edgeId' in one || 'platform' in one ? one : { resourceId: Object.values(one)[0] }
}
