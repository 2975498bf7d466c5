import type { Slice } from './explain-slice.ts'
import {
  type Permission,
  PLATFORM_RESOURCE_ID,
  type PrincipalKind,
  PUBLIC_PRINCIPAL_ID,
  type ResourceKind,
} from './model.ts'
import { controlsService, controlsUserGroup, type Look, managesUsers, seesUser, seesUserGroup } from './people-door.ts'

/** Somebody or something in an explanation; hidden ones have no id, and those in a row are one. */
export interface ExplainedNode {
  kind: PrincipalKind | ResourceKind | 'hidden'
  id: number | null
  name: string
}

export const hidden: ExplainedNode = { kind: 'hidden', id: null, name: 'a group you cannot see' }

/** What one asker may be told of others: he sees of an explanation what he could discover otherwise (G-14, GD-04). */
export class Redaction {
  readonly look: Look
  readonly #slice: Slice
  readonly #about: number
  readonly #own: ReadonlySet<number>

  /** `about`: whom the asker asks about, which he knows; `own`: the groups the asker belongs to. */
  constructor(look: Look, slice: Slice, about: number, own: ReadonlySet<number>) {
    this.look = look
    this.#slice = slice
    this.#about = about
    this.#own = own
  }

  /** Whether the asker holds a permission now. */
  may(permission: Permission, resourceId: number): boolean {
    const { index, askerId, at } = this.look
    return askerId === null || index.allows(askerId, permission, resourceId, at)
  }

  /** Whether the asker decides about a user group. */
  controlsGroup(groupId: number): boolean {
    const group = this.look.index.row('userGroup', groupId)
    return group !== undefined && controlsUserGroup(this.look, group)
  }

  /** Principals as the asker may know them. */
  principals(ids: readonly number[]): ExplainedNode[] {
    return folded(ids.map((id) => this.principal(id)))
  }

  /** Resources as the asker may know them. */
  resources(ids: readonly number[]): ExplainedNode[] {
    return folded(ids.map((id) => this.resource(id)))
  }

  /** Whether the asker knows of a principal however he asks, and so could grant it something (G-17, G-19). */
  knows(principalId: number): boolean {
    return this.#principal(principalId, false) !== hidden
  }

  principal(id: number): ExplainedNode {
    return this.#principal(id, id === this.#about)
  }

  #principal(id: number, isAbout: boolean): ExplainedNode {
    const { index } = this.look
    const isKnown = isAbout || managesUsers(this.look)
    if (id === PUBLIC_PRINCIPAL_ID) return { kind: 'public', id, name: 'everybody' }
    const user = index.user(id) ?? this.#slice.rows.user.get(id)
    if (user) return isKnown || seesUser(this.look, user) ? { kind: 'user', id, name: user.login } : hidden
    const group = index.row('userGroup', id) ?? this.#slice.rows.userGroup.get(id)
    if (group) {
      return isKnown || seesUserGroup(this.look, group, this.#own) ? { kind: 'group', id, name: group.name } : hidden
    }
    const service = index.row('service', id) ?? this.#slice.rows.service.get(id)
    if (service === undefined) return hidden
    return isKnown || controlsService(this.look, service) ? { kind: 'service', id, name: service.name } : hidden
  }

  resource(id: number): ExplainedNode {
    if (id === PLATFORM_RESOURCE_ID) return { kind: 'platform', id, name: 'the platform' }
    const { index } = this.look
    const isGone = (['edge', 'site', 'organisation', 'edgeGroup'] as const).every((kind) => !index.row(kind, id))
    const isSeen = isGone ? managesUsers(this.look) : this.may('discover', id)
    return isSeen ? (this.#named(id) ?? hidden) : hidden
  }

  #named(id: number): ExplainedNode | undefined {
    const { index } = this.look
    const { rows } = this.#slice
    const inside = this.#slice.inside(id)
    const edge = index.edge(id) ?? rows.edge.get(inside)
    if (edge) return { kind: 'edge', id, name: edge.edgeId }
    for (const kind of ['organisation', 'site', 'edgeGroup'] as const) {
      const row = index.row(kind, id) ?? rows[kind].get(inside)
      if (row) return { kind, id, name: kind === 'site' && this.#isAnonymous(id) ? 'a site' : row.name }
    }
    return undefined
  }

  /** Whether the asker knows of a site as everybody does: its name is identity (G-04). */
  #isAnonymous(siteId: number): boolean {
    const { index, at } = this.look
    return index.allows(PUBLIC_PRINCIPAL_ID, 'discover', siteId, at) && !this.may('detail', siteId)
  }
}

function folded(nodes: readonly ExplainedNode[]): ExplainedNode[] {
  return nodes.filter((node, index) => node !== hidden || nodes[index - 1] !== hidden)
}
