import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { allMethods } from '../../src/api/index.ts'
import { describeAccess, describeApi } from '../../src/rpc/describe.ts'
import type { Method } from '../../src/rpc/method.ts'
import { PROTOCOL_VERSION } from '../../src/rpc/protocol-version.ts'
import { scopeOf } from '../../src/rpc/scope.ts'

const methods: readonly Method[] = allMethods

describe('the surface of the service', () => {
  it('E-18 is this: method, who may call it, what it demands', () => {
    const lines = allMethods.map((method) => `${method.name} · ${method.clients.join(' ')} · ${describeAccess(method)}`)
    expect(`\n${lines.join('\n')}\n`).toMatchInlineSnapshot(`
      "
      authenticateWithPassword · ui · public
      authenticateWithToken · ui · public
      logout · ui · public
      registerUser · ui · public
      getUserInformation · ui service backend · signedIn, himself
      setUserInformation · ui service backend · signedIn, himself
      updateUserLanguage · ui service backend · signedIn, himself
      updateUserSettings · ui service backend · signedIn, himself
      changeOwnPassword · ui · signedIn, himself
      getUserAlertingConfigs · ui · role guest on the edge
      setUserAlertingConfigs · ui · role guest on the edge
      getUserAlertingSettings · service backend · permission manageUser
      setUserAlertingSettings · service backend · permission impersonate
      getEdgeOfflineAlertingSettings · service backend · permission manageUser
      getSumStateAlertingSettings · service backend · permission manageUser
      reportAlertsSent · service backend · permission manageUser
      getEdge · ui service backend · signedIn
      getEdges · ui service backend · signedIn
      addEdgeToUser · ui service backend · signedIn
      getEmsType · ui service backend · role guest on the edge
      getEdgesStatus · ui service backend rest · role guest on the edge
      getEdgesChannelsValues · ui service backend rest · role guest on the edge
      subscribeEdges · ui · role guest on the edge
      edgeRpc · ui service backend rest · role guest on the edge
      setGridConnSchedule · ui service backend rest · role admin on the edge
      subscribeEdgesChannels · backend · role guest on the edge
      checkSetupPassword · edge · edge
      appCenter · edge · edge
      oauthRegistry · edge · edge
      listEdgesWithoutKeyCopy · ui service · permission install
      createUser · ui service · permission manageUser
      setPassword · ui service · permission manageUser
      setUserDisabled · ui service · permission manageUser
      deleteUser · ui service · permission manageUser
      createInvitation · ui service · permission manageUser
      grantAccess · ui service · signedIn
      revokeAccess · ui service · signedIn
      createEdge · ui service · permission install
      renameEdge · ui service · signedIn
      deleteEdge · ui service · signedIn
      rotateEdgeKey · ui service · signedIn
      createServiceToken · ui service · permission manageUser
      rotateServiceToken · ui service · permission manageUser
      listServiceTokens · ui service · permission manageUser
      endServiceToken · ui service · permission manageUser
      listServices · ui service · permission manageUser
      setServiceDisabled · ui service · permission manageUser
      renameService · ui service · permission manageUser
      deleteService · ui service · permission manageUser
      createOrganisation · ui service · permission createSub
      createSuborganisation · ui service · signedIn
      renameOrganisation · ui service · permission discover
      moveOrganisation · ui service · permission discover
      setOrganisationGates · ui service · permission discover
      setTenantPolicies · ui service · permission manageGroup
      deleteOrganisation · ui service · permission discover
      listOrganisations · ui service · signedIn
      addOrganisationMember · ui service · permission manageMembers
      setOrganisationRole · ui service · permission manageMembers
      removeOrganisationMember · ui service · permission discover
      listOrganisationMembers · ui service · permission manageMembers
      createSite · ui service · permission discover
      renameSite · ui service · permission edit
      shareSite · ui service · permission share
      unshareSite · ui service · permission discover
      listSites · ui service · signedIn
      listSiteContent · ui service · permission discover
      deleteSite · ui service · permission delete
      moveEdge · ui service · signedIn
      createUserGroup · ui service · signedIn
      renameUserGroup · ui service · signedIn
      deleteUserGroup · ui service · signedIn
      addGroupMember · ui service · signedIn
      removeGroupMember · ui service · signedIn
      listUserGroups · ui service · signedIn
      listGroupMembers · ui service · signedIn
      createEdgeGroup · ui service · signedIn
      renameEdgeGroup · ui service · permission manageGroup
      deleteEdgeGroup · ui service · permission delete
      addToEdgeGroup · ui service · permission manageGroup
      removeFromEdgeGroup · ui service · permission discover
      listEdgeGroups · ui service · signedIn
      listEdgeGroupContent · ui service · permission discover
      grantRole · ui service · signedIn
      revokeGrant · ui service · signedIn
      listGrants · ui service · signedIn
      setShareable · ui · signedIn, himself
      exportMasterData · ui service · signedIn
      createRole · ui service · permission manageGroup
      updateRole · ui service · signedIn
      deleteRole · ui service · signedIn
      listRoles · ui service · signedIn
      listUsers · ui service · permission manageUser
      showUser · ui service · permission manageUser
      renameUser · ui service · permission manageUser
      impersonate · ui · signedIn, himself
      endImpersonation · ui · signedIn
      setImpersonationConsent · ui · signedIn, himself
      inviteMember · ui service · signedIn
      acceptInvitation · ui · signedIn, himself
      rejectInvitation · ui · signedIn, himself
      withdrawInvitation · ui service · signedIn
      listInvitations · ui service · signedIn
      inviteAccount · ui service · signedIn
      inviteImported · ui service · signedIn
      openAccount · ui · public
      createGroupMember · ui service · signedIn
      setGroupMemberPassword · ui service · signedIn
      explainAccess · ui service · signedIn
      accessHistory · ui service · signedIn
      explainChange · ui service · signedIn, himself
      setClaim · ui service · signedIn
      listClaims · ui service · signedIn
      setRestriction · ui service · signedIn
      listRestrictions · ui service · signedIn
      authorizeData · ui service · signedIn
      getUserEdges · ui service · signedIn
      getEdgeUsers · ui service · signedIn
      getSummary · ui service · signedIn
      handOver · ui service · signedIn
      verifyAudit · service · permission auditRead
      listChanges · ui service · permission auditRead
      getEdgeConfigHistory · ui service · role owner on the edge
      importMasterData · ui service · signedIn
      cancelImport · ui service · signedIn
      getImportReport · ui service · signedIn
      listImports · ui service · signedIn
      submitSetupProtocol · ui service backend · signedIn
      createSerialNumberExtensionProtocol · ui service backend · signedIn
      getSetupProtocol · ui service backend · signedIn
      getSetupProtocolData · ui service backend · signedIn
      getLatestSetupProtocolCoreInfo · ui service backend · signedIn
      getProtocolsCoreInfo · ui service backend · signedIn
      authenticateUserWithPassword · service backend · permission impersonate
      authenticateUserWithToken · service backend · permission impersonate
      logoutUser · service backend · permission impersonate
      registerUserFor · service backend · permission impersonate
      getUser · service backend · permission manageUser
      getUserByExternalId · service backend · permission manageUser
      getUserRole · service backend · permission manageUser
      getUserRoles · service backend · signedIn
      getEdgeIdForApikey · service backend · permission manageUser
      getEdgeBySetupPassword · service backend · permission manageUser
      getEdgeConfig · service backend · permission manageUser
      getSerialNumberForEdge · service backend · permission manageUser
      logGenericSystemLog · service backend · permission impersonate
      subscribeMetadata · service backend · signedIn
      unsubscribeMetadata · service backend · signedIn
      reportEdgeStates · service backend · signedIn
      "
    `)
  })

  it('opens to a service token with one scope only this; everything else takes `manage`', () => {
    const by = (scope: string) => methods.filter((method) => scopeOf(method) === scope).map(({ name }) => name)
    expect({ read: by('read'), authenticate: by('authenticate'), write: by('write') }).toMatchInlineSnapshot(`
      {
        "authenticate": [
          "getUserInformation",
          "setUserInformation",
          "updateUserLanguage",
          "updateUserSettings",
          "setUserAlertingSettings",
          "addEdgeToUser",
          "authorizeData",
          "getUserEdges",
          "submitSetupProtocol",
          "createSerialNumberExtensionProtocol",
          "getSetupProtocol",
          "getSetupProtocolData",
          "getLatestSetupProtocolCoreInfo",
          "getProtocolsCoreInfo",
          "authenticateUserWithPassword",
          "authenticateUserWithToken",
          "logoutUser",
          "registerUserFor",
          "logGenericSystemLog",
        ],
        "read": [
          "getUserAlertingSettings",
          "getEdgeOfflineAlertingSettings",
          "getSumStateAlertingSettings",
          "getEdge",
          "getEdges",
          "getEmsType",
          "getEdgesStatus",
          "getEdgesChannelsValues",
          "edgeRpc",
          "subscribeEdgesChannels",
          "listServiceTokens",
          "listServices",
          "listOrganisations",
          "listOrganisationMembers",
          "listSites",
          "listSiteContent",
          "listUserGroups",
          "listGroupMembers",
          "listEdgeGroups",
          "listEdgeGroupContent",
          "listGrants",
          "listRoles",
          "listUsers",
          "showUser",
          "listInvitations",
          "listClaims",
          "listRestrictions",
          "getEdgeUsers",
          "getSummary",
          "verifyAudit",
          "listChanges",
          "getEdgeConfigHistory",
          "getUser",
          "getUserByExternalId",
          "getUserRole",
          "getUserRoles",
          "getEdgeIdForApikey",
          "getEdgeBySetupPassword",
          "getEdgeConfig",
          "getSerialNumberForEdge",
          "subscribeMetadata",
          "unsubscribeMetadata",
        ],
        "write": [
          "reportAlertsSent",
          "setGridConnSchedule",
          "reportEdgeStates",
        ],
      }
    `)
    const closed = methods.filter((method) => scopeOf(method) === undefined)
    expect(closed.filter(({ clients }) => clients.includes('service') || clients.includes('backend'))).toEqual([])
  })

  it('changes its schemas only together with the version of the protocol', () => {
    const schemas = describeApi(allMethods).methods.map(({ name, params, result }) => ({ name, params, result }))
    const hash = createHash('sha256').update(JSON.stringify(schemas)).digest('base64url').slice(0, 16)
    expect(`${PROTOCOL_VERSION} ${hash}`).toMatchInlineSnapshot(`"1.0.0 YBxwztaYVJaAnAWR"`)
  })

  it('has each name once, and a sentence for each', () => {
    const names = allMethods.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    for (const { name, summary } of allMethods) {
      expect(name).toMatch(/^[a-z][A-Za-z]+$/)
      expect([name, summary]).toEqual([name, expect.stringMatching(/^[A-Z].*\.$/)])
      // Whoever reads it has neither the table of rules nor documents of ours at hand.
      expect(summary).not.toMatch(/\b[A-Z]{1,2}-\d\d|\([TKV]\d|\b[Pp]rotocol [A-F]\.\d|\.md\b/)
    }
  })

  it('lets strangers do nothing but sign in, register, open their account and log out', () => {
    expect(allMethods.filter(({ access }) => access === 'public').map(({ name }) => name)).toEqual([
      'authenticateWithPassword',
      'authenticateWithToken',
      'logout',
      'registerUser',
      'openAccount',
    ])
  })
})
