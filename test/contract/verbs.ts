/**
 * What can be done with each kind of thing, by which method and with which command; the table in the README is made from it.
 * A text in brackets says why there is no method.
 */
export const verbs = [
  {
    kind: 'account',
    create: 'createUser, registerUser, createGroupMember',
    rename: 'renameUser, setUserInformation',
    move: '(belongs to nobody)',
    share: 'setShareable',
    list: 'listUsers',
    remove: 'deleteUser, setUserDisabled',
    cli: 'create-user, rename user, list users, show, disable user, delete user',
  },
  {
    kind: 'user group',
    create: 'createUserGroup',
    rename: 'renameUserGroup',
    move: 'addGroupMember, removeGroupMember',
    share: 'grantRole, revokeGrant',
    list: 'listUserGroups, listGroupMembers',
    remove: 'deleteUserGroup',
    cli: 'create-group, rename user-group, add-member, remove-member, list user-groups, list members, delete user-group',
  },
  {
    kind: 'service',
    create: 'createServiceToken',
    rename: 'renameService',
    move: 'addGroupMember, removeGroupMember',
    share: 'grantRole, revokeGrant',
    list: 'listServices, listServiceTokens',
    remove: 'deleteService, setServiceDisabled, endServiceToken',
    cli: 'create-service-token, rename service, list services, list-service-tokens, disable service, delete service',
  },
  {
    kind: 'organisation',
    create: 'createOrganisation, createSuborganisation',
    rename: 'renameOrganisation, setOrganisationGates, setTenantPolicies',
    move: 'moveOrganisation',
    share: 'addOrganisationMember, setOrganisationRole, removeOrganisationMember',
    list: 'listOrganisations, listOrganisationMembers',
    remove: 'deleteOrganisation',
    cli: 'create-organisation, rename organisation, set-gates, set-policies, move-organisation, add-member, set-member-role, invite, list organisations, delete organisation',
  },
  {
    kind: 'site',
    create: 'createSite',
    rename: 'renameSite',
    move: 'handOver',
    share: 'shareSite, unshareSite, grantRole, revokeGrant',
    list: 'listSites, listSiteContent',
    remove: 'deleteSite',
    cli: 'create-site, rename site, hand-over, share, unshare, list sites, list content, delete site',
  },
  {
    kind: 'edge',
    create: 'createEdge',
    rename: 'renameEdge',
    move: 'moveEdge, handOver',
    share: 'grantRole, revokeGrant',
    list: 'getEdges',
    remove: 'deleteEdge',
    cli: 'create-edge, rename edge, move, hand-over, grant, revoke, list edges, delete edge',
  },
  {
    kind: 'edge group',
    create: 'createEdgeGroup',
    rename: 'renameEdgeGroup',
    move: 'addToEdgeGroup, removeFromEdgeGroup',
    share: 'grantRole, revokeGrant',
    list: 'listEdgeGroups, listEdgeGroupContent',
    remove: 'deleteEdgeGroup',
    cli: 'create-group, rename edge-group, add-to-group, remove-from-group, list edge-groups, list content, delete edge-group',
  },
  {
    kind: 'role',
    create: 'createRole',
    rename: 'updateRole',
    move: '(belongs to its main organisation)',
    share: 'grantRole, revokeGrant',
    list: 'listRoles',
    remove: 'deleteRole',
    cli: 'create-role, rename role, list roles, delete role',
  },
  {
    kind: 'grant',
    create: 'grantRole, grantAccess',
    rename: '(withdrawn and made anew)',
    move: '(withdrawn and made anew)',
    share: '(is the sharing)',
    list: 'listGrants, getEdgeUsers',
    remove: 'revokeGrant, revokeAccess',
    cli: 'grant, list grants, revoke, delete grant',
  },
  {
    kind: 'invitation',
    create: 'inviteMember, createInvitation, handOver',
    rename: '(withdrawn and made anew)',
    move: '(withdrawn and made anew)',
    share: 'acceptInvitation, rejectInvitation',
    list: 'listInvitations',
    remove: 'withdrawInvitation',
    cli: 'invite, add-member, hand-over, accept, reject, list invitations, delete invitation',
  },
  {
    kind: 'claim',
    create: 'setClaim',
    rename: 'setClaim',
    move: '(belongs to its account)',
    share: '(belongs to its account)',
    list: 'listClaims',
    remove: '(set to NONE)',
    cli: 'set-claim, list claims',
  },
  {
    kind: 'restriction',
    create: 'setRestriction',
    rename: 'setRestriction',
    move: '(belongs to its account and edge)',
    share: '(belongs to its account and edge)',
    list: 'listRestrictions',
    remove: 'setRestriction',
    cli: 'restrict, list restrictions',
  },
] as const

/** The table as it stands in the README. */
export function describeVerbs(): string {
  const code = (cell: string) =>
    cell.startsWith('(') ? cell.slice(1, -1) : cell.replaceAll(/[^,]+/g, ' `$&`').replaceAll('` ', '`').trim()
  const rows = verbs.map(({ kind, create, rename, move, share, list, remove, cli }) =>
    [kind, ...[create, rename, move, share, list, remove, cli].map(code)].join(' | '),
  )
  const head = 'kind | create | rename, change | move | share | list | delete | on the command line'
  return [`| ${head} |`, '|---|---|---|---|---|---|---|---|', ...rows.map((row) => `| ${row} |`)].join('\n')
}
