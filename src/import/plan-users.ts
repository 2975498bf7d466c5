import type { Db } from '../db/database.ts'
import type { Effects } from './effects.ts'
import { listAlertingOf, listAskedBefore, listDefaultLinks, listImportedUsers, listProfiles } from './import-queries.ts'
import type { ImportProblem, Selection, UserRecord } from './model.ts'
import type { Numbers } from './numbers.ts'
import type { Pace } from './pace.ts'
import type { SpooledUser } from './plan.ts'
import { nameOf } from './plan-access.ts'
import { Owners } from './plan-owners.ts'
import { leaving, type PlannedUser, planUser, type StoredUser, stored, type UserDetails } from './plan-user.ts'
import { misfit, type PlanWorld, placeIn } from './plan-world.ts'
import { Seen } from './seen.ts'
import { Selections } from './selection.ts'
import type { Spool } from './spool.ts'
import { namesakes, personOf } from './standing.ts'
import type { Summary } from './summary.ts'

const BATCH = 100
const noDetails: UserDetails = { profile: undefined, alerting: [], imported: undefined, links: [] }

interface Work {
  read: Spool<SpooledUser>
  users: Spool<StoredUser>
  /** Gives new rows their ids; undefined: nothing is kept. */
  numbers: Numbers | undefined
  /** Gets the ids of users that are new or known to the importer, by login, for what refers to them. */
  newUsers: Map<string, number>
  /** Gets those whose accounts are somebody else's (D-03). */
  outsiders: Outsider[]
  effects: Effects
  /** Whether the file brings nothing but users: then what each gets is all. */
  isUsersOnly: boolean
  summary: Summary
  pace: Pace
  db: Db
  onProgress: (progress: { read: number; planned: number }) => void
}

/** Somebody whose account is somebody else's, as the file has him. */
export interface Outsider {
  login: string
  email: string | null
}

/** Plans every user of a file, batch by batch, so that a long file does not fill the memory. */
export async function planUsers(world: PlanWorld, work: Work): Promise<void> {
  const { read, summary, pace } = work
  const selections = new Selections({ index: world.index, names: world.names, db: work.db, pace })
  const seen = new Seen()
  const owners = new Owners()
  let planned = 0
  for await (const batch of read.batches(BATCH, pace)) {
    const records = batch.map(recordOf)
    await learn(world, records, pace)
    const details = await detailsOf(world, records, work.db)
    for (const record of records) {
      if (pace.isOver) await pace.rest()
      const problems = repeated(record, seen)
      const wanted = await selections.wanted(world, record, problems)
      const { standing, account } = personOf(world, record, (id) => details.people.get(id)?.imported)
      const found = (account && details.people.get(account.id)) ?? noDetails
      const plan = await pace.through(planUser(world, record, wanted, { ...found, standing, account }))
      if (Array.isArray(plan)) problems.push(...plan)
      for (const problem of problems) summary.problem(problem)
      // Whom the rest of the file may name: never somebody whose account is another's.
      if (problems.length === 0 && account && standing !== 'other') work.newUsers.set(record.login, account.id)
      if (problems.length > 0) summary.counts.skipped += 1
      else if (standing === 'himself' || details.asked.has(record.login)) {
        summary.counts.unchanged += 1
        if (standing === 'himself' && !Array.isArray(plan) && isChange(plan))
          summary.remark({ kind: 'remark', place: record.place, text: ownText })
      } else if (standing === 'other' && !Array.isArray(plan)) {
        // Told like somebody new; later imports count him as unchanged, whatever they say, which may tell him apart.
        note(plan, summary)
        await work.effects.ofUser(plan.login, 0, plan.changes)
        work.outsiders.push({ login: record.login, email: addressOf(plan) })
      } else if (!Array.isArray(plan)) {
        note(plan, summary)
        owners.add(plan)
        if (work.isUsersOnly)
          await work.effects.ofUser(plan.login, plan.id, plan.changes.concat(plan.left.map(leaving)))
        if (isChange(plan)) await keep(plan, work)
      }
    }
    planned += records.length
    work.onProgress({ read: summary.counts.records, planned })
  }
  await work.effects.ofLeaving()
  for (const id of owners.ownerless(world.index, world.at)) {
    const text = 'An organisation needs at least one owner, and this file takes its last'
    summary.problem({ ...misfit({ file: '' }, 'P-09', text, nameOf(world, id)), isFatal: true })
  }
}

const ownText = 'Your own account is not changed by your own import: what this says of it is left out'

