import type { AccessIndex } from '../access/access-index.ts'
import { type Change, type ClaimRow, type GrantRow, PUBLIC_PRINCIPAL_ID, type UserRow } from '../access/model.ts'
import { endSessionsOf } from '../accounts/session-service.ts'
import { graphChanges, readChanges } from '../db/change-log.ts'
import type { Tx } from '../db/database.ts'
import { changedIn } from '../db/packed-changes.ts'
import { isMisfit } from '../db/pg-errors.ts'
import type { Actor, Write, WriteFunction } from '../db/write.ts'
import type { Clock } from '../lib/clock.ts'
import { OneAhead } from '../lib/one-ahead.ts'
import {
  type ImportKey,
  insertInvitees,
  insertProfiles,
  updateProfiles,
  upsertAlerting,
  upsertImportKeys,
} from './import-queries.ts'
import { addRows, changeRows } from './import-rows.ts'
import { Pace } from './pace.ts'
import type { Plan } from './plan.ts'
import { Owners } from './plan-owners.ts'
import type { PlannedRecord } from './plan-structure.ts'
import { changesOf, leaving, type StoredUser } from './plan-user.ts'

/** The graph is not the one the plan was made for: plan again. */
export class Moved extends Error {
  override name = 'Moved'
}

export interface ApplyParts {
  write: WriteFunction
  clock: Clock
  signal: AbortSignal
  /** Throws when whoever imports may not do that any more. */
  requireImporter: () => void
  onProgress: (progress: { applied: number }) => void
  /** Keeps a copy of an API key that came in clear, where the operator wants that. */
  keepKey: (tx: Tx, keyId: number, apiKey: string) => Promise<void>
}

const BATCH = 100
const MAX_MISSED = 5000

/**
 * Carries out a plan in one transaction. New rows are written before the writer lock is taken, so that others wait for what
 * changes and for the log only; if anything the plan stands on is another by then, nothing is done and it throws `Moved`.
 */
export async function applyPlan(plan: Plan, parts: ApplyParts, given: { actor: Actor } & Origin): Promise<void> {
  const { organisationId, importId } = given
  const work: Work = { ...parts, pace: new Pace(parts.signal, { restMs: 0 }), organisationId, importId }
  await parts.write(
    given.actor,
    async (w) => {
      parts.requireImporter()
      await requireUnmoved(w, plan, given.actor)
      await finish(w, plan, work)
    },
    // Rows that do not fit to those of others who came first: the plan is no longer right.
    (tx) =>
      addAll(tx, plan, work).catch((error: unknown) => {
        throw isMisfit(error) ? new Moved() : error
      }),
  )
}

/** The same as part of a write in which the plan was made: nothing can have moved. */
export async function applyInside(
  w: Write,
  plan: Plan,
  parts: ApplyParts,
  { organisationId, importId }: Origin,
): Promise<void> {
  const work: Work = { ...parts, pace: new Pace(parts.signal, { restMs: 0 }), organisationId, importId }
  await addAll(w.tx, plan, work)
  await finish(w, plan, work)
}

/** Whom an import is for, and under which id its report is kept. */
export interface Origin {
  organisationId: number | null
  importId: string
}

type Work = ApplyParts & Origin & { pace: Pace }

/** Writes everything that is new. Structure comes first, except for what people own or are in. */
async function addAll(tx: Tx, plan: Plan, work: Work): Promise<void> {
  const { pace, organisationId, importId } = work
  const createdAt = work.clock().getTime()
  await addRecords(tx, plan.records.filter(isGround), work)
  await using writing = new OneAhead()
  let applied = 0
  for await (const batch of plan.users.batches(BATCH, pace)) {
    await writing.begin(() => addUsers(tx, batch, { organisationId, importId, createdAt }))
    applied += batch.length
    work.onProgress({ applied })
  }
  await writing.end()
  await addRecords(
    tx,
    plan.records.filter((record) => !isGround(record)),
    work,
  )
  await insertInvitees(
    tx,
    importId,
    plan.outsiders.map((outsider) => ({ ...outsider, accountId: null })),
  )
}

async function addUsers(
  tx: Tx,
  batch: readonly StoredUser[],
  { organisationId, importId, createdAt }: Origin & { createdAt: number },
): Promise<void> {
  const made = batch.filter(({ isNew }) => isNew)
  await addRows(
    tx,
    batch.flatMap(changesOf).map((part) => (part.entity === 'user' ? { ...part, extra: { createdAt } } : part)),
  )
  await insertProfiles(tx, made.flatMap(profileOf))
  await upsertAlerting(
    tx,
    made.flatMap(({ alerting }) => alerting),
  )
  const keys = made.map(({ login, id }): ImportKey => ({ kind: 'user', key: login, targetId: id }))
  await upsertImportKeys(tx, organisationId, keys)
  const invited = made.filter(({ isInvited }) => isInvited)
  await insertInvitees(
    tx,
    importId,
    invited.map(({ login, id }) => ({ login, accountId: id, email: null })),
  )
}

/** What nobody owns and nobody is in. */
function isGround({ parts }: PlannedRecord): boolean {
  return parts.every(({ entity }) => ground.has(entity))
}
const ground: ReadonlySet<string> = new Set(['organisation', 'role', 'service', 'site', 'edge', 'edgeKey'])

