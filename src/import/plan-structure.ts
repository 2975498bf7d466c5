import type { AccessIndex } from '../access/access-index.ts'
import type { Change } from '../access/model.ts'
import type { BatchPart } from '../db/change-log.ts'
import { AppError } from '../errors.ts'
import { forkIndex } from './fork.ts'
import { refusedRule, refusedText } from './guard-text.ts'
import { type ImportKey, type KeyKind, listEdgeExtras, listSetupPasswords } from './import-queries.ts'
import type { ExtraColumns } from './import-rows.ts'
import { Granted, keysIn, linksIn } from './known.ts'
import type { ImportRecord, OrganisationRecord, UserRecord } from './model.ts'
import { Names } from './names.ts'
import { Numbers } from './numbers.ts'
import type { Pace } from './pace.ts'
import type { PlanOptions, PlanParts } from './plan.ts'
import { type EdgeExtras, hashOf, planEdge } from './plan-edge.ts'
import {
  type Planned,
  planOrganisation,
  planRole,
  planService,
  planSite,
  type StructureContext,
} from './plan-ground.ts'
import { planContainment, planGrant, planGroup, planMembership } from './plan-relations.ts'
import { changesOf, leaving, type StoredUser } from './plan-user.ts'
import { misfit } from './plan-world.ts'
import type { Spool } from './spool.ts'
import type { Summary } from './summary.ts'

/** What an import does about one thing that is not a user. */
export interface PlannedRecord {
  parts: (BatchPart & { extra?: ExtraColumns })[]
  key?: ImportKey
  /** In clear, for sealed copies. */
  apiKey?: string
  /** What people should know of it. */
  remark?: string
}
/** So many at once, then others have their turn. */
const SLICE = 100
/** So many are asked of the database at once. */
const PORTION = 1000

export type StructureRecord = Exclude<ImportRecord, UserRecord>

/** In the order in which they need each other; people come between the two. */
const groundKinds: readonly StructureRecord['kind'][] = ['organisation', 'role', 'service', 'site', 'edge']
const relationKinds: readonly StructureRecord['kind'][] = [
  'userGroup',
  'edgeGroup',
  'containment',
  'membership',
  'grant',
]

type Planner = (context: StructureContext, record: never) => Planned | Promise<Planned>
const planners: Record<StructureRecord['kind'], Planner> = {
  organisation: planOrganisation,
  role: planRole,
  service: planService,
  site: planSite,
  edge: planEdge,
  userGroup: planGroup,
  edgeGroup: planGroup,
  containment: planContainment,
  membership: planMembership,
  grant: planGrant,
}

/**
 * Plans everything that is not a user, one record after the other on a copy of the graph, so that each sees what those
 * before it bring and every guard is asked as if they had been made one by one.
 */
export class StructurePlan {
  readonly index: AccessIndex
  readonly names: Names
  /** Of new rows. */
  readonly numbers: Numbers
  readonly records: PlannedRecord[] = []
  /** Ids of users that the file brings, by login. */
  readonly newUsers: Map<string, number>
  /** Everybody about whom the file changes something, by id. */
  readonly logins = new Map<number, string>()
  /** What leaves the default edge groups of users: others may see it there. */
  readonly #left: BatchPart[] = []
  readonly #given: readonly StructureRecord[]
  readonly #context: StructureContext
  readonly #summary: Summary
  readonly #pace: Pace

  private constructor(
    given: readonly StructureRecord[],
    context: StructureContext,
    { summary, pace }: { summary: Summary; pace: Pace },
  ) {
    this.index = context.index
    this.names = context.names
    this.numbers = context.ids
    this.#given = parentsFirst(given)
    this.#context = context
    this.newUsers = context.newUsers
    this.#summary = summary
    this.#pace = pace
  }

