import { AccessIndex } from '../../../src/access/access-index.ts'
import {
  type ClaimRow,
  type EdgeRow,
  emptySnapshot,
  type GrantRow,
  type MembershipRow,
  type OrganisationRow,
  type RoleRow,
  type Snapshot,
  type UserRow,
  type Window,
} from '../../../src/access/model.ts'
import { builtInRoles } from '../../../src/access/roles.ts'

/** A world written down line by line; every method returns the id of what it adds. */
export class Scene {
  readonly rows: Snapshot = { ...emptySnapshot(), revision: 1, role: [...builtInRoles] }
  #lastId = 1000

  index(): AccessIndex {
    return AccessIndex.fromSnapshot(structuredClone(this.rows))
  }

  user(login: string, more: Partial<UserRow> = {}): number {
    const row = { login, email: null, name: login, language: 'EN', settings: {}, shareable: false, disabledAt: null }
    return this.#add(this.rows.user, { ...row, globalRole: 'guest' as const, ...more })
  }

  service(name: string): number {
    return this.#add(this.rows.service, { name, organisationId: null, disabledAt: null })
  }

  userGroup(name: string, more: { organisationId?: number; ownerId?: number; members?: number[] } = {}): number {
    const { members = [], ...owner } = more
    const row = { name, description: '', purpose: '', organisationId: null, ownerId: null, ...owner }
    const id = this.#add(this.rows.userGroup, row)
    for (const member of members) this.member(id, member)
    return id
  }

  member(groupId: number, memberId: number, more: Partial<MembershipRow> = {}): number {
    const row = { groupId, memberId, state: 'active' as const, validFrom: null, validTo: null, addedBy: null, ...more }
    return this.#add(this.rows.membership, row)
  }

  organisation(name: string, more: Partial<OrganisationRow> = {}): number {
    const gates = { canEditSites: false, canCreateSuborganisations: false, maxOpenemsRole: 'installer' as const }
    const row = { name, parentId: null, ...gates, publicAccess: false, strictRoles: true, ...more }
    return this.#add(this.rows.organisation, row)
  }

  site(name: string, organisationId: number): number {
    return this.#add(this.rows.site, { name, organisationId, isVirtual: false, location: '', labels: [] })
  }

  edge(edgeId: string, more: Partial<EdgeRow> = {}): number {
    const row = { edgeId, comment: '', producttype: '', siteId: null, organisationId: null, settings: {}, ...more }
    return this.#add(this.rows.edge, row)
  }

  edgeGroup(name: string, content: number[] = []): number {
    const row = { name, description: '', purpose: '', organisationId: null, ownerId: null }
    const id = this.#add(this.rows.edgeGroup, row)
    for (const child of content) this.contain(id, child)
    return id
  }

  contain(parentId: number, childId: number): number {
    return this.#add(this.rows.containment, { parentId, childId })
  }

  role(name: string, more: Partial<RoleRow>): number {
    const masks = { selfMask: 0, contentMask: 0, suborganisationMask: 0, openemsRole: null }
    return this.#add(this.rows.role, { name, organisationId: null, ...masks, ...more })
  }

  grant(principalId: number, role: string, resourceId: number, more: Partial<GrantRow> = {}): number {
    const roleId = this.rows.role.find((row) => row.name === role)?.id ?? 0
    const open = {
      components: null,
      validFrom: null,
      validTo: null,
      dataWindows: null,
      source: 'manual',
      grantedBy: null,
    }
    return this.#add(this.rows.grant, { principalId, resourceId, roleId, ...open, ...more })
  }

  restriction(userId: number, edgeId: number, windows: Window[]): number {
    return this.#add(this.rows.restriction, { userId, edgeId, windows })
  }

  claim(userId: number, key: string, value: ClaimRow['value']): number {
    return this.#add(this.rows.claim, { userId, key, value })
  }

  #add<R extends { id: number }>(table: R[], row: Omit<R, 'id'>): number {
    const id = this.#lastId++
    table.push({ ...row, id } as R)
    return id
  }
}