async function addRecords(tx: Tx, records: readonly PlannedRecord[], work: Work): Promise<void> {
  for (let start = 0; start < records.length; start += BATCH) {
    const some = records.slice(start, start + BATCH)
    await addRows(
      tx,
      some.flatMap(({ parts }) => parts),
    )
    await upsertImportKeys(
      tx,
      work.organisationId,
      some.flatMap(({ key }) => key ?? []),
    )
    for (const { parts, apiKey } of some) {
      const fresh = parts.find(({ entity, before }) => entity === 'edgeKey' && before === null)
      if (apiKey !== undefined && fresh !== undefined) await work.keepKey(tx, fresh.id, apiKey)
    }
    if (work.pace.isOver) await work.pace.rest()
  }
}

/** Changes what is there already, and writes the log: one row for each user, with everything that changes about him. */
async function finish(w: Write, plan: Plan, { pace }: Work): Promise<void> {
  for (let start = 0; start < plan.records.length; start += BATCH) {
    const some = plan.records.slice(start, start + BATCH)
    await changeRows(
      w.tx,
      some.flatMap(({ parts }) => changedIn(parts)),
    )
    for (const { parts } of some) for (const part of parts) logPart(w, part)
    await w.flush()
    if (pace.isOver) await pace.rest()
  }
  for await (const batch of plan.users.batches(BATCH, pace)) {
    await changeRows(
      w.tx,
      batch.flatMap(({ rows, left }) => [...rows.flatMap(changedIn), ...left.map(leaving)]),
    )
    const known = batch.filter(({ isNew }) => !isNew)
    await updateProfiles(w.tx, known.flatMap(profileOf))
    await upsertAlerting(
      w.tx,
      known.flatMap(({ alerting }) => alerting),
    )
    for (const user of batch) {
      if (pace.isOver) await pace.rest()
      logUser(w, user)
      if (user.isDisabled) await endSessionsOf(w, user.id, 'disabled')
    }
    await w.flush()
    if (pace.isOver) await pace.rest()
  }
}

function profileOf({ id, profile }: StoredUser) {
  return profile ? [{ userId: id, ...profile }] : []
}

function logUser(w: Write, { id, rows, left, profile = {}, isNew, alerting }: StoredUser): void {
  for (const row of rows) w.changed('user.imported', id, row)
  for (const link of left) w.deleted('edgeGroup.removed', 'containment', link)
  if (isNew || rows.length > 0) return
  const fields = Object.keys(profile)
  if (fields.length > 0) w.noted('user.profileChanged', 'user', String(id), { fields })
  if (alerting.length > 0) w.noted('alerting.set', 'user', String(id), { edges: alerting.length })
}

function logPart(w: Write, { entity, before, after }: Plan['records'][number]['parts'][number]): void {
  const action = `${entity}.imported`
  if (before === null && after !== null) w.inserted(action, entity, after as never)
  else if (before !== null && after === null) w.deleted(action, entity, before as never)
  else w.updated(action, entity, before as never, after as never)
}

/**
 * Whether what the plan stands on is still so. What others did to people who are not in the plan does not matter; a plan that
 * changes more than people is not looked at so closely. Time alone may change answers too: no row of the log says so.
 */
async function requireUnmoved(w: Write, plan: Plan, { actorId, subjectId }: Actor): Promise<void> {
  const instant = w.index.nextInstant(plan.at)
  if (instant !== null && instant <= w.now.getTime()) throw new Moved()
  if (w.index.revision === plan.revision) return
  const missed = await readChanges(w.tx, { after: plan.revision, limit: MAX_MISSED + 1 })
  if (missed.length > MAX_MISSED || plan.records.length > 0) throw new Moved()
  const ids = new Set([PUBLIC_PRINCIPAL_ID])
  for (const id of [actorId, subjectId ?? null]) if (id !== null) addWithGroups(w.index, id, ids)
  const names = new Set<string>()
  const owners = new Owners()
  for await (const batch of plan.users.batches(BATCH, new Pace(undefined, { restMs: 0 }))) {
    for (const user of batch) {
      addWithGroups(w.index, user.id, ids)
      owners.add(user)
      names.add(user.login)
      for (const { entity, after } of changesOf(user))
        if (entity === 'user' && after?.email) names.add(after.email.toLowerCase())
    }
  }
  for (const change of missed.flatMap(graphChanges)) if (concerns(change, ids, names)) throw new Moved()
  // Whoever else owned an organisation may be gone, and is in no plan.
  if (owners.ownerless(w.index, w.now.getTime()).length > 0) throw new Moved()
}

/** Adds somebody and the groups he is in, which hold rights for him. None has become another: that would be a change itself. */
function addWithGroups(index: AccessIndex, id: number, ids: Set<number>): void {
  if (ids.has(id)) return
  ids.add(id)
  for (const { groupId } of index.membershipsOf(id)) addWithGroups(index, groupId, ids)
}

function concerns(change: Change, ids: ReadonlySet<number>, names: ReadonlySet<string>): boolean {
  const row = change.after ?? change.before
  if (row === null) return true
  switch (change.entity) {
    case 'grant':
      return ids.has((row as GrantRow).principalId)
    case 'claim':
    case 'restriction':
      return ids.has((row as ClaimRow).userId)
    case 'user': {
      const { id, login, email } = row as UserRow
      return ids.has(id) || names.has(login) || names.has(email?.toLowerCase() ?? login)
    }
    case 'edge':
      return change.before !== null
    case 'service':
      return ids.has(row.id)
    case 'edgeKey':
      return false
    default:
      return true
  }
}
