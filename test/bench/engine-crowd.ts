import type { AccessIndex } from '../../src/access/access-index.ts'
import type { Change, EntityName, EntityRows, GrantRow, MembershipRow } from '../../src/access/model.ts'
import { EdgeStates } from '../../src/live/edge-states.ts'
import { type Fleet, randomOf, type UserClass } from './fleet.ts'
import { waitedMs } from './probe.ts'
import { percentile } from './report.ts'

export type FleetFacts = Pick<
  Fleet,
  'firstUser' | 'firstUserGroup' | 'firstEdgeGroup' | 'firstEdge' | 'size' | 'classes'
>

/** Milliseconds of single answers. */
export interface Times {
  count: number
  p50: number
  p99: number
  /** The p99 by the clock, with whatever else the machine had to do meanwhile. */
  clock: number
}

/** The moment of all questions; the fleet holds nothing that begins or ends near it. */
export const NOW = Date.UTC(2026, 0)
const FIRST_NEW_ID = 5_000_000
/** Slow answers are known well enough after fewer. */
const LONGEST_MS = 1500
const FEWEST = 10
const ONLINE_PERCENT = 95
const FAULT = 3

/** The loaded index with the people who ask, states of the edges, and changes as the log brings them. */
export class Crowd {
  readonly index: AccessIndex
  readonly facts: FleetFacts
  readonly states = new EdgeStates()
  readonly random = randomOf(7)
  #nextId = FIRST_NEW_ID

  constructor(index: AccessIndex, facts: FleetFacts) {
    this.index = index
    this.facts = facts
    for (let id = facts.firstEdge; id < facts.firstEdge + facts.size.edges; id++) {
      this.states.setOnline(id, this.random(100) < ONLINE_PERCENT)
      const luck = this.random(100)
      this.states.setSumState(id, luck < 2 ? FAULT : luck < 5 ? 2 : luck < 10 ? 1 : 0)
    }
  }

  nextId(): number {
    return this.#nextId++
  }

  someEdge(): number {
    return this.facts.firstEdge + this.random(this.facts.size.edges)
  }

  someOf<T>(list: readonly T[]): T {
    return list[this.random(list.length)] as T
  }

  /** Applies rows that are new, or gone when they were there. */
  apply<E extends EntityName>(entity: E, ...rows: EntityRows[E][]): void {
    this.index.apply(rows.map((row, place) => this.change(entity, row, place)))
  }

  /** The log row of a row that comes, or that goes when it is there. */
  change<E extends EntityName>(entity: E, row: EntityRows[E], place = 0): Change {
    const isThere = this.index.row(entity, row.id) !== undefined
    const revision = this.index.revision + 1 + place
    return { revision, entity, id: row.id, before: isThere ? row : null, after: isThere ? null : row } as Change
  }

  grant(principalId: number, resourceId: number): GrantRow {
    const open = { components: null, validFrom: null, validTo: null, dataWindows: null }
    return { id: this.nextId(), principalId, resourceId, roleId: 4, ...open, source: 'manual', grantedBy: null }
  }

  membership(groupId: number, memberId: number): MembershipRow {
    return { id: this.nextId(), groupId, memberId, state: 'active', validFrom: null, validTo: null, addedBy: null }
  }

  /** A user of the class of whom nothing has ever been asked. */
  newcomer(one: UserClass): number {
    const id = this.nextId()
    this.apply('user', {
      id,
      login: `user${id}`,
      email: null,
      name: '',
      language: 'EN',
      settings: {},
      globalRole: 'guest',
      shareable: false,
      disabledAt: null,
    })
    if (one.joins.length > 0) this.apply('membership', this.membership(this.someOf(one.joins), id))
    else this.apply('grant', ...one.holds.map((resourceId) => this.grant(id, resourceId)))
    return id
  }

  /**
   * Throws away whatever was derived of anybody: a group moved out and in again. What all share is made anew, as the service
   * does after a change.
   */
  forgetDerived(): void {
    const { firstEdgeGroup } = this.facts
    const row = {
      id: this.nextId(),
      parentId: firstEdgeGroup,
      childId: firstEdgeGroup + this.facts.size.edgeGroups - 1,
    }
    this.apply('containment', row)
    this.apply('containment', row)
    while (this.index.work());
  }
}

/**
 * Milliseconds that each of so many runs takes; `prepare` is not counted. What a run waited for a core is taken off, as it
 * tells about the machine only; `clock` has it.
 */
export function timesOf<T>(
  count: number,
  prepare: () => T,
  run: (prepared: T) => unknown,
  longestMs = LONGEST_MS,
): Times {
  const times: number[] = []
  const clock: number[] = []
  const until = performance.now() + longestMs
  for (let turn = 0; turn < count && (turn < FEWEST || performance.now() < until); turn++) {
    const prepared = prepare()
    const waited = waitedMs()
    const startedAt = performance.now()
    run(prepared)
    const ms = performance.now() - startedAt
    clock.push(ms)
    times.push(Math.max(0, ms - (waitedMs() - waited)))
  }
  return {
    count: times.length,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    clock: percentile(clock, 0.99),
  }
}