  static async begin(
    given: readonly StructureRecord[],
    options: PlanOptions,
    parts: PlanParts,
    work: { summary: Summary; pace: Pace },
  ): Promise<StructurePlan> {
    const { db } = parts
    const index = given.length === 0 ? parts.index : await forkIndex(parts.index, work.pace)
    const names = new Names({ index, db, organisationId: options.organisationId })
    await learnAll(names, given, work.pace)
    const brings = (kind: StructureRecord['kind']) => given.some((record) => record.kind === kind)
    const context: StructureContext = {
      ...options,
      ...parts,
      index,
      names,
      at: parts.at.getTime(),
      // Every id the copy has is below these.
      ids: given.length === 0 ? new Numbers() : await Numbers.above(db),
      used: new Set(),
      claims: await claimsIn(names, given, work.pace),
      newUsers: new Map(),
      granted: new Granted(index, work.pace),
      edgeExtras: await extrasIn(db, index, given, work.pace),
      contained: brings('containment') ? await linksIn(index, work.pace) : new Set(),
      keysByHash: brings('edge') ? await keysIn(index, work.pace) : new Map(),
      passwords: await passwordsIn(db, parts.hash, given, work.pace),
    }
    return new StructurePlan(given, context, work)
  }

  get isEmpty(): boolean {
    return this.#given.length === 0
  }

  /** Organisations, roles, services, sites and edges. */
  async ground(): Promise<void> {
    for (const kind of groundKinds) await this.#each(kind)
  }

