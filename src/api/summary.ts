import { z } from 'zod'
import { type Components, coversChannel } from '../access/components.ts'
import { requirePermission } from '../access/door.ts'
import { findTarget, nameOfTarget } from '../access/role-grant-service.ts'
import { inSlices } from '../lib/slices.ts'
import { levels } from '../live/edge-states.ts'
import type { LiveHub } from '../live/hub.ts'
import { type Call, defineMethod } from '../rpc/method.ts'
import { operatorClients as clients, lookOf, target } from './rights-shapes.ts'
import { channel } from './shapes.ts'

/** So many houses at least that nobody is read out of a sum, and the age up to which a live value counts (E-12). */
const fewest = 5
const freshMs = 60_000

const counts = z.object({
  online: z.number(),
  ok: z.number(),
  info: z.number(),
  warning: z.number(),
  fault: z.number(),
})
type Counts = z.output<typeof counts>

const getSummary = defineMethod({
  name: 'getSummary',
  summary:
    'How the edges in something fare, and sums of live values not older than a minute. For whoever has an overview of them; what he may not see of single edges is told of five or more only.',
  clients,
  params: z.strictObject({ of: target, channels: z.array(channel).max(50).default([]) }),
  result: z.object({
    /** Edges in it of which the caller has an overview. */
    edges: z.number(),
    /** Null: too few. An edge that never told how it is counts as ok. */
    states: counts.nullable(),
    /** Of the numbers only; null: of too few edges. */
    sums: z.array(z.object({ channel: z.string(), sum: z.number().nullable(), count: z.number().nullable() })),
  }),
  scope: 'read',
  access: 'signedIn',
  handler: async (call, { of, channels }) => {
    const look = lookOf(call)
    const resourceId = findTarget(look.index, of)?.id ?? 0
    const mayAsk = () => requirePermission(call.ctx, call.caller, 'discover', resourceId, call.now, nameOfTarget(of))
    mayAsk()
    const summary = await inSlices(summed(call, look, resourceId, [...new Set(channels)]))
    // Asked again: the right may have ended meanwhile.
    mayAsk()
    return summary
  },
})

/** One visit to each edge in it; yields between them. */
function* summed({ ctx: { hub } }: Call, look: ReturnType<typeof lookOf>, resourceId: number, channels: string[]) {
  const sums = channels.map((channel) => ({ channel, sum: new Sum() }))
  const all: Counts = { online: 0, ok: 0, info: 0, warning: 0, fault: 0 }
  const whole = new Sum()
  let edges = 0
  const { index, askerId, at } = look
  for (const portion of index.edgesInside(resourceId)) {
    for (const id of portion) {
      yield
      const shown = index.componentsOf(askerId, 'overview', id, at)
      const seen = index.componentsOf(askerId, 'live', id, at)
      if (isNothing(shown) || (isNothing(seen) && index.access(askerId, id, at).historicOnly)) continue
      edges++
      if (shown === null) {
        whole.add(1, seen !== null)
        countIn(all, hub, id)
      }
      for (const { channel, sum } of sums) {
        const value = coversChannel(shown, channel) ? hub.find(id)?.cache.liveSince(channel, at - freshMs) : undefined
        if (typeof value === 'number' && Number.isFinite(value)) sum.add(value, !coversChannel(seen, channel))
      }
    }
  }
  return { edges, states: whole.told ? all : null, sums: sums.map(({ channel, sum }) => ({ channel, ...sum.view() })) }
}

function countIn(all: Counts, hub: LiveHub, id: number): void {
  if (hub.states.isOnline(id)) all.online++
  const level = levels[Math.max(0, hub.states.sumStateOf(id))] ?? 'OK'
  all[level.toLowerCase() as Lowercase<typeof level>]++
}

function isNothing(components: Components): boolean {
  return components !== null && components.length === 0
}

/** A sum over edges, some of which the caller sees by themselves; the others are told together or not at all. */
class Sum {
  #sum = 0
  #count = 0
  #hidden = 0

  add(value: number, isHidden: boolean): void {
    this.#sum += value
    this.#count++
    if (isHidden) this.#hidden++
  }

  get told(): boolean {
    return this.#hidden === 0 || this.#hidden >= fewest
  }

  view(): { sum: number | null; count: number | null } {
    return this.told ? { sum: this.#sum, count: this.#count } : { sum: null, count: null }
  }
}

export const summaryMethods = [getSummary]
