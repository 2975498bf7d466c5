import type { AccessStore } from '../access/access-store.ts'
import { impersonationMask, limitedIndex } from '../access/impersonation.ts'
import type { AppContext } from '../context.ts'
import type { Write } from '../db/write.ts'
import type { Caller } from '../rpc/session.ts'

/** A user as whom another acts. */
type Acting = Extract<Caller, { type: 'user' }> & { impersonation: NonNullable<unknown> }

/** Whether somebody else acts as this caller. */
export function isActing(caller: Caller): caller is Acting {
  return caller.type === 'user' && caller.impersonation !== undefined
}

/**
 * The service as it is for a caller as whom another acts: every decision, of reads and writes alike, is cut to what the
 * other may do as him at that moment, and every write is signed by both (K4). For all others it is the service as it is.
 */
export function actingContext(ctx: AppContext, caller: Caller): AppContext {
  if (!isActing(caller)) return ctx
  const { principalId, impersonation } = caller
  const limited = () => limitedIndex(ctx.store.index, { principalId, mask: actingMask(ctx, caller) })
  return {
    ...ctx,
    store: withIndex(ctx.store, limited),
    write: (actor, body) =>
      actor.actorId === principalId
        ? ctx.write({ actorId: impersonation.actorId, subjectId: principalId }, (w) => body(limitedWrite(w, limited)))
        : ctx.write(actor, body),
  }
}

/** What whoever acts as the caller may do now; 0: nothing any more. */
export function actingMask(ctx: AppContext, { principalId, impersonation }: Acting): number {
  return impersonationMask(ctx.store.index, impersonation, principalId, ctx.clock().getTime())
}

function limitedWrite(w: Write, index: () => Write['index']): Write {
  return { ...w, index: index() }
}

function withIndex(store: AccessStore, index: () => AccessStore['index']): AccessStore {
  return new Proxy(store, {
    get(target, key) {
      if (key === 'index') return index()
      const member: unknown = Reflect.get(target, key, target)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}
