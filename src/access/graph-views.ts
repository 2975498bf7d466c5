import { resolveView, type View, type World } from './graph-view.ts'
import { PUBLIC_PRINCIPAL_ID } from './model.ts'

const cachedViews = 20_000

/** The rights of one principal are cut to a mask, for as long as a question takes. */
export interface Limit {
  principalId: number
  mask: number
}

/**
 * The resolved rights of principals, kept while they hold: a change of somebody's rights makes those views stale that count
 * him or a group in; a change of structure above the edges makes all stale; time alone ends a view at its `until`.
 */
export class Views {
  readonly #world: World
  readonly #views = new Map<number, { view: View; checked: number }>()
  #everybody: View | undefined
  #shape = 0
  /** Counts changes of rights; a view was last found good at one of these counts. */
  #changes = 0
  readonly #changedAt = new Map<number, number>()
  #limit: Limit | undefined
  readonly #limited = new WeakMap<View, View>()

  constructor(world: World) {
    this.#world = world
  }

  /** The rights of a principal at a moment. */
  get(principalId: number, at: number): View {
    if (this.#shape !== this.#world.resources.shape) this.touchAll()
    const known = this.#views.get(principalId)
    if (known && known.view.from <= at && at < known.view.until && this.#isGood(known)) return this.#cut(known.view)
    const view = resolveView(this.#world, principalId, at, this.everybody(at))
    if (this.#views.size >= cachedViews) this.#views.clear()
    this.#views.set(principalId, { view, checked: this.#changes })
    return this.#cut(view)
  }

  /** Answers what `body` asks with the rights of one principal cut to a mask. */
  withLimit<T>(limit: Limit, body: () => T): T {
    const before = this.#limit
    this.#limit = limit
    try {
      return body()
    } finally {
      this.#limit = before
    }
  }

  /** Whether the limit there is now, if any, leaves a principal this bit. */
  isLeft(principalId: number, bit: number): boolean {
    return this.#limit === undefined || this.#limit.principalId !== principalId || (this.#limit.mask & bit) !== 0
  }

  /** The same for a moment that is not now, without taking the place of what is kept. */
  peek(principalId: number, at: number): View {
    if (this.#shape !== this.#world.resources.shape) this.touchAll()
    const known = this.#views.get(principalId)
    if (known && known.view.from <= at && at < known.view.until && this.#isGood(known)) return this.#cut(known.view)
    return this.fresh(principalId, at)
  }

  /** The same resolved anew, whatever is kept. */
  fresh(principalId: number, at: number): View {
    return this.#cut(resolveView(this.#world, principalId, at, resolveView(this.#world, PUBLIC_PRINCIPAL_ID, at)))
  }

  /** Something about this user, service or group has changed: what it holds, what it belongs to, whether it is there. */
  touch(principalId: number): void {
    if (principalId === PUBLIC_PRINCIPAL_ID || this.#changedAt.size > cachedViews) this.touchAll()
    else this.#changedAt.set(principalId, ++this.#changes)
  }

  /** Anything may have changed. */
  touchAll(): void {
    this.#shape = this.#world.resources.shape
    this.#views.clear()
    this.#changedAt.clear()
    this.#everybody = undefined
  }

  #cut(view: View): View {
    if (this.#limit === undefined || this.#limit.principalId !== view.principalId) return view
    const cap = view.cap & this.#limit.mask
    const known = this.#limited.get(view)
    if (known?.cap === cap) return known
    const cut = { ...view, cap }
    this.#limited.set(view, cut)
    return cut
  }

  #isGood(known: { view: View; checked: number }): boolean {
    if (known.checked === this.#changes) return true
    for (const principalId of known.view.principals) {
      if ((this.#changedAt.get(principalId) ?? 0) > known.checked) return false
    }
    known.checked = this.#changes
    return true
  }

  /** What grants to `public` convey at a moment. */
  everybody(at: number): View {
    if (this.#shape !== this.#world.resources.shape) this.touchAll()
    const known = this.#everybody
    if (known && known.from <= at && at < known.until) return known
    this.#everybody = resolveView(this.#world, PUBLIC_PRINCIPAL_ID, at)
    return this.#everybody
  }
}
