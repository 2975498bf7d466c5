import type { BatchPart } from '../db/change-log.ts'
import { AccessLines } from './access-lines.ts'
import type { ImportProblem, ImportRemark, Place } from './model.ts'
import { type AccessDetail, emptyCounts, emptyReport, type ImportCounts, type ImportReport } from './report.ts'
import { shown } from './unreadable.ts'

const maxListed = 1000
const maxInvited = 10_000
const MAX_PLACE = 300
const MAX_TEXT = 500

/** Adds up what an import does: exact counts, and lists that do not grow without end. */
export class Summary {
  readonly report: ImportReport = emptyReport()
  readonly counts: ImportCounts = emptyCounts()
  /** What the report has of access, which is not in it but beside it. */
  readonly lines: AccessLines
  readonly #maxProblems: number
  isFatal = false

  constructor({ maxProblems, maxAccessLines }: { maxProblems: number; maxAccessLines: number }) {
    this.#maxProblems = maxProblems
    this.lines = new AccessLines(maxAccessLines)
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

  /**
   * Counts what somebody gets or loses; `examples` is asked for what is listed only, and whether they are to be in order.
   * `isFirst`: the first said of him.
   */
  access(detail: AccessDetail, isFirst: boolean, examples: (inOrder: boolean) => string[]): void {
    if (isFirst) this.counts.people += 1
    const counter = ({ gains: 'gains', loses: 'losses', changes: 'changes' } as const)[detail.action]
    this.counts[counter] += detail.edges
    this.report.accessCount += 1
    if (this.lines.isFull) return
    // Of very many nobody reads the last ones side by side, and putting them in order takes its time.
    this.lines.add({ ...detail, examples: examples(this.lines.count < maxListed) })
    this.report.accessKept = this.lines.count
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
