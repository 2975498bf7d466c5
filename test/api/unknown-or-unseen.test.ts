import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { PLATFORM_RESOURCE_ID } from '../../src/access/model.ts'
import { allMethods } from '../../src/api/index.ts'
import type { Method } from '../../src/rpc/method.ts'
import { ServiceClient, UiClient, type WireClient } from '../harness/clients.ts'
import { addUser, give } from '../harness/seed.ts'
import { startTestService, type TestService } from '../harness/service.ts'
import { companyWithAll, protocolOf, type ThingKind, type Things, unknownThings } from '../harness/things.ts'

/** Stands in parameters for the name of a thing. */
class Named {
  readonly kind: ThingKind
  constructor(kind: ThingKind) {
    this.kind = kind
  }
}
const [edge, user, service, organisation, suborganisation, site] = named(
  'edge',
  'user',
  'service',
  'organisation',
  'suborganisation',
  'site',
)
const [edgeGroup, userGroup, role, grant, invitation] = named('edgeGroup', 'userGroup', 'role', 'grant', 'invitation')
const [importId, protocol] = named('import', 'protocol')

function named(...kinds: ThingKind[]): Named[] {
  return kinds.map((kind) => new Named(kind))
}

const on = [{ edgeId: edge }, { siteId: site }, { organisationId: organisation }, { edgeGroupId: edgeGroup }]
const range = { from: '2020-01-01T00:00:00.000Z', to: '2021-01-01T00:00:00.000Z' }
const principals = [{ login: user }, { userGroupId: userGroup }, { service }]
const explained = [
  { userId: user, edgeId: edge },
  ...principals.map((principal) => ({ principal, edgeId: edge })),
  ...on.map((resource) => ({ userId: user, resource })),
]
const guest = 'resource.detail'

