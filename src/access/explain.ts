import { mayClaim, mayMend } from './explain-mend.ts'
import { type NearMiss, type NearMissCode, type Neighbours, nearMisses } from './explain-near.ts'
import { decided, type Path, type Removal } from './explain-paths.ts'
import { type ExplainedNode, hidden, Redaction } from './explain-redact.ts'
import type { KindOfRow } from './explain-rows.ts'
import { Slice } from './explain-slice.ts'
import { wordsFor } from './explain-texts.ts'
import { permissionsIn } from './graph-data.ts'
import { type OpenemsRole, type Permission, permissionBits, type Window } from './model.ts'
import { type Look, managesUsers } from './people-door.ts'

/** What is asked about, and all that is known of it. */
export interface ExplainQuestion {
  principalId: number
  resourceId: number
  permission: Permission
  /** The moment it is about; that of the asker's own rights is in his `Look`. */
  at: number
  rows: readonly KindOfRow[]
  neighbours: Neighbours
  /** The groups that the asker belongs to. */
  own: ReadonlySet<number>
}

export interface ExplainedRemoval {
  /** `account`: a limit of the account that the asker may not know more about. */
  code: Removal['code'] | 'account'
  detail: string | null
  permissions: Permission[]
}

export interface ExplainedPath {
  principals: ExplainedNode[]
  resources: ExplainedNode[]
  role: string
  /** Login of the sharer, where the asker may know it. */
  grantedBy: string | null
  source: string
  validFrom: number | null
  validTo: number | null
  dataWindows: Window[] | null
  components: string[] | null
  permissions: Permission[]
  removed: ExplainedRemoval[]
}

export interface ExplainedMiss {
  code: NearMissCode
  node: ExplainedNode
  detail: string | null
  reason: string
}

export interface Explanation {
  allowed: boolean
  /** `notFound`: not there, or nothing the asker may know of: the two are never told apart for him (O-09, G-14). */
  code: 'allowed' | 'denied' | 'notFound' | 'unknownPrincipal' | 'unknownResource' | 'notLoaded'
  role: OpenemsRole | null
  permissions: Permission[]
  sentence: string
  paths: ExplainedPath[]
  morePaths: number
  /** What was taken from the sum of all paths. */
  caps: ExplainedRemoval[]
  /** Single changes each of which would allow it, the smallest first. */
  nearMisses: ExplainedMiss[]
  moreNearMisses: number
  /** The smallest of them that the asker may make himself; none for a moment that has passed. */
  fix: { code: NearMissCode; sentence: string } | null
}

const maxPaths = 20
const maxNearMisses = 10

/** The answer without anything in it: what is not there and what may not be seen give the same. */
export function unexplained(code: 'notFound' | 'unknownPrincipal' | 'unknownResource' | 'notLoaded'): Explanation {
  const sentences = {
    notFound: 'It does not exist, or you may not see it',
    unknownPrincipal: 'There is no such account, group or service',
    unknownResource: 'There is no such edge, site, group or organisation',
    notLoaded: 'It is in the database, but this node has not loaded it yet',
  }
  const nothing = { paths: [], morePaths: 0, caps: [], nearMisses: [], moreNearMisses: 0, fix: null }
  return { allowed: false, code, role: null, permissions: [], sentence: sentences[code], ...nothing }
}

/** Whether the asker may have the access of others to a resource explained: he grants there, or looks after all accounts. */
export function explainsOthers(look: Look, resourceId: number): boolean {
  return managesUsers(look) || (look.askerId !== null && look.index.allows(look.askerId, 'share', resourceId, look.at))
}

/**
 * Why somebody may do something with a resource, or why not, as far as the asker may know (domain rules 2.9). Worked out anew
 * from the rows, never from what is kept of earlier answers, so that it can explain those (C-11).
 */
