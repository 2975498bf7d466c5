import { unionComponents } from './components.ts'
import { decisionMask, decisionRank, isHistoricOnly } from './graph-evaluate.ts'
import { windowsOf } from './graph-sight.ts'
import type { GraphState } from './graph-state.ts'
import { type OpenemsRole, openemsRoles, permissionBits, type Window } from './model.ts'

/** What somebody may do with a resource, and when. */
export interface Access {
  mask: number
  /** For edges: what the wire says. Undefined: no role, 1005. */
  role: OpenemsRole | undefined
  /** Timestamps of stored values that may be read: null all, [] none (T3). */
  windows: Window[] | null
  /** Now lies outside all windows: the past may be looked at, nothing live. */
  historicOnly: boolean
  /** Component ids that may be seen, as patterns: null all, [] none. */
  components: string[] | null
}

const dataMask = permissionBits.live | permissionBits.history | permissionBits.control

/** Everything about the access of a principal to a resource. */
export function accessOf(graph: GraphState, principalId: number, resourceId: number, at: number): Access {
  const { evaluator, views } = graph
  const view = views.get(principalId, at)
  const decision = evaluator.decide(view, resourceId)
  const windows = windowsOf(graph, view, resourceId, decision)
  let components: string[] | null = []
  for (const { mask, grant } of evaluator.conveyances(view, resourceId)) {
    if (mask & decision & dataMask) components = unionComponents(components, grant.components)
  }
  return {
    mask: decisionMask(decision),
    role: openemsRoles[decisionRank(decision)],
    windows: windows === null ? null : [...windows],
    historicOnly: isHistoricOnly(decision),
    components,
  }
}
