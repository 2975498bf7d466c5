import type { AccessStore } from '../access/access-store.ts'
import { type OpenemsRole, openemsRoles } from '../access/model.ts'
import type { EdgeState, EdgeStates } from '../live/edge-states.ts'
import { toEdgeMetadata } from './shapes.ts'

/** So many texts are kept: a few megabytes. */
const mostKept = 20_000

/** Edges as lists show them, in JSON: kept for as long as neither the edge nor its state is another. */
export class EdgeTexts {
  readonly #store: Pick<AccessStore, 'index'>
  readonly #states: EdgeStates
  readonly #kept = new Map<number, { text: string; state: EdgeState }>()
  #version = 0

  constructor(store: Pick<AccessStore, 'index'>, states: EdgeStates) {
    this.#store = store
    this.#states = states
  }

  /** EdgeMetadata of protocol C.3 for somebody with this role; undefined when there is no such edge. */
  get(edgeId: number, role: OpenemsRole): string | undefined {
    const { index } = this.#store
    if (this.#version !== index.edgeVersion || this.#kept.size >= mostKept) this.#kept.clear()
    this.#version = index.edgeVersion
    const key = edgeId * openemsRoles.length + openemsRoles.indexOf(role)
    const state = this.#states.get(edgeId)
    const kept = this.#kept.get(key)
    if (kept !== undefined && isSame(kept.state, state)) return kept.text
    const edge = index.edge(edgeId)
    if (edge === undefined) return undefined
    const text = JSON.stringify(toEdgeMetadata(edge, state, role))
    this.#kept.set(key, { text, state })
    return text
  }
}

function isSame(a: EdgeState, b: EdgeState): boolean {
  return (
    a.online === b.online && a.lastMessageAt === b.lastMessageAt && a.version === b.version && a.sumState === b.sumState
  )
}