export function explain(look: Look, question: ExplainQuestion): Explanation {
  const { principalId, resourceId, permission, at, rows, neighbours } = question
  const administers = explainsOthers(look, resourceId)
  const isOwn = look.askerId === principalId && look.index.allows(principalId, 'discover', resourceId, look.at)
  if (!administers && !isOwn) return unexplained('notFound')
  const bit = permissionBits[permission]
  const slice = new Slice(rows)
  const redaction = new Redaction(look, slice, principalId, question.own)
  const found = decided(slice, principalId, resourceId, bit, at, maxPaths)
  const allowed = (found.mask & bit) !== 0
  const all = allowed ? [] : nearMisses(slice, principalId, resourceId, bit, at, neighbours)
  const told = toldMisses(redaction, all, principalId)
  // What has passed cannot be mended.
  const fix = at < look.at ? undefined : told.find(({ miss }) => mayMend(redaction, slice, miss, question))
  const paths = different(found.paths.map((path) => explainedPath(redaction, slice, path, principalId)))
  return {
    allowed,
    code: allowed ? 'allowed' : 'denied',
    role: found.role ?? null,
    permissions: permissionsIn(found.mask),
    sentence: sentenceOf(redaction, question, allowed, paths, told[0]?.explained),
    paths,
    // Nobody learns by their number of groups that he cannot see (GD-04).
    morePaths: found.beyond.filter((grant) => redaction.principal(grant.principalId) !== hidden).length,
    caps: isOwn ? found.caps.map(removalOf) : found.caps.map((cap) => capFor(redaction, cap, principalId)),
    nearMisses: told.slice(0, maxNearMisses).map(({ explained }) => explained),
    moreNearMisses: Math.max(0, told.length - maxNearMisses),
    fix: fix ? { code: fix.miss.code, sentence: fix.fix } : null,
  }
}

function explainedPath(redaction: Redaction, slice: Slice, path: Path, about: number): ExplainedPath {
  const { grant, role } = path
  const isOwn = redaction.look.askerId === about
  const isSeen = isOwn || redaction.resource(slice.outside(grant.resourceId)) !== hidden
  const sharer = grant.grantedBy === null || !isSeen ? undefined : redaction.look.index.user(grant.grantedBy)
  return {
    principals: redaction.principals(path.principals),
    resources: redaction.resources(path.resources),
    role: role.name,
    grantedBy: sharer?.login ?? null,
    source: grant.source,
    validFrom: grant.validFrom,
    validTo: grant.validTo,
    dataWindows: grant.dataWindows,
    components: grant.components,
    permissions: permissionsIn(path.mask),
    removed: path.removed.map(removalOf),
  }
}

/** Ways that differ only in what the asker cannot see are one. */
function different(paths: readonly ExplainedPath[]): ExplainedPath[] {
  return [...new Map(paths.map((path) => [JSON.stringify(path), path])).values()]
}

function removalOf({ code, detail, mask }: Removal): ExplainedRemoval {
  return { code, detail: detail ?? null, permissions: permissionsIn(mask) }
}

/** An account's limits are for itself and for those who decide about them; others learn that there is one (G-32). */
function capFor(redaction: Redaction, cap: Removal, principalId: number): ExplainedRemoval {
  if (isTold(redaction, cap.code, principalId)) return removalOf(cap)
  return { code: 'account', detail: null, permissions: permissionsIn(cap.mask) }
}

function isTold(redaction: Redaction, code: NearMissCode | Removal['code'], principalId: number): boolean {
  if (code === 'accountDisabled') return managesUsers(redaction.look)
  return code !== 'claimNone' || mayClaim(redaction, principalId)
}

/** The near misses that the asker may be told of, in words: nothing that has to do with what he cannot see. */
function toldMisses(redaction: Redaction, misses: readonly NearMiss[], principalId: number) {
  return misses.flatMap((miss) => {
    if (!isTold(redaction, miss.code, principalId)) return []
    const { code, kind, id, detail, memberId } = miss
    const node = kind === 'principal' ? redaction.principal(id) : redaction.resource(id)
    const member = memberId === undefined ? undefined : memberOf(redaction, kind, memberId)
    if (node === hidden || member === hidden) return []
    const { reason, fix } = wordsFor(code, { name: node.name, detail: detail ?? '', member: member?.name ?? '' })
    const explained: ExplainedMiss = { code, node, detail: detail ?? null, reason }
    return [{ miss, explained, fix }]
  })
}

function memberOf(redaction: Redaction, kind: NearMiss['kind'], id: number): ExplainedNode {
  return kind === 'principal' ? redaction.principal(id) : redaction.resource(id)
}

function sentenceOf(
  redaction: Redaction,
  { principalId, resourceId, permission }: ExplainQuestion,
  allowed: boolean,
  [path]: readonly ExplainedPath[],
  miss: ExplainedMiss | undefined,
): string {
  const who = redaction.principal(principalId).name
  const what = redaction.resource(resourceId).name
  const doIt = permission === 'discover' ? `see ${what}` : `use ${permission} on ${what}`
  if (!allowed || path === undefined) {
    return `${who} may not ${doIt}${miss ? `: ${miss.reason}` : ''}`
  }
  const holder = path.principals.at(-1) ?? hidden
  const through = path.principals.length === 1 ? '' : ` through ${holder.name}`
  return `${who} may ${doIt}: has ${path.role} on ${(path.resources[0] ?? hidden).name}${through}`
}
