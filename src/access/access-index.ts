import type { Components } from './components.ts'
import { type Above, explainable, grantsBeside, rightsBetween } from './explain-gather.ts'
import { type KindOfRow, type Reached, rowsOf } from './explain-rows.ts'
import { type Access, accessOf } from './graph-access.ts'
import { type Affected, affectedBy, concernedBy } from './graph-affected.ts'
import type { RowTable } from './graph-columns.ts'
import { authorizeData, type DataPart } from './graph-data.ts'
import { type Decided, decidedBy } from './graph-decided.ts'
import { type Misfit, misfits } from './graph-depth.ts'
import { decisionMask, decisionRank, isLimited } from './graph-evaluate.ts'
import {
  type Guarding,
  type GuardResult,
  guardClaim,
  guardContainment,
  guardGate,
  guardGrant,
  guardMembership,
  guardOrganisation,
  guardRole,
  type ProposedContainment,
  type ProposedGrant,
  type ProposedMembership,
  type ProposedRole,
} from './graph-guard.ts'
import { ownerlessAfter, ownersOf, type RightsChange } from './graph-owners.ts'
import { roleKey } from './graph-rows.ts'
import { edgesInside, type Sight, sightOf } from './graph-sight.ts'
import { GraphState } from './graph-state.ts'
import type { Limit } from './graph-views.ts'
import {
  type Change,
  type ClaimRow,
  type EdgeRow,
  type EntityName,
  type EntityRows,
  type GrantRow,
  type MembershipRow,
  type OpenemsRole,
  openemsRoles,
  type Permission,
  permissionBits,
  type RestrictionRow,
  type RoleRow,
  type ServiceRow,
  type Snapshot,
  type TakeRows,
  type UserRow,
} from './model.ts'
import { type Audience, type AudienceQuery, audienceOf } from './search-accounts.ts'
import type { ContainerKind, ContainerQuery } from './search-containers.ts'
import type { EdgeQuery, ListLimits } from './search-query.ts'

const noComponents: Components = []

/**
 * The graph of people, structure and rights of the whole fleet in memory, and every answer about it. Pure: rows come in by
 * snapshot and log, time is an argument in epoch milliseconds. Rules: docs `domain-rules` 2.1-2.6.
 */
export class AccessIndex {
  readonly #graph: GraphState

  private constructor(graph: GraphState) {
    this.#graph = graph
  }

  /** The index over a snapshot. */
  static fromSnapshot({ revision, ...tables }: Snapshot, limits?: ListLimits): AccessIndex {
    const { take, done } = AccessIndex.loading(limits)
    for (const entity of Object.keys(tables) as EntityName[]) take(entity, tables[entity])
    const index = done(revision)
    while (index.work());
    return index
  }

  /** An index that takes its rows in portions, in any order; nothing can be asked before it is done: as of this revision. */
  static loading(limits?: ListLimits): { take: TakeRows; done: (revision: number) => AccessIndex } {
    const graph = new GraphState(limits)
    const done = (revision: number) => {
      graph.loaded(revision)
      return new AccessIndex(graph)
    }
    return { take: (entity, rows) => graph.take(entity, rows), done }
  }

  /** The last revision that is in. */
  get revision(): number {
    return this.#graph.revision
  }

  /** Moves forward by rows of the log, all or nothing. What is in already is passed over. */
  apply(changes: readonly Change[]): void {
    this.#graph.apply(changes)
  }

  /** Does some milliseconds of what makes answers quick but not other ones; returns whether there is more to do. */
  work(): boolean {
    return this.#graph.work()
  }

  user(id: number): UserRow | undefined {
    return this.#graph.rows.user.get(id)
  }
  userByLogin(login: string): UserRow | undefined {
    return this.#graph.store.usersByLogin.get(login)
  }
  userByEmail(email: string): UserRow | undefined {
    return this.#graph.store.usersByEmail.get(email.toLowerCase())
  }
  serviceByName(name: string): ServiceRow | undefined {
    return this.#graph.store.services.get(name)
  }
  /** A role of an organisation, or of the service itself (null). */
  roleByName(name: string, organisationId: number | null): RoleRow | undefined {
    return this.#graph.store.roles.get(roleKey(name, organisationId))
  }
  /** Whether the holder of an account made it available for sharing (G-17). */
  isShareable(id: number): boolean {
    return this.#graph.accounts.isShareable(id)
  }
  edge(id: number): EdgeRow | undefined {
    return this.#graph.rows.edge.get(id)
  }
  isEdge(id: number): boolean {
    return this.#graph.resources.kinds.isEdge(id)
  }
  edgeByName(edgeId: string): EdgeRow | undefined {
    return this.#graph.store.edges.byName(edgeId)
  }
  /** Rises whenever an edge comes, goes or is described anew. */
  get edgeVersion(): number {
    return this.#graph.store.edges.version
  }
  get edgeCount(): number {
    return this.#graph.rows.edge.size
  }

