import type { AccessDetail } from './report.ts'

/** Lines of one page, which is one row of the database. */
export const PAGE_LINES = 100

/** Who gains or loses what, line by line, up to a limit: kept as the text of its pages, so that many take little memory. */
export class AccessLines {
  readonly #pages: string[] = []
  readonly #max: number
  #open: AccessDetail[] = []
  count = 0

  constructor(max: number) {
    this.#max = max
  }

  get isFull(): boolean {
    return this.count >= this.#max
  }

  add(detail: AccessDetail): void {
    this.count += 1
    this.#open.push(detail)
    if (this.#open.length < PAGE_LINES) return
    this.#pages.push(JSON.stringify(this.#open))
    this.#open = []
  }

  /** Every page as JSON, the last one with what there is. */
  pages(): string[] {
    return this.#open.length === 0 ? this.#pages : [...this.#pages, JSON.stringify(this.#open)]
  }
}