  /** What the file does about users, between the two. */
  async people(users: Spool<StoredUser>): Promise<void> {
    for await (const batch of users.batches(SLICE, this.#pace)) {
      for (const user of batch) {
        this.logins.set(user.id, user.login)
        this.#apply(changesOf(user))
        for (const link of user.left) this.#left.push(leaving(link))
        if (this.#pace.isOver) await this.#pace.rest()
      }
    }
  }

  /** What changes about everything that is not a user, in portions. */
  async *changes(): AsyncGenerator<Change[]> {
    yield this.#left.map(changeOf)
    for (let start = 0; start < this.records.length; start += SLICE) {
      yield this.records.slice(start, start + SLICE).flatMap(({ parts }) => parts.map(changeOf))
    }
  }

  /** Groups, what they hold, who is in them, and grants. */
  async relations(): Promise<void> {
    for (const kind of relationKinds) await this.#each(kind)
  }

  async #each(kind: StructureRecord['kind']): Promise<void> {
    for (const record of this.#given) {
      if (record.kind !== kind) continue
      if (this.#pace.isOver) await this.#pace.rest()
      const planned = await saying(() => planners[kind](this.#context, record as never))
      if (planned === undefined) this.#summary.counts.unchanged += 1
      else if (typeof planned === 'string') this.#refuse(record, ruleOf(kind), planned)
      else if ('ok' in planned) this.#refuse(record, refusedRule(planned), refusedText(planned))
      else this.#take(planned, record)
      this.numbers.giveBack()
    }
  }

  #refuse(record: StructureRecord, rule: string, text: string): void {
    this.#summary.problem(misfit(record.place, rule, text, nameIn(record)))
    this.#summary.counts.skipped += 1
  }

  #apply(parts: readonly BatchPart[]): void {
    const revision = this.index.revision + 1
    this.index.apply(parts.map((part) => ({ ...changeOf(part), revision })))
  }

  #take(planned: PlannedRecord, record: StructureRecord): void {
    this.numbers.keep()
    this.records.push(planned)
    if (planned.parts.length === 0) this.#summary.counts.unchanged += 1
    if (planned.remark !== undefined)
      this.#summary.remark({ kind: 'remark', place: record.place, text: planned.remark })
    this.#apply(planned.parts)
    for (const [position, part] of planned.parts.entries()) {
      this.#summary.change(part, position === 0 ? nameIn(record) : undefined)
    }
  }
}

/** The sentence of a refusal instead of the refusal. */
async function saying(plan: () => Planned | Promise<Planned>): Promise<Planned> {
  try {
    return await plan()
  } catch (error) {
    if (error instanceof AppError) return error.message
    throw error
  }
}

function changeOf({ entity, id, before, after }: BatchPart): Change {
  return { entity, id, before, after, revision: 0 } as Change
}

/** Organisations after the one above them, wherever they stand in the file; those in a circle find none and are refused. */
function parentsFirst(records: readonly StructureRecord[]): StructureRecord[] {
  const organisations = new Map(
    records.flatMap((record) => (record.kind === 'organisation' ? [[record.key, record] as const] : [])),
  )
  const depth = (record: OrganisationRecord, seen = 0): number => {
    const above = record.parent === undefined ? undefined : organisations.get(record.parent)
    return above === undefined || seen > 20 ? seen : depth(above, seen + 1)
  }
  // Among themselves only: everything is planned kind by kind, and of the others there may be very many.
  const ordered = records.filter((record) => record.kind === 'organisation').sort((a, b) => depth(a) - depth(b))
  return [...ordered, ...records.filter((record) => record.kind !== 'organisation')]
}

/** What keys of the file stand for since earlier imports: no other record means it, whatever its name. */
async function claimsIn(names: Names, given: readonly StructureRecord[], pace: Pace): Promise<Map<string, string>> {
  const claims = new Map<string, string>()
  for (const record of given) {
    if (pace.isOver) await pace.rest()
    if (!('key' in record)) continue
    const id = names.remembered(record.kind, record.key)
    const thing = `${record.kind} ${id}`
    if (id !== undefined && !claims.has(thing)) claims.set(thing, record.key)
  }
  return claims
}

/** What edges of the file have beside the graph. */
async function extrasIn(
  db: PlanParts['db'],
  index: AccessIndex,
  given: readonly StructureRecord[],
  pace: Pace,
): Promise<Map<number, EdgeExtras>> {
  const extras = new Map<number, EdgeExtras>()
  for (let start = 0; start < given.length; start += PORTION) {
    const some = given.slice(start, start + PORTION)
    const ids = some.flatMap((record) => (record.kind === 'edge' ? (index.edgeByName(record.edgeId)?.id ?? []) : []))
    for (const [id, found] of await listEdgeExtras(db, ids)) extras.set(id, found)
    if (pace.isOver) await pace.rest()
  }
  return extras
}

/** Of which edges the setup passwords are that the file brings. */
async function passwordsIn(
  db: PlanParts['db'],
  hash: PlanParts['hash'],
  given: readonly StructureRecord[],
  pace: Pace,
): Promise<Map<string, number>> {
  const hashes: string[] = []
  for (const record of given) {
    if (record.kind === 'edge' && record.setupPassword) hashes.push(hashOf(hash, record.setupPassword))
    if (pace.isOver) await pace.rest()
  }
  return listSetupPasswords(db, hashes)
}

async function learnAll(names: Names, records: readonly StructureRecord[], pace: Pace): Promise<void> {
  const keys = new Map<KeyKind | 'edge', Set<string>>()
  const want = (kind: KeyKind | 'edge', ...texts: (string | undefined)[]) => {
    const known = keys.get(kind) ?? new Set()
    keys.set(kind, known)
    for (const text of texts) if (text !== undefined) known.add(text)
  }
  const refer = ({ kind, key }: { kind: string; key: string }) => {
    if (kind !== 'platform' && kind !== 'public' && kind !== 'user') want(kind as KeyKind | 'edge', key)
  }
  for (const record of records) {
    if (pace.isOver) await pace.rest()
    if ('organisation' in record) want('organisation', record.organisation)
    if (record.kind === 'edge') {
      want('edge', record.edgeId)
      want('site', record.site)
    } else if (record.kind === 'organisation') want('organisation', record.key, record.name, record.parent)
    else if ('key' in record) want(record.kind, record.key, record.name)
    else if (record.kind === 'containment') {
      refer(record.parent)
      refer(record.child)
    } else if (record.kind === 'membership') {
      want('userGroup', record.group)
      refer(record.member)
    } else if (record.kind === 'grant') {
      refer(record.principal)
      refer(record.resource)
      want('organisation', record.roleOrganisation)
    }
  }
  for (const [kind, wanted] of keys) await names.learn(kind, wanted, pace)
}

function ruleOf(kind: StructureRecord['kind']): string {
  return kind === 'grant' || kind === 'membership' || kind === 'containment' ? 'G-01' : kind
}

function nameIn(record: StructureRecord): string {
  if (record.kind === 'edge') return record.edgeId
  if ('key' in record) return record.key
  if (record.kind === 'role') return record.name
  if (record.kind === 'membership') return `${record.member.key} in ${record.group}`
  if (record.kind === 'containment') return `${record.child.key} in ${record.parent.key}`
  return `${record.principal.key}: ${record.role} on ${record.resource.key}`
}
