import type { GraphState } from './graph-state.ts'
import {
  type Permission,
  PLATFORM_RESOURCE_ID,
  type PrincipalKind,
  PUBLIC_PRINCIPAL_ID,
  permissionBits,
  type ResourceKind,
} from './model.ts'

/** Somebody or something in an explanation; hidden ones have no id, and those in a row are one. */
export interface ExplainedNode {
  kind: PrincipalKind | ResourceKind | 'hidden'
  id: number | null
  name: string
}

export const hidden: ExplainedNode = { kind: 'hidden', id: null, name: 'a group you cannot see' }

/** What one asker may be told of others: he sees of an explanation what he could discover otherwise (G-14, GD-04). */
export class Redaction {
  readonly #graph: GraphState
  /** Null: the service itself, which sees all. */
  readonly #askerId: number | null
  readonly #at: number

  constructor(graph: GraphState, askerId: number | null, at: number) {
    this.#graph = graph
    this.#askerId = askerId
    this.#at = at
  }

  /** Whether the asker holds a permission. */
  may(permission: Permission, resourceId: number): boolean {
    if (this.#askerId === null) return true
    const view = this.#graph.views.peek(this.#askerId, this.#at)
    return (this.#graph.evaluator.decide(view, resourceId) & permissionBits[permission]) !== 0
  }

  /** Whether the asker looks after all accounts. */
  get managesUsers(): boolean {
    return this.may('manageUser', PLATFORM_RESOURCE_ID)
  }

  /** Whether the asker decides about a user group. */
  controlsGroup(groupId: number): boolean {
    const group = this.#graph.rows.userGroup.get(groupId)
    if (group === undefined) return false
    if (this.managesUsers || group.ownerId === this.#askerId) return true
    return group.organisationId !== null && this.may('manageMembers', group.organisationId)
  }

  /** Principals as the asker may know them. */
  principals(ids: readonly number[], about: number): ExplainedNode[] {
    return folded(ids.map((id) => this.principal(id, about)))
  }

  /** Resources as the asker may know them. */
  resources(ids: readonly number[]): ExplainedNode[] {
    return folded(ids.map((id) => this.resource(id)))
  }

  principal(id: number, about: number): ExplainedNode {
    const { user, userGroup, service } = this.#graph.rows
    if (id === PUBLIC_PRINCIPAL_ID) return { kind: 'public', id, name: 'everybody' }
    const account = user.get(id)
    if (account) {
      const isKnown = id === about || id === this.#askerId || account.shareable || this.managesUsers
      return isKnown ? { kind: 'user', id, name: account.name || account.login } : hidden
    }
    const group = userGroup.get(id)
    if (group) return this.controlsGroup(id) ? { kind: 'group', id, name: group.name } : hidden
    const name = service.get(id)?.name
    return name !== undefined && (id === about || this.managesUsers) ? { kind: 'service', id, name } : hidden
  }

  resource(id: number): ExplainedNode {
    const { organisation, site, edge, edgeGroup } = this.#graph.rows
    const kind = this.#graph.resources.kinds.kind(id)
    if (kind === 'platform') return { kind, id, name: 'the platform' }
    const name = edge.get(id)?.edgeId ?? (organisation.get(id) ?? site.get(id) ?? edgeGroup.get(id))?.name
    return kind && name !== undefined && this.may('discover', id) ? { kind, id, name } : hidden
  }
}

function folded(nodes: readonly ExplainedNode[]): ExplainedNode[] {
  return nodes.filter((node, index) => node !== hidden || nodes[index - 1] !== hidden)
}
