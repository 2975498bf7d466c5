import type { EntityName } from '../access/model.ts'
import type { BatchPart } from '../db/change-log.ts'
import type { ImportProblem, ImportRemark, Place } from './model.ts'
import { shown } from './unreadable.ts'

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

/** What somebody gets or loses on how many edges; on what, where it is told as a whole. */
export interface AccessDetail {
  who: string
  action: 'gains' | 'loses' | 'changes'
  /** Of OpenEMS; with `on`, as it is granted. */
  role: string
  /** Before it changed. */
  was?: string
  on?: string
  edges: number
  /** Some of them. */
  examples: string[]
}

/** What an import did or would do; kept as the report. */
export interface ImportReport {
  problems: ImportProblem[]
  problemCount: number
  remarks: ImportRemark[]
  remarkCount: number
  details: Detail[]
  access: AccessDetail[]
  accessCount: number
  /** Who has no password yet, or is somebody else's to change (D-03): up to `maxListed`. */
  invite: string[]
}

export interface ImportCounts {
  records: number
  unchanged: number
  /** Left out because something is wrong with them (`skipInvalid`). */
  skipped: number
  invite: number
  /** Pairs of somebody and an edge: new ones, ended ones, with another role or other times. */
  gains: number
  losses: number
  changes: number
  /** Whose access is another. */
  people: number
  /** False: more is concerned than was looked at. */
  accessComplete: boolean
  byKind: Partial<Record<EntityName, Count>>
}

const maxListed = 1000
const maxInvited = 10_000
const MAX_PLACE = 300
const MAX_TEXT = 500

/** Adds up what an import does: exact counts, and lists that do not grow without end. */
export class Summary {
  readonly report: ImportReport = {
    problems: [],
    problemCount: 0,
    remarks: [],
    remarkCount: 0,
    details: [],
    access: [],
    accessCount: 0,
    invite: [],
  }
  readonly counts: ImportCounts = {
    records: 0,
    unchanged: 0,
    skipped: 0,
    invite: 0,
    gains: 0,
    losses: 0,
    changes: 0,
    people: 0,
    accessComplete: true,
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
    if (this.report.problems.length < this.#maxProblems) this.report.problems.push(tidy(problem))
  }

  remark(remark: ImportRemark): void {
    this.report.remarkCount += 1
    if (this.report.remarks.length < maxListed) this.report.remarks.push(tidy(remark))
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

  /** Counts what somebody gets or loses; `examples` is asked for what is listed only. `isFirst`: the first said of him. */
  access(detail: AccessDetail, isFirst: boolean, examples: () => string[]): void {
    if (isFirst) this.counts.people += 1
    const counter = ({ gains: 'gains', loses: 'losses', changes: 'changes' } as const)[detail.action]
    this.counts[counter] += detail.edges
    this.report.accessCount += 1
    if (this.report.access.length < maxListed) this.report.access.push({ ...detail, examples: examples() })
  }
}

/** As a report keeps it: what comes from a file must not steer the terminal of whoever reads it, nor fill it. */
function tidy<T extends { place: Place; text: string; value?: string }>(item: T): T {
  const { file, sheet, column, path } = item.place
  const texts = Object.entries({ file, sheet, column, path }).filter(([, text]) => text !== undefined)
  const place = {
    ...item.place,
    ...Object.fromEntries(texts.map(([name, text = '']) => [name, shown(text, MAX_PLACE)])),
  }
  const value = item.value === undefined ? {} : { value: shown(item.value) }
  return { ...item, place, text: shown(item.text, MAX_TEXT), ...value }
}