/** Every method that takes the name of a thing, with parameters that are right for what the caller has himself. */
const table: Readonly<Record<string, readonly object[]>> = {
  getUserInformation: [{ userId: user }],
  setUserInformation: [{ userId: user, user: person() }],
  updateUserLanguage: [{ userId: user, language: 'EN' }],
  updateUserSettings: [{ userId: user, settings: {} }],
  getUserAlertingConfigs: [{ edgeId: edge }],
  setUserAlertingConfigs: [{ edgeId: edge, userSettings: [{ userLogin: user, offlineEdgeDelay: 1 }] }],
  getEdge: [{ edgeId: edge }, { edgeId: edge, userId: user }],
  getEdges: [{ userId: user }],
  addEdgeToUser: [{ setupPassword: 'aaaa-aaaa-aaaa-aaaa', userId: user }],
  getEmsType: [{ edgeId: edge }],
  getEdgesStatus: [{ edgeIds: [edge] }],
  getEdgesChannelsValues: [{ ids: [edge], channels: ['a/B'] }],
  subscribeEdges: [{ edges: [edge] }],
  subscribeEdgesChannels: [{ ids: [edge], channels: ['a/B'], count: 1 }],
  edgeRpc: [{ edgeId: edge, payload: { method: 'getEdgeConfig', params: {}, id: randomUUID(), jsonrpc: '2.0' } }],
  setGridConnSchedule: [{ id: edge, schedule: [] }],
  grantAccess: [
    { login: user, on: { edgeId: edge }, role: 'guest' },
    { login: user, on: { resourceId: site }, role: 'guest' },
  ],
  revokeAccess: [
    { login: user, on: { edgeId: edge } },
    { login: user, on: { resourceId: site } },
  ],
  renameEdge: [{ edgeId: edge, comment: 'x' }],
  deleteEdge: [{ edgeId: edge }],
  rotateEdgeKey: [{ edgeId: edge }],
  createSuborganisation: [{ parentId: organisation, name: 'x', owner: user }],
  renameOrganisation: [{ organisationId: organisation, name: 'x' }],
  setOrganisationGates: [{ organisationId: suborganisation, canEditSites: true }],
  setTenantPolicies: [{ organisationId: organisation, strictRoles: true }],
  moveOrganisation: [{ organisationId: suborganisation, parentId: organisation }],
  deleteOrganisation: [{ organisationId: suborganisation }],
  listOrganisations: [{ parentId: organisation }],
  addOrganisationMember: [{ organisationId: organisation, login: user, role: 'viewer' }],
  setOrganisationRole: [{ organisationId: organisation, login: user, role: 'viewer' }],
  removeOrganisationMember: [{ organisationId: organisation, login: user }],
  listOrganisationMembers: [{ organisationId: organisation }],
  createSite: [{ organisationId: organisation, name: 'x' }],
  renameSite: [{ siteId: site, name: 'x' }],
  shareSite: [{ siteId: site, organisationId: suborganisation }],
  unshareSite: [{ siteId: site, organisationId: suborganisation }],
  listSites: [{ organisationId: organisation }],
  listSiteContent: [{ siteId: site }],
  deleteSite: [{ siteId: site }],
  moveEdge: [{ edgeId: edge, siteId: site }],
  createUserGroup: [{ name: 'x', organisationId: organisation }],
  renameUserGroup: [{ groupId: userGroup, name: 'x' }],
  deleteUserGroup: [{ groupId: userGroup }],
  addGroupMember: principals.map((member) => ({ groupId: userGroup, member })),
  removeGroupMember: principals.map((member) => ({ groupId: userGroup, member })),
  listGroupMembers: [{ groupId: userGroup }],
  createEdgeGroup: [{ name: 'x', organisationId: organisation }],
  renameEdgeGroup: [{ groupId: edgeGroup, name: 'x' }],
  deleteEdgeGroup: [{ groupId: edgeGroup }],
  addToEdgeGroup: contents(),
  removeFromEdgeGroup: contents(),
  listEdgeGroups: [{ parentId: edgeGroup }],
  listEdgeGroupContent: [{ groupId: edgeGroup }],
  grantRole: [
    ...principals.map((to) => ({ to, on: { edgeId: edge }, role: guest })),
    ...on.map((one) => ({ to: { userGroupId: userGroup }, on: one, role: guest })),
  ],
  revokeGrant: [{ grantId: grant }],
  listGrants: on.map((one) => ({ on: one })),
  exportMasterData: [{ organisationId: organisation }],
  createRole: [{ organisationId: organisation, name: 'x.y' }],
  updateRole: [{ roleId: role, name: 'x.z' }],
  deleteRole: [{ roleId: role }],
  listRoles: [{ organisationId: organisation }],
  impersonate: [{ login: user }],
  setImpersonationConsent: [{ groupId: userGroup, consents: true }],
  inviteMember: [{ to: { organisationId: organisation, role: 'viewer' } }, { to: { groupId: userGroup } }],
  acceptInvitation: [{ groupId: userGroup }, { invitationId: invitation }],
  rejectInvitation: [{ groupId: userGroup }, { invitationId: invitation }],
  withdrawInvitation: [{ invitationId: invitation }],
  listInvitations: [{ organisationId: organisation }, { groupId: userGroup }, { edgeId: edge }, { siteId: site }],
  inviteAccount: [{ login: user }],
  inviteImported: [{ importId }],
  createGroupMember: [{ groupId: userGroup, login: 'a-free-login' }],
  setGroupMemberPassword: [{ groupId: userGroup, login: user, password: 'another password' }],
  explainAccess: explained,
  accessHistory: explained,
  setClaim: [{ login: user, key: 'reports', value: 'READ' }],
  listClaims: [{ login: user }],
  setRestriction: [{ login: user, edgeId: edge, periods: [{ to: range.to }] }],
  listRestrictions: [{ edgeId: edge }, { login: user }, { edgeId: edge, login: user }],
  authorizeData: [{ userId: user, edgeId: edge, channels: ['a/B'], ...range }],
  getUserEdges: [{ userId: user }],
  getEdgeUsers: [{ edgeId: edge }],
  getSummary: [
    { of: { edgeId: edge } },
    { of: { siteId: site } },
    { of: { organisationId: organisation } },
    { of: { edgeGroupId: edgeGroup } },
  ],
  handOver: [
    { edgeId: edge, to: { login: user } },
    { siteId: site, to: { organisationId: organisation } },
    { edgeId: edge, to: { invitee: user } },
    { edgeId: edge, to: { voucher: {} }, from: [user] },
  ],
  getEdgeConfigHistory: [{ edgeId: edge }],
  importMasterData: [{ content: 'email\nx@example.com', organisationId: organisation, dryRun: true }],
  cancelImport: [{ importId }],
  getImportReport: [{ importId }],
  listImports: [{ organisationId: organisation }],
  submitSetupProtocol: [protocolOf(edge), { ...protocolOf(edge), userId: user }],
  createSerialNumberExtensionProtocol: [{ edgeId: edge, serialNumbers: [], userId: user }],
  getSetupProtocol: [{ setupProtocolId: protocol, userId: user }],
  getSetupProtocolData: [{ edgeId: edge, userId: user }],
  getLatestSetupProtocolCoreInfo: [{ edgeId: edge, userId: user }],
  getProtocolsCoreInfo: [{ edgeId: edge, userId: user }],
  getUserRoles: [{ pairs: [[user, edge]] }],
  reportEdgeStates: [{ reports: [{ edgeId: edge, online: true }] }],
}