  row<E extends EntityName>(entity: E, id: number): EntityRows[E] | undefined {
    const table: RowTable<EntityRows[E]> = this.#graph.rows[entity]
    return table.get(id)
  }
  rows<E extends EntityName>(entity: E): Iterable<EntityRows[E]> {
    const table: RowTable<EntityRows[E]> = this.#graph.rows[entity]
    return table.values()
  }

  /** Answers what `body` asks with the rights of one principal cut to a mask: while somebody acts as him (K4). */
  withLimit<T>(limit: Limit, body: () => T): T {
    return this.#graph.views.withLimit(limit, body)
  }

  /**
   * Whether somebody decides about what is his without any grant: groups he owns, what he was given. Not while another acts as him
   * who may not decide about people (K4).
   */
  decidesOwn(principalId: number): boolean {
    return this.#graph.views.isLeft(principalId, permissionBits.manageMembers)
  }

  /** Whether somebody is a member of a user group now, directly or by a group in it. */
  isMember(principalId: number, groupId: number, at: number): boolean {
    return principalId !== groupId && this.#graph.views.get(principalId, at).principals.has(groupId)
  }

  /** The OpenEMS role of a principal on an edge; undefined is no access at all (1005). */
  edgeRole(principalId: number, edgeId: number, at: number): OpenemsRole | undefined {
    return openemsRoles[decisionRank(this.#graph.evaluator.decide(this.#graph.views.get(principalId, at), edgeId))]
  }

  /** The same, and until when it holds if nothing is changed: no grant, membership or window begins or ends before. */
  edgeRoleUntil(principalId: number, edgeId: number, at: number): { role: OpenemsRole | undefined; until: number } {
    const view = this.#graph.views.get(principalId, at)
    return { role: openemsRoles[decisionRank(this.#graph.evaluator.decide(view, edgeId))], until: view.until }
  }

  /** The role on one component of an edge, null: on the edge as a whole. Undefined where no grant covers that. */
  componentRole(principalId: number, edgeId: number, component: string | null, at: number): OpenemsRole | undefined {
    const { evaluator, views } = this.#graph
    const view = views.get(principalId, at)
    const decision = evaluator.decide(view, edgeId)
    return openemsRoles[decisionRank(isLimited(decision) ? evaluator.decide(view, edgeId, component) : decision)]
  }

  /** Whether some of what a principal may do with an edge is for some of its components only. */
  isLimited(principalId: number, edgeId: number, at: number): boolean {
    return isLimited(this.#graph.evaluator.decide(this.#graph.views.get(principalId, at), edgeId))
  }

  /** The components of an edge for which a principal holds a permission now. */
  componentsOf(principalId: number, permission: Permission, edgeId: number, at: number): Components {
    const { evaluator, views } = this.#graph
    const view = views.get(principalId, at)
    const decision = evaluator.decide(view, edgeId)
    const bit = permissionBits[permission]
    if ((decision & bit) === 0) return noComponents
    return isLimited(decision) ? evaluator.components(view, edgeId, bit) : null
  }

  /** Whether a principal holds a permission on a resource now. */
  allows(principalId: number, permission: Permission, resourceId: number, at: number): boolean {
    const decision = this.#graph.evaluator.decide(this.#graph.views.get(principalId, at), resourceId)
    return (decision & permissionBits[permission]) !== 0
  }

  /** What a principal may do with a resource by grants that are neither for some components nor for some periods only. */
  unlimitedMask(principalId: number, resourceId: number, at: number): number {
    const { evaluator, views } = this.#graph
    const view = views.get(principalId, at)
    let mask = 0
    for (const { mask: conveyed, windows, grant } of evaluator.conveyances(view, resourceId))
      if (windows === null && grant.components === null) mask |= conveyed
    return mask & decisionMask(evaluator.decide(view, resourceId))
  }

  /** Everything about the access of a principal to a resource. */
  access(principalId: number, resourceId: number, at: number): Access {
    return accessOf(this.#graph, principalId, resourceId, at)
  }

  /** The rights of a principal, to be compared: as they are, or with these changes to rows of his own in them. */
  sight(principalId: number, at: number, own: readonly Change[] = []): Sight {
    return sightOf(this.#graph, principalId, at, own)
  }

  /** The edges inside a resource, itself if it is one, in portions between which others may have their turn. */
  edgesInside(resourceId: number): Generator<number[]> {
    return edgesInside(this.#graph, resourceId)
  }

  /** A page of the edges that a principal may discover. */
  listEdges(principalId: number, query: EdgeQuery, at: number): EdgeRow[] {
    return this.#graph.edges.list(this.#graph.views.get(principalId, at), query)
  }

  /** The ids of the same page. */
  pageOfEdges(principalId: number, query: EdgeQuery, at: number): readonly number[] {
    return this.#graph.edges.page(this.#graph.views.get(principalId, at), query)
  }

  /** How many edges a principal may discover, or with `withRole` has a role on, counted up to `atMost`. */
  countEdges(principalId: number, at: number, atMost: number, { withRole = false } = {}): number {
    return this.#graph.edges.count(this.#graph.views.get(principalId, at), atMost, withRole)
  }

  /** A page of the organisations, sites or edge groups that a principal may discover. */
  listContainers<K extends ContainerKind>(id: number, kind: K, query: ContainerQuery, at: number): EntityRows[K][] {
    return this.#graph.containers.list(this.#graph.views.get(id, at), kind, query)
  }

  /** The active users and services that may know of a resource: searched, sorted, a page of them. See `ofOneRevision`. */
  audience(resourceId: number, query: AudienceQuery, at: number): Generator<undefined, Audience> {
    return audienceOf(this.#graph, resourceId, query, at)
  }

  /** The grants by which a principal reaches a resource now, each once, whatever caps leave of them. */
  grantsReaching(principalId: number, resourceId: number, at: number): GrantRow[] {
    const view = { ...this.#graph.views.peek(principalId, at), restrictions: undefined }
    const found = this.#graph.evaluator.conveyances(view, resourceId).map(({ grant }) => grant)
    return [...new Set(found)]
  }

  /** The grants that a principal holds itself, whatever the time. */
  grantsOf(principalId: number): readonly GrantRow[] {
    return this.#graph.people.grantsOf(principalId)
  }
  /** Their ids, the newest first: very many maybe. */
  grantIdsOf(principalId: number): Iterable<number> {
    return this.#graph.people.grantIdsOf(principalId)
  }
  /** On what it holds them, and who holds grants on a resource: very many maybe, and each as often as it does. */
  heldBy(principalId: number): Iterable<number> {
    return this.#graph.people.heldBy(principalId)
  }
  holdersOn(resourceId: number): Iterable<number> {
    return this.#graph.people.holdersOn(resourceId)
  }
  /** What a principal may decide about by one of these permissions, and who holds something there; undefined: very much. */
  decidedBy(principalId: number, permissions: readonly Permission[], at: number): Decided | undefined {
    return decidedBy(this.#graph, principalId, permissions, at)
  }
  /** The memberships of a principal in groups, whatever their state and time. */
  membershipsOf(memberId: number): readonly MembershipRow[] {
    return this.#graph.people.groupsOf(memberId)
  }
  membersOf(groupId: number): readonly MembershipRow[] {
    return this.#graph.people.membersOf(groupId)
  }
  claimsOf(userId: number): readonly ClaimRow[] {
    return this.#graph.people.claimsOf(userId)
  }
  /** The restrictions of a user by edge. */
  restrictionsOf(userId: number): ReadonlyMap<number, RestrictionRow> {
    return this.#graph.people.restrictionsOf(userId) ?? new Map()
  }
  /** What contains a resource directly by a link of its own or by belonging there. */
  containersOf(resourceId: number): number[] {
    return this.#graph.resources.containersOf(resourceId)
  }
  /** The organisation that a resource belongs to. */
  organisationOf(resourceId: number): number | undefined {
    return this.#graph.resources.organisationOf(resourceId)
  }

  /** Which part of [from, to) of an edge's stored values a principal may read. */
  authorizeData(principalId: number, edgeId: number, from: number, to: number, at: number): DataPart[] {
    return authorizeData(this.#graph, principalId, edgeId, from, to, at)
  }

  /** Whether somebody may make this grant: nobody conveys more than he holds (G-01). `by`: what lets him grant there at all. */
  guardGrant(actorId: number, proposed: ProposedGrant, at: number, by: Permission = 'share'): GuardResult {
    return guardGrant(this.#graph, actorId, proposed, at, by)
  }

  /** Whether somebody may pass on by a membership what the group holds (G-31); that he decides about the group is not asked. */
  guardMembership(actorId: number, proposed: ProposedMembership, at: number): Guarding {
    return guardMembership(this.#graph, actorId, proposed, at)
  }

  /** Whether somebody may pass a resource on by putting it into another (T4, G-30), and whether it fits there at all. */
  guardContainment(actorId: number, proposed: ProposedContainment, at: number): Guarding {
    return guardContainment(this.#graph, actorId, proposed, at)
  }

  /** Whether somebody may pass an organisation on by putting it below another, and whether it fits there at all (P-08). */
  guardOrganisation(actorId: number, proposed: ProposedContainment, at: number): Guarding {
    return guardOrganisation(this.#graph, actorId, proposed, at)
  }

  /** Whether somebody may make a role what is proposed: that passes on all it would convey wherever it is granted (2.3). */
  guardRole(actorId: number, proposed: ProposedRole, at: number): Guarding {
    return guardRole(this.#graph, actorId, proposed, at)
  }

  /** Whether somebody may open the gate of a sub-organisation: that passes on what it kept from the grants there (P-13). */
  guardGate(actorId: number, organisationId: number, at: number): GuardResult {
    return guardGate(this.#graph, actorId, organisationId, at)
  }

  /** Whether somebody may lift a claim of NONE: that passes on what it cut from its holder's grants (K8). */
  guardClaim(actorId: number, userId: number, key: string, at: number): GuardResult {
    return guardClaim(this.#graph, actorId, userId, key, at)
  }

  /** What is wrong with one lying in the other, whoever asks: cycles, depth, kinds, tenants (G-34, P-18). */
  misfit(relation: keyof typeof misfits, parentId: number, childId: number): Misfit | undefined {
    return misfits[relation](this.#graph, parentId, childId)
  }

  /** The users who own an organisation for good, directly or through groups. */
  ownersOf(organisationId: number, at: number): number[] {
    return [...ownersOf(this.#graph, organisationId, at)]
  }

  /** The organisations that have an owner now and would have none after the change (P-09). */
  ownerlessAfter(change: RightsChange, at: number): number[] {
    return ownerlessAfter(this.#graph, change, at)
  }

  /** All that explains the access of one principal to one resource now (domain rules 2.9). */
  explainable(principalId: number, resourceId: number, permission: Permission): ReturnType<typeof explainable> {
    return explainable(this.#graph, principalId, resourceId, permissionBits[permission])
  }

  /** The newest grants on any of these resources and of any of these principals, so many of each at most. */
  grantsBeside(principals: ReadonlySet<number>, resources: ReadonlySet<number>): GrantRow[] {
    return grantsBeside(this.#graph, principals, resources)
  }

  /** The rows of these principals and resources, and what links them upward; see `Gathering`. */
  rowsOf(reached: Reached): KindOfRow[] {
    return rowsOf(this.#graph, reached)
  }

  /** The grants between principals and resources, and the restriction of the one principal on the one resource. */
  rightsBetween(principalId: number, resourceId: number, { principals, resources }: Above): KindOfRow[] {
    return rightsBetween(this.#graph, principalId, resourceId, principals, resources)
  }

  /** What is found as if these changes had been made; they are undone before it returns, so `look` must not wait. */
  trying<T>(changes: readonly Change[], look: () => T): T {
    return this.#graph.trying(changes, look)
  }

  /** Whose access to what these changes may concern, as far as the graph is now, in small steps; see `trying` for as it would be. */
  affectedBy(changes: readonly Change[]): Generator<undefined, Affected> {
    return affectedBy(this.#graph, changes)
  }
  concernedBy(changes: readonly Change[]): Set<number> {
    return concernedBy(this.#graph, changes)
  }

  /** The next moment at which any answer changes by time alone. */
  nextInstant(after: number): number | null {
    return this.#graph.people.instants.after(after)
  }
}
