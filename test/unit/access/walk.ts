import { deepStrictEqual, ok } from 'node:assert/strict'
import fc from 'fast-check'
import { AccessIndex } from '../../../src/access/access-index.ts'
import { coversComponent } from '../../../src/access/components.ts'
import { windowsOfComponent } from '../../../src/access/graph-data.ts'
import { openemsRoles, type Permission, permissionBits } from '../../../src/access/model.ts'
import { Bits } from '../../../src/access/search-bits.ts'
import { defaultLimits } from '../../../src/access/search-query.ts'
import { windowsContain } from '../../../src/access/windows.ts'
import { atOnce } from '../../../src/lib/slices.ts'
import { Oracle } from './oracle.ts'
import {
  componentAccess,
  containerPage,
  edgePage,
  everybodySees,
  holders,
  type ListQuery,
  mayRead,
  orphans,
  owners,
} from './oracle-lists.ts'
import {
  edgeIds,
  History,
  organisationIds,
  principalIds,
  resourceIds,
  type Step,
  someStep,
  times,
  userIds,
} from './worlds.ts'

/**
 * A long life of one index: changes, moves of time and questions in random order, every answer compared with the recomputation
 * from rows. Because the index lives on, what it keeps between questions must stay true through every change.
 */

type About = { principalId: number; resourceId: number }
const containerKinds = ['organisation', 'site', 'edgeGroup'] as const

/** One step of the walk. */
export type Move =
  | { do: 'change'; step: Step }
  | { do: 'wait'; at: number }
  /** A resource goes, is asked for, and comes back. */
  | { do: 'return'; resourceId: number }
  | ({ do: 'access' | 'nextInstant' } & About)
  | ({ do: 'allows'; permission: Permission } & About)
  | { do: 'edges'; principalId: number; query: ListQuery }
  | { do: 'containers'; principalId: number; kind: (typeof containerKinds)[number]; query: ListQuery }
  | { do: 'count'; principalId: number; atMost: number; withRole: boolean }
  | { do: 'holders'; resourceId: number; offset: number; limit: number }
  | { do: 'data'; principalId: number; edgeId: number; component: string; instant: number }
  | { do: 'owners'; organisationId: number; gone: Pick<Step, 'entity' | 'id'> | undefined }

const oneOf = <T>(values: readonly T[]) => fc.constantFrom(...values)
const about = { principalId: oneOf(principalIds), resourceId: oneOf(resourceIds) }
const someQuery: fc.Arbitrary<ListQuery> = fc.record({
  text: oneOf([undefined, undefined, 'HAUS', 'e', 'fems', '1', 'site', 'home', 'nowhere']),
  producttypes: fc.subarray(['home', 'industrial']),
  rest: oneOf([undefined, undefined, 0, 1, 2]),
  withRole: fc.boolean(),
  order: fc.array(fc.record({ field: oneOf(['id', 'comment', 'rank'] as const), descending: fc.boolean() }), {
    maxLength: 3,
  }),
  offset: oneOf([0, 0, 0, 1, 2, 5]),
  limit: oneOf([0, 1, 2, 3, 100]),
})
const leaving: fc.Arbitrary<Pick<Step, 'entity' | 'id'> | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.record({ entity: fc.constant('grant' as const), id: fc.integer({ min: 1, max: 20 }) }),
  fc.record({ entity: fc.constant('user' as const), id: oneOf(userIds) }),
)

/** A random change, wait or question. */
export const someMove: fc.Arbitrary<Move> = fc.oneof(
  { weight: 8, arbitrary: someStep.map((step): Move => ({ do: 'change', step })) },
  { weight: 2, arbitrary: oneOf(times).map((at): Move => ({ do: 'wait', at })) },
  { weight: 1, arbitrary: about.resourceId.map((resourceId): Move => ({ do: 'return', resourceId })) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('access' as const), ...about }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('allows' as const),
      ...about,
      permission: oneOf(Object.keys(permissionBits) as Permission[]),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('nextInstant' as const), ...about }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('edges' as const), principalId: about.principalId, query: someQuery }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('containers' as const),
      principalId: about.principalId,
      kind: oneOf(containerKinds),
      query: someQuery,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('count' as const),
      principalId: about.principalId,
      atMost: oneOf([0, 1, 2, 4, 1000]),
      withRole: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('holders' as const),
      resourceId: about.resourceId,
      offset: oneOf([0, 1]),
      limit: oneOf([0, 1, 9]),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('data' as const),
      principalId: about.principalId,
      edgeId: oneOf(edgeIds),
      component: oneOf(['meter0', 'ess0', 'evcs0']),
      instant: oneOf(times),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('owners' as const), organisationId: oneOf(organisationIds), gone: leaving }),
  },
)