/** Names in parameters of what is there already; what is named anew is none of them. */
const naming =
  /^(edgeIds?|edges|ids|siteId|organisationId|groupId|userGroupId|edgeGroupId|parentId|grantId|roleId|invitationId|importId|setupProtocolId|resourceId|userId|userLogin|service|invitee)$/

function person(): object {
  const address = { street: '', zip: '', city: '', country: '' }
  return { firstname: 'A', lastname: 'B', email: '', phone: '', address }
}

function contents(): object[] {
  const one = [{ edgeId: edge }, { siteId: site }, { edgeGroupId: edgeGroup }]
  return one.map((content) => ({ groupId: edgeGroup, content }))
}

/** Where names of things stand in parameters. */
function placesIn(value: unknown, path: readonly string[] = []): { path: readonly string[]; kind: ThingKind }[] {
  if (value instanceof Named) return [{ path, kind: value.kind }]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => placesIn(inner, [...path, key]))
}

/** Parameters with names in them: the caller's own, but what is given at one place. */
function filled(
  value: unknown,
  own: Things,
  at: readonly string[],
  name: unknown,
  path: readonly string[] = [],
): unknown {
  if (value instanceof Named) return path.join('.') === at.join('.') ? name : own[value.kind]
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(
    ([key, inner]) => [key, filled(inner, own, at, name, [...path, key])] as const,
  )
  return Array.isArray(value) ? entries.map(([, inner]) => inner) : Object.fromEntries(entries)
}

/** Members of the parameters that name something, at any depth. */
function namingMembers({ params }: Method): Set<string> {
  const found = new Set<string>()
  const walk = (schema: unknown): void => {
    if (typeof schema !== 'object' || schema === null) return
    const { properties = {}, ...rest } = schema as { properties?: object }
    for (const [key, inner] of Object.entries(properties)) {
      if (naming.test(key)) found.add(key)
      walk(inner)
    }
    for (const inner of Object.values(rest)) walk(inner)
  }
  walk(z.toJSONSchema(params, { io: 'input', unrepresentable: 'any' }))
  return found
}

/** Whether a method is for those who look after the whole platform, to whom nothing is invisible. */
function isOfPlatform({ access }: Method): boolean {
  if (typeof access === 'string' || !('permission' in access)) return false
  const resource: (params: never) => number = access.resource
  return resource({} as never) === PLATFORM_RESOURCE_ID
}

