import { type CutCap, cutCaps, type NearMiss, nearMisses } from './explain-near.ts'
import { type Obstacle, type Path, pathsBetween } from './explain-paths.ts'
import { type ExplainedNode, hidden, Redaction } from './explain-redact.ts'
import { fixText } from './explain-texts.ts'
import { decisionRank } from './graph-evaluate.ts'
import type { GraphState } from './graph-state.ts'
import {
  type OpenemsRole,
  openemsRoles,
  type Permission,
  PUBLIC_PRINCIPAL_ID,
  permissionBits,
  type Window,
} from './model.ts'

/** Who asks what about whom. `askerId` null: the service itself. */
export interface ExplainQuestion {
  askerId: number | null
  principalId: number
  resourceId: number
  /** Default: *discover*. */
  permission?: Permission
}

export interface ExplainedPath {
  principals: ExplainedNode[]
  resources: ExplainedNode[]
  role: string
  grantedBy: ExplainedNode | null
  source: string
  validFrom: number | null
  validTo: number | null
  dataWindows: Window[] | null
  /** Why it does not count; empty: it does. */
  obstacles: Obstacle[]
}

export interface Explanation {
  allowed: boolean
  /** `notFound`: not there, or nothing the asker may know of; the two are never told apart for him (O-09, G-14). */
  code: 'allowed' | 'denied' | 'notFound' | 'unknownPrincipal' | 'unknownResource'
  role: OpenemsRole | null
  sentence: string
  paths: ExplainedPath[]
  /** What is cut from the principal whatever grants say. */
  caps: CutCap[]
  /** Single changes each of which would allow it, the smallest first. */
  nearMisses: { code: NearMiss['code']; node: ExplainedNode; detail: string | null }[]
  /** The smallest change that the asker may make himself. */
  fix: string | null
}

const notFound: Explanation = {
  allowed: false,
  code: 'notFound',
  role: null,
  sentence: 'It does not exist, or it may not be seen',
  paths: [],
  caps: [],
  nearMisses: [],
  fix: null,
}

/**
 * Why somebody may do something with a resource, or why not, as far as the asker may know (domain rules 2.9). Never from
 * what is kept of earlier answers, so that it can explain those (C-11).
 */
export function explainAccess(graph: GraphState, question: ExplainQuestion, at: number): Explanation {
  const { askerId, principalId, resourceId, permission = 'discover' } = question
  const redaction = new Redaction(graph, askerId, at)
  const isOwn = askerId === principalId
  const administers = redaction.managesUsers || redaction.may('share', resourceId)
  if (!administers && !(isOwn && redaction.may('discover', resourceId))) return notFound
  if (!isKnownPrincipal(graph, principalId))
    return { ...notFound, code: 'unknownPrincipal', sentence: 'There is no such account' }
  if (!graph.resources.kinds.exists(resourceId)) {
    return { ...notFound, code: 'unknownResource', sentence: 'There is no such edge, site, group or organisation' }
  }
  const bit = permissionBits[permission]
  const decision = graph.evaluator.decide(graph.views.fresh(principalId, at), resourceId)
  const allowed = (decision & bit) !== 0
  const all = pathsBetween(graph, principalId, resourceId, bit, at)
  const paths = administers ? all : all.filter(({ hindrances }) => hindrances.length === 0)
  const misses = allowed || !administers ? [] : nearMisses(graph, principalId, resourceId, bit, all, at)
  const fix = misses.find((miss) => mayFix(redaction, miss, resourceId))
  const role = openemsRoles[decisionRank(decision)] ?? null
  return {
    allowed,
    code: allowed ? 'allowed' : 'denied',
    role,
    sentence: sentenceOf(redaction, question, permission, allowed, paths),
    paths: paths.map((path) => explained(redaction, path, principalId)),
    caps: administers ? cutCaps(graph, principalId, bit) : [],
    nearMisses: misses.map((miss) => ({
      code: miss.code,
      node: nodeOf(redaction, miss, principalId),
      detail: miss.detail ?? null,
    })),
    fix: fix ? fixText(fix.code, nodeOf(redaction, fix, principalId).name, fix.detail) : null,
  }
}

function explained(redaction: Redaction, path: Path, about: number): ExplainedPath {
  const { grant, role } = path
  return {
    principals: redaction.principals(path.principals, about),
    resources: redaction.resources(path.resources),
    role: role.name,
    grantedBy: grant.grantedBy === null ? null : redaction.principal(grant.grantedBy, about),
    source: grant.source,
    validFrom: grant.validFrom,
    validTo: grant.validTo,
    dataWindows: grant.dataWindows,
    obstacles: path.hindrances.map(({ obstacle }) => obstacle),
  }
}

function sentenceOf(
  redaction: Redaction,
  { principalId, resourceId }: ExplainQuestion,
  permission: Permission,
  allowed: boolean,
  paths: readonly Path[],
): string {
  const who = redaction.principal(principalId, principalId).name
  const what = redaction.resource(resourceId).name
  const [path] = paths
  if (!allowed || path === undefined) return `${who} may not use ${permission} on ${what}`
  const holder = redaction.principals(path.principals, principalId).at(-1) ?? hidden
  const target = redaction.resources(path.resources)[0] ?? hidden
  const through = holder.id === principalId ? '' : ` through ${holder.name}`
  return `${who} may use ${permission} on ${what}: has ${path.role.name} on ${target.name}${through}`
}

function nodeOf(redaction: Redaction, { kind, id }: NearMiss, about: number): ExplainedNode {
  return kind === 'principal' ? redaction.principal(id, about) : redaction.resource(id)
}

/** Whether the asker may make the change that a near miss asks for. */
function mayFix(redaction: Redaction, { code, kind, id }: NearMiss, resourceId: number): boolean {
  if (code === 'accountDisabled' || code === 'claimNone' || code === 'restriction') return redaction.managesUsers
  if (code === 'notContained') return redaction.may('share', resourceId) && redaction.may('discover', id)
  if (code === 'entityGate' || code === 'noPublicAccess') return redaction.may('edit', id)
  return kind === 'principal' ? redaction.controlsGroup(id) : redaction.may('share', id)
}

function isKnownPrincipal({ rows }: GraphState, id: number): boolean {
  return id === PUBLIC_PRINCIPAL_ID || rows.user.has(id) || rows.userGroup.has(id) || rows.service.has(id)
}