/** The edges whose ids leave this rest. */
function edgesWhere(divisor: number, rest: number): Bits {
  const set = new Bits()
  for (const id of edgeIds) if (id % divisor === rest) set.add(id)
  return set
}

/** An index and the rows it should answer from, taken through moves. */
export class Walk {
  readonly #history: History
  readonly #index: AccessIndex
  readonly #oracle: Oracle
  #at = 0
  #taken = 0

  constructor(world: readonly Step[]) {
    this.#history = new History(world)
    // Every second world is served as those are that are too large for lists of ids.
    const limits = world.length % 2 === 0 ? defaultLimits : { short: 0, lookUp: 1, keptFrom: 3, sliceMs: 0 }
    this.#index = AccessIndex.fromSnapshot(this.#history.copy(), limits)
    this.#oracle = new Oracle(this.#history.snapshot)
  }

  /** Takes one move; throws when the index says anything but the rows. */
  take(move: Move): void {
    if (++this.#taken % 7 === 0) this.#index.work()
    switch (move.do) {
      case 'change':
        return this.#change(move.step)
      case 'wait':
        this.#at = move.at
        return
      case 'return':
        return this.#return(move.resourceId)
      case 'access':
        return this.#compareAccess(move)
      case 'allows': {
        const mask = this.#oracle.access(move.principalId, move.resourceId, this.#at).mask
        const allows = this.#index.allows(move.principalId, move.permission, move.resourceId, this.#at)
        return deepStrictEqual(allows, (mask & permissionBits[move.permission]) !== 0)
      }
      case 'nextInstant':
        return this.#compareUntilNextInstant(move)
      case 'edges': {
        const { rest, text, ...query } = move.query
        const order = query.order.map((by) => ({ ...by, rank: (id: number) => id % 2, ranks: [edgesWhere(2, 1)] }))
        const within = rest === undefined ? [] : [{ sets: [edgesWhere(3, rest)], isIn: true }]
        const listed = this.#index.listEdges(
          move.principalId,
          { ...query, order, within, ...(text && { text }) },
          this.#at,
        )
        return deepStrictEqual(idsOf(listed), edgePage(this.#oracle, move.principalId, move.query, this.#at))
      }
      case 'containers': {
        const { text, offset, limit } = move.query
        const query = { offset, limit, ...(text && { text }) }
        const listed = this.#index.listContainers(move.principalId, move.kind, query, this.#at)
        return deepStrictEqual(
          idsOf(listed),
          containerPage(this.#oracle, move.principalId, move.kind, move.query, this.#at),
        )
      }
      case 'count': {
        const { principalId, atMost, withRole } = move
        const counted = this.#index.countEdges(principalId, this.#at, atMost, { withRole })
        const all: ListQuery = {
          text: undefined,
          producttypes: [],
          rest: undefined,
          withRole,
          order: [],
          offset: 0,
          limit: 1000,
        }
        return deepStrictEqual(counted, Math.min(atMost, edgePage(this.#oracle, principalId, all, this.#at).length))
      }
      case 'holders':
        return this.#compareHolders(move)
      case 'data':
        return this.#compareData(move)
      case 'owners':
        return this.#compareOwners(move)
    }
  }

  /** A change raises the revision, so that whoever compares revisions learns of it (invariant 11). */
  #change(step: Step): void {
    const before = this.#index.revision
    const changes = this.#history.take(step)
    this.#index.apply(changes)
    deepStrictEqual(this.#index.revision, before + changes.length)
    deepStrictEqual(this.#index.revision, this.#history.snapshot.revision)
  }

  #return(resourceId: number): void {
    for (const entity of ['organisation', 'site', 'edge', 'edgeGroup'] as const) {
      const row = this.#history.snapshot[entity].find(({ id }) => id === resourceId)
      if (row === undefined) continue
      for (const next of [null, row]) {
        this.#change({ entity, id: resourceId, row: next } as Step)
        for (const principalId of principalIds) this.#compareAccess({ principalId, resourceId })
      }
    }
  }

  #compareAccess({ principalId, resourceId }: About): void {
    const { components, ...access } = this.#index.access(principalId, resourceId, this.#at)
    const truth = this.#oracle.access(principalId, resourceId, this.#at)
    deepStrictEqual({ ...access, components: components && [...components].sort() }, truth)
    deepStrictEqual(this.#index.edgeRole(principalId, resourceId, this.#at), truth.role)
    for (const component of edgeIds.includes(resourceId) ? ['meter0', 'ess0', 'evcs0', null] : []) {
      const found = {
        role: this.#index.componentRole(principalId, resourceId, component, this.#at),
        isLive: coversComponent(this.#index.componentsOf(principalId, 'live', resourceId, this.#at), component),
      }
      const asked = { principalId, edgeId: resourceId, component, at: this.#at }
      deepStrictEqual(found, componentAccess(this.#oracle, asked))
    }
    // Of what a role opens on the Edge, nothing lies outside the mask (invariant 10, OC-05).
    const needs: readonly Permission[] = ['control', 'install', 'configRaw']
    const rank = truth.role === undefined ? 0 : openemsRoles.indexOf(truth.role)
    ok(needs.slice(0, rank).every((permission) => (access.mask & permissionBits[permission]) !== 0))
  }

  /** Until the instant it names, time alone changes no answer (invariant 11). */
  #compareUntilNextInstant({ principalId, resourceId }: About): void {
    const until = this.#index.nextInstant(this.#at) ?? 11
    ok(until > this.#at)
    const now = this.#oracle.access(principalId, resourceId, this.#at)
    for (let at = this.#at + 1; at < until; at++) deepStrictEqual(this.#oracle.access(principalId, resourceId, at), now)
  }

  #compareHolders({ resourceId, offset, limit }: { resourceId: number; offset: number; limit: number }): void {
    const query = { isShown: () => true, sort: 'id', descending: false, offset, limit } as const
    const found = atOnce(this.#index.audience(resourceId, query, this.#at))
    const truth = holders(this.#oracle, resourceId, this.#at)
    deepStrictEqual(found.everybody, everybodySees(this.#oracle, resourceId, this.#at))
    deepStrictEqual(found.total, truth.length)
    const page = truth.slice(offset, offset + limit)
    deepStrictEqual(
      found.page.map(({ principalId }) => principalId),
      page,
    )
  }

  #compareData(asked: { principalId: number; edgeId: number; component: string; instant: number }): void {
    const { principalId, edgeId, component, instant } = asked
    const parts = this.#index.authorizeData(principalId, edgeId, 0, 11, this.#at)
    const reads = windowsContain(windowsOfComponent(parts, component), instant)
    deepStrictEqual(reads, mayRead(this.#oracle, { ...asked, at: this.#at }))
  }

  #compareOwners({
    organisationId,
    gone,
  }: {
    organisationId: number
    gone: Pick<Step, 'entity' | 'id'> | undefined
  }): void {
    const found = this.#index.ownersOf(organisationId, this.#at)
    deepStrictEqual(
      ascending(found),
      owners(this.#oracle, organisationId, this.#at).sort((a, b) => a - b),
    )
    if (gone === undefined) return
    const grants = this.#oracle.rows.grant.filter(({ id }) => gone.entity === 'grant' && id === gone.id)
    const change = gone.entity === 'grant' ? { grantsRemoved: grants } : { usersRemoved: [gone.id] }
    const truth = orphans(this.#oracle, gone, this.#at)
    deepStrictEqual(ascending(this.#index.ownerlessAfter(change, this.#at)), ascending(truth))
  }
}

function idsOf(rows: readonly { id: number }[]): number[] {
  return rows.map(({ id }) => id)
}

function ascending(ids: readonly number[]): number[] {
  return [...ids].sort((a, b) => a - b)
}
