import type { NearMiss } from './explain-near.ts'

/** The change that a near miss asks for, in words. */
export function fixText(code: NearMiss['code'], name: string, detail: string | undefined): string {
  const texts: { [C in NearMiss['code']]: string } = {
    accountDisabled: `Enable the account ${name}`,
    claimNone: `Set the claim ${detail ?? ''} of ${name} to something other than NONE`,
    membershipInvited: `Have the invitation to ${name} accepted`,
    membershipRejected: `Invite to ${name} again`,
    membershipNotYet: `Let the membership of ${name} begin earlier`,
    membershipEnded: `Renew the membership of ${name}`,
    grantNotYet: `Let the grant of ${detail ?? 'the role'} on ${name} begin earlier`,
    grantEnded: `Renew the grant of ${detail ?? 'the role'} on ${name}`,
    roleLacks: `Grant a stronger role than ${detail ?? 'this'} on ${name}`,
    entityGate: `Permit ${name} to edit sites`,
    dataWindows: `Widen the data windows of the grant on ${name}`,
    restriction: `Widen the restriction on ${name}`,
    noPublicAccess: `Permit public access in the organisation of ${name}`,
    organisationCap: `Use the main organisation of ${name}`,
    notMember: `Make a member of ${name}`,
    notContained: `Put it into ${name}`,
    noGrant: `Grant a role on ${name}`,
  }
  return texts[code]
}