describe.each(['postgres', 'embedded'] as const)('on %s', (engine) => {
  let running: TestService
  let own: Things
  let hidden: Things
  let boss: UiClient
  let program: ServiceClient
  let reader: UiClient
  beforeAll(async () => {
    running = await startTestService({ engine, config: { registration: 'open' } })
    const other = await companyWithAll(running)
    hidden = other.things
    await other.boss[Symbol.asyncDispose]()
    const mine = await companyWithAll(running)
    // Whom he may know of for certain is himself.
    own = { ...mine.things, user: mine.login }
    boss = mine.boss
    await using operator = await ServiceClient.local(running)
    const scopes = ['read', 'authenticate', 'write', 'manage']
    const { token } = await operator.request('createServiceToken', { name: 'program', scopes })
    const its = { to: { service: 'program' }, on: { organisationId: own.organisation } }
    await operator.request('grantRole', { ...its, role: 'org.owner' })
    program = await ServiceClient.open(running, String(token))
    const reading = await addUser(running.ctx)
    await give(running.ctx, reading, 'guest', 'platform')
    reader = await UiClient.signedIn(running, reading.login)
  }, 60_000)
  afterAll(async () => {
    await boss?.[Symbol.asyncDispose]()
    await program?.[Symbol.asyncDispose]()
    await reader?.[Symbol.asyncDispose]()
    await running?.[Symbol.asyncDispose]()
  })

  it('G-14 what is unknown and what is invisible get the same answer from every method, wherever it is named', async () => {
    const different: unknown[] = []
    let compared = 0
    for (const [name, rows] of Object.entries(table)) {
      const method = (allMethods as readonly Method[]).find((one) => one.name === name) ?? expect.unreachable(name)
      const askers = [
        { client: 'ui', asker: boss, kinds: undefined },
        { client: 'service', asker: program, kinds: undefined },
        // Who sees every thing does not know of everybody for that.
        { client: 'ui', asker: reader, kinds: ['user', 'userGroup', 'service', 'grant', 'invitation', 'import'] },
      ] as const
      for (const { client, asker, kinds } of askers) {
        if (!method.clients.includes(client)) continue
        for (const params of rows) {
          for (const { path, kind } of placesIn(params)) {
            if (kinds?.every((one) => one !== kind)) continue
            const told = (thing: Things) => outcome(asker, name, filled(params, own, path, thing[kind]), thing[kind])
            const [unseen, unknown] = [await told(hidden), await told(unknownThings)]
            expect(unseen, name).not.toContain('Invalid params')
            compared += 1
            if (unseen !== unknown) different.push({ client, name, path: path.join('.'), unseen, unknown })
          }
        }
      }
    }
    expect(different).toEqual([])
    expect(compared).toBeGreaterThan(400)
  }, 60_000)

  it('O-09 administrators, to whom nothing is invisible, are told what there is none of', async () => {
    await using admin = await UiClient.signedIn(running)
    const untold: unknown[] = []
    for (const [name, rows] of Object.entries(table)) {
      const method = (allMethods as readonly Method[]).find((one) => one.name === name)
      if (!method?.clients.includes('ui') || ofOneself.test(name)) continue
      for (const params of rows) {
        for (const { path, kind } of placesIn(params)) {
          if (kind === 'user') continue
          const { error } = await admin.call(
            name,
            filled(params, { ...hidden, user: 'admin' }, path, unknownThings[kind]) as object,
          )
          if (error && /resource \[(?!no-such-edge)/.test(error.message))
            untold.push({ name, path: path.join('.'), ...error })
        }
      }
    }
    expect(untold).toEqual([])
  }, 60_000)
})

/** What one does with invitations and memberships of one's own, which administrators have no more of than others. */
const ofOneself = /^(accept|reject)Invitation$|^setImpersonationConsent$/

/** What is answered, without the name that was asked about. */
async function outcome(client: WireClient, method: string, params: unknown, name: string | number): Promise<string> {
  const { result, error } = await client.call(method, params as object)
  const text = JSON.stringify(error ?? result).replaceAll(
    /"(importId|id|at|expiresAt|token|invitationId)":("[^"]*"|\d+)/g,
    '"$1":0',
  )
  return typeof name === 'string'
    ? text.replaceAll(name, 'it')
    : text.replaceAll(new RegExp(`\\b${name}\\b`, 'g'), 'it')
}

describe('the table', () => {
  it('G-14 has every method that takes the name of a thing', () => {
    const missing = (allMethods as readonly Method[]).flatMap((method) => {
      if (isOfPlatform(method)) return []
      const covered = new Set(
        (table[method.name] ?? []).flatMap((params) => placesIn(params).flatMap(({ path }) => path)),
      )
      return [...namingMembers(method)].filter((key) => !covered.has(key)).map((key) => `${method.name} ${key}`)
    })
    expect(missing).toEqual([])
  })
})
