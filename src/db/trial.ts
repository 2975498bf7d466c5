import type { AccessIndex } from '../access/access-index.ts'
import type { AccessStore } from '../access/access-store.ts'
import type { Change, EntityName } from '../access/model.ts'
import { problem } from '../errors.ts'
import type { Clock } from '../lib/clock.ts'
import { graphChanges } from './change-log.ts'
import type { Db } from './database.ts'
import { fromDatabase } from './pg-errors.ts'
import { Turns } from './turns.ts'
import { becomeWriter, type Entry, recorder, type WriteFunction } from './write.ts'
import { assertOutsideWrite, insideWrite } from './write-scope.ts'

/** So many changes are put in and taken out in a fraction of a millisecond. */
const MAX_SUPPOSED = 200

/** What the body of a trial works with. */
export interface Trial {
  /** Stands in for the one `write` of the node: each call sees what those before it in this trial have done. */
  write: WriteFunction
  /** The graph as it is, at the newest revision: no write is under way. */
  index: AccessIndex
  /** What the log would have got so far, as far as the graph is concerned. */
  changes(): Change[]
}

/**
 * Runs writes for what they would do: the very code, in a transaction that is rolled back. Nothing is written, logged,
 * announced or pushed, and nobody can read anything of it. Other writers wait for the body alone; what `evaluate` makes of its
 * result is worked out when they go on, of one trial at a time.
 */
export type TrialFunction = <T, R>(body: (trial: Trial) => Promise<T>, evaluate: (tried: T) => Promise<R>) => Promise<R>

/** Creates the one `trial` of a node. */
export function createTrial({ db, store, clock }: { db: Db; store: AccessStore; clock: Clock }): TrialFunction {
  const turns = new Turns()
  const evaluations = new Turns()

  const run = async <T>(body: (trial: Trial) => Promise<T>): Promise<T> => {
    assertOutsideWrite()
    const done = await turns.take()
    const outcome: { result?: T } = {}
    const rollback = new Error('a trial ends without a trace')
    try {
      await db.transaction().execute(async (tx) => {
        await becomeWriter(tx)
        await store.catchUp(tx)
        const entries: Entry[] = []
        const changes = () =>
          entries.flatMap((entry, position) => graphChanges({ ...entry, ...nowhere, revision: position }))
        const write: WriteFunction = async (_actor, body, prepare) => {
          await prepare?.(tx)
          const before = changes()
          const index = before.length === 0 ? store.index : supposing(store.index, before)
          return body({ tx, index, now: clock(), ...recorder(entries), flush: async () => undefined })
        }
        outcome.result = await insideWrite(() => body({ write, index: store.index, changes }))
        throw rollback
      })
    } catch (error) {
      if (error !== rollback) throw fromDatabase(error)
    } finally {
      done()
    }
    return outcome.result as T
  }

  return async (body, evaluate) => {
    const tried = await run(body)
    const done = await evaluations.take()
    try {
      return await evaluate(tried)
    } finally {
      done()
    }
  }
}

/** An entry of a log that is never written has no time and nobody who made it. */
const nowhere = { at: 0, actorId: null, subjectId: null }

/**
 * The index as if these changes were in it: for each call they are put in and, before anybody else can look, taken out. Rows are
 * looked up beside it, because there are calls that ask for thousands. Throws where so much changes that each call would last.
 */
function supposing(index: AccessIndex, changes: readonly Change[]): AccessIndex {
  if (changes.length > MAX_SUPPOSED)
    throw problem('After a call that changes so much no other can be tried: try it last')
  const rows = new Map(changes.map(({ entity, id, after }) => [`${entity} ${id}`, after ?? undefined]))
  const row = (entity: EntityName, id: number): unknown =>
    rows.has(`${entity} ${id}`) ? rows.get(`${entity} ${id}`) : index.row(entity, id)
  const beside: Readonly<Record<string, unknown>> = {
    row,
    user: (id: number) => row('user', id),
    edge: (id: number) => row('edge', id),
  }
  return new Proxy(index, {
    get(_target, name) {
      if (typeof name === 'string' && Object.hasOwn(beside, name)) return beside[name]
      const member: unknown = Reflect.get(index, name, index)
      if (typeof member !== 'function') return member
      return (...args: unknown[]) =>
        index.trying(changes, () => {
          const found: unknown = Reflect.apply(member, index, args)
          // What is walked later would be walked without the changes.
          return isIterator(found) ? walked(found) : found
        })
    },
  })
}

/** Walks something to its end; gives out the same when it is walked again, and what it came to. */
function walked(steps: IterableIterator<unknown>): Generator {
  const seen: unknown[] = []
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done) return again(seen, step.value)
    seen.push(step.value)
  }
}

function* again(seen: readonly unknown[], last: unknown): Generator {
  yield* seen
  return last
}

function isIterator(value: unknown): value is IterableIterator<unknown> {
  return typeof value === 'object' && value !== null && 'next' in value && Symbol.iterator in value
}