/** The address that an account made of this would have. */
function addressOf({ changes }: PlannedUser): string | null {
  const row = changes.find(({ entity }) => entity === 'user')
  return row?.entity === 'user' ? (row.after?.email ?? null) : null
}

function isChange({ changes, profile, alerting }: PlannedUser): boolean {
  return changes.length > 0 || profile !== undefined || alerting.length > 0
}

async function keep(plan: PlannedUser, { users, numbers, newUsers }: Work): Promise<void> {
  if (numbers === undefined) return
  numbers.give(plan.changes)
  if (plan.isNew) {
    own(plan)
    newUsers.set(plan.login, plan.id)
  }
  await users.add(stored(plan))
}

/** Makes what a new user gets his, now that he has an id. */
function own(plan: PlannedUser): void {
  plan.id = plan.changes[0]?.id ?? 0
  for (const { entity, after } of plan.changes) {
    if (entity === 'grant' && after !== null) after.principalId = plan.id
    else if ((entity === 'claim' || entity === 'restriction') && after !== null) after.userId = plan.id
  }
  for (const row of plan.alerting) row.userId = plan.id
}

function note(plan: PlannedUser, summary: Summary): void {
  if (!isChange(plan)) summary.counts.unchanged += 1
  if (plan.isInvited) summary.invite(plan.login)
  const isUserRow = plan.changes[0]?.entity === 'user'
  if (isChange(plan) && !isUserRow)
    summary.change({ entity: 'user', before: {} as never, after: {} as never }, plan.login)
  for (const part of plan.changes) summary.change(part, part.entity === 'user' ? plan.login : undefined)
  for (const link of plan.left) summary.change(leaving(link))
}

function recordOf({ restrictions, ...record }: SpooledUser): UserRecord {
  if (restrictions === undefined) return record
  return { ...record, restrictions: { mode: restrictions.mode, byEdge: new Map(restrictions.byEdge) } }
}

/** The same person twice in one file: one of the two would be lost (D-03). */
function repeated(record: UserRecord, seen: Seen): ImportProblem[] {
  const { login, email, place } = record
  const names = new Set([login, (email ?? login).trim().toLowerCase()])
  const [first] = [...names].flatMap((name) => seen.add(name, place) ?? [])
  if (first === undefined) return []
  return [misfit(placeIn(record, 'email'), 'D-03', `This user is in the file already, ${first}: leave one`, login)]
}

async function learn({ names }: PlanWorld, records: readonly UserRecord[], pace: Pace): Promise<void> {
  const keysOf = (selection: Selection | undefined) => (selection && 'keys' in selection ? selection.keys : [])
  const edges = new Set<string>()
  const sites = new Set<string>()
  for (const { access, restrictions, alerting } of records) {
    for (const key of keysOf(access?.sites)) sites.add(key)
    for (const key of keysOf(access?.edges)) edges.add(key)
    for (const key of restrictions?.byEdge.keys() ?? []) edges.add(key)
    for (const { edgeId } of alerting ?? []) edges.add(edgeId)
  }
  await names.learn('site', sites, pace)
  await names.learn('edge', edges, pace)
}

interface Details {
  people: ReadonlyMap<number, UserDetails>
  /** Who was invited before and has an account elsewhere. */
  asked: ReadonlySet<string>
}

async function detailsOf(world: PlanWorld, records: readonly UserRecord[], db: Db): Promise<Details> {
  const { organisationId } = world
  const idsOf = (some: readonly UserRecord[]) => [
    ...new Set(some.flatMap((record) => namesakes(world, record).map(({ id }) => id))),
  ]
  const ids = idsOf(records)
  const alerted = idsOf(records.filter((record) => record.alerting !== undefined))
  const isSet = ({ access }: UserRecord) => access?.mode === 'set'
  const links = Map.groupBy(await listDefaultLinks(db, idsOf(records.filter(isSet))), ({ userId }) => userId)
  const profiles = await listProfiles(db, ids)
  const alerting = await listAlertingOf(db, alerted)
  const imported = await listImportedUsers(db, organisationId, ids)
  const isOther = (record: UserRecord) => personOf(world, record, (id) => imported.get(id)).standing === 'other'
  const others = organisationId === null ? [] : records.filter(isOther).map(({ login }) => login)
  const detailsFor = (id: number): UserDetails => ({
    profile: profiles.get(id),
    alerting: alerting.filter(({ userId }) => userId === id),
    imported: imported.get(id),
    links: (links.get(id) ?? []).map(({ userId: _, ...link }) => link),
  })
  return {
    people: new Map(ids.map((id) => [id, detailsFor(id)])),
    asked: await listAskedBefore(db, organisationId, others),
  }
}
