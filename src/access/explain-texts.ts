import type { NearMissCode } from './explain-near.ts'

interface Words {
  /** Name of the account, group or resource to change. */
  name: string
  /** The claim's key, the role's name. */
  detail: string
  /** Who or what goes into it. */
  member: string
}

const texts: { readonly [C in NearMissCode]: (words: Words) => { reason: string; fix: string } } = {
  accountDisabled: ({ name }) => ({ reason: `the account ${name} is disabled`, fix: `Enable the account ${name}` }),
  membershipInvited: ({ name, member }) => ({
    reason: `the invitation of ${member} to ${name} is not accepted`,
    fix: `Accept the invitation to ${name}`,
  }),
  membershipRejected: ({ name, member }) => ({
    reason: `${member} has rejected the invitation to ${name}`,
    fix: `Accept the invitation to ${name} after all`,
  }),
  membershipNotYet: ({ name, member }) => ({
    reason: `the membership of ${member} in ${name} has not begun`,
    fix: `Let the membership of ${member} in ${name} begin earlier`,
  }),
  membershipEnded: ({ name, member }) => ({
    reason: `the membership of ${member} in ${name} has ended`,
    fix: `Renew the membership of ${member} in ${name}`,
  }),
  grantNotYet: ({ name, detail }) => ({
    reason: `the grant of ${detail} on ${name} has not begun`,
    fix: `Let the grant of ${detail} on ${name} begin earlier`,
  }),
  grantEnded: ({ name, detail }) => ({
    reason: `the grant of ${detail} on ${name} has ended`,
    fix: `Renew the grant of ${detail} on ${name}`,
  }),
  dataWindows: ({ name, detail }) => ({
    reason: `the grant of ${detail} on ${name} shows other times only`,
    fix: `Widen the data windows of the grant of ${detail} on ${name}`,
  }),
  restriction: ({ name }) => ({
    reason: `a restriction on ${name} cuts it off`,
    fix: `Widen or lift the restriction on ${name}`,
  }),
  claimNone: ({ name, detail }) => ({
    reason: `the claim ${detail} of ${name} is NONE`,
    fix: `Set the claim ${detail} of ${name} to something other than NONE`,
  }),
  entityGate: ({ name }) => ({ reason: `${name} may not edit sites`, fix: `Permit ${name} to edit sites` }),
  suborganisationGate: ({ name }) => ({
    reason: `${name} may not create organisations`,
    fix: `Permit ${name} to create organisations`,
  }),
  noPublicAccess: ({ name }) => ({
    reason: `${name} does not permit public access`,
    fix: `Permit public access in ${name}`,
  }),
  notMember: ({ name, member }) => ({
    reason: `${member} is not a member of ${name}, which has it`,
    fix: `Make ${member} a member of ${name}`,
  }),
  notContained: ({ name, member }) => ({
    reason: `${member} is not in ${name}, on which there is a grant`,
    fix: `Put ${member} into ${name}`,
  }),
  roleLacks: ({ name, detail }) => ({
    reason: `the role ${detail} on ${name} does not include it`,
    fix: `Grant a stronger role than ${detail} on ${name}`,
  }),
  noGrant: ({ name }) => ({ reason: `nothing that includes it is granted on ${name}`, fix: `Grant a role on ${name}` }),
}

/** Why something is refused, as the end of a sentence, and the change that would do. */
export function wordsFor(code: NearMissCode, words: Words): { reason: string; fix: string } {
  return texts[code](words)
}
