import type { EntityName, GrantRow } from '../access/model.ts'
import type { BatchPart } from '../db/change-log.ts'
import type { ImportProblem, ImportRemark } from './model.ts'

/** How many of what. */
export interface Count {
  created: number
  changed: number
  removed: number
}

/** Something that is created, changed or removed, by the name it has in the file. */
export interface Detail {
  kind: EntityName
  key: string
  action: keyof Count
}

/** Somebody who gets or loses a role on something. */
export interface AccessDetail {
  user: string
  action: 'gains' | 'loses' | 'changes'
  resource: string
  role: string
}

/** What an import did or would do; kept as the report. */
export interface ImportReport {
  problems: ImportProblem[]
  problemCount: number
  remarks: ImportRemark[]
  remarkCount: number
  details: Detail[]
  access: AccessDetail[]
  /** Who has no password yet, or is somebody else's to change (D-03): up to `maxListed`. */
  invite: string[]
}

export interface ImportCounts {
  records: number
  unchanged: number
  /** Left out because something is wrong with them (`skipInvalid`). */
  skipped: number
  invite: number
  gains: number
  losses: number
  byKind: Partial<Record<EntityName, Count>>
}

const maxListed = 1000
const maxInvited = 10_000

/** Adds up what an import does: exact counts, and lists that do not grow without end. */
export class Summary {
  readonly report: ImportReport = {
    problems: [],
    problemCount: 0,
    remarks: [],
    remarkCount: 0,
    details: [],
    access: [],
    invite: [],
  }
  readonly counts: ImportCounts = {
    records: 0,
    unchanged: 0,
    skipped: 0,
    invite: 0,
    gains: 0,
    losses: 0,
    byKind: {},
  }
  readonly #maxProblems: number
  isFatal = false

  constructor(maxProblems: number) {
    this.#maxProblems = maxProblems
  }

  /** Whether anything would be written. */
  get hasChanges(): boolean {
    return Object.keys(this.counts.byKind).length > 0
  }

  problem(problem: ImportProblem): void {
    this.report.problemCount += 1
    this.isFatal ||= problem.isFatal === true
    if (this.report.problems.length < this.#maxProblems) this.report.problems.push(problem)
  }

  remark(remark: ImportRemark): void {
    this.report.remarkCount += 1
    if (this.report.remarks.length < maxListed) this.report.remarks.push(remark)
  }

  invite(login: string): void {
    this.counts.invite += 1
    if (this.report.invite.length < maxInvited) this.report.invite.push(login)
  }

  /** Counts a change; `key` names what it is about in lists. */
  change({ entity, before, after }: Pick<BatchPart, 'entity' | 'before' | 'after'>, key?: string): void {
    const action = before === null ? 'created' : after === null ? 'removed' : 'changed'
    this.counts.byKind[entity] ??= { created: 0, changed: 0, removed: 0 }
    const count = this.counts.byKind[entity]
    if (count) count[action] += 1
    if (key !== undefined && this.report.details.length < maxListed) {
      this.report.details.push({ kind: entity, key, action })
    }
  }

  /** Counts what somebody gets or loses by a grant; `describe` is asked only while there is room in the list. */
  access(
    user: string,
    part: { before: GrantRow | null; after: GrantRow | null },
    describe: (grant: GrantRow) => { resource: string; role: string },
  ): void {
    const action = part.before === null ? 'gains' : part.after === null ? 'loses' : 'changes'
    if (action !== 'loses') this.counts.gains += 1
    else this.counts.losses += 1
    const grant = part.after ?? part.before
    if (grant === null || this.report.access.length >= maxListed) return
    this.report.access.push({ user, action, ...describe(grant) })
  }
}
