import { deleteExpired } from '../accounts/account-cleanup.ts'
import type { SigningKeys } from '../accounts/signing-keys.ts'
import type { AppContext } from '../context.ts'

interface Job {
  name: string
  everyMs: number
  run: () => unknown
}

/** Recurring work of one node. A job that fails is logged and runs again at its next time; runs do not overlap. */
export function startJobs(ctx: AppContext, keys: SigningKeys): Disposable {
  const jobs: Job[] = [
    { name: 'signingKeys', everyMs: 3_600_000, run: () => keys.ensureSigningKey() },
    { name: 'expireSessions', everyMs: 1000, run: () => ctx.sessions.endExpired() },
    { name: 'expireServiceTokens', everyMs: 1000, run: () => ctx.serviceTokens.endExpired() },
    { name: 'stampServiceTokens', everyMs: 60_000, run: () => ctx.serviceTokens.writeUses() },
    { name: 'deleteExpired', everyMs: 600_000, run: () => deleteExpired(ctx) },
    { name: 'expireEdgeKeys', everyMs: 1000, run: () => ctx.credentials.expire(ctx.clock().getTime()) },
    { name: 'forgetUploads', everyMs: 60_000, run: () => ctx.imports.uploads.forgetOld() },
    { name: 'edgeKeyCopies', everyMs: 1000, run: () => ctx.keyCopies?.tick(ctx.clock()) },
  ]
  const timers = jobs.map((job) => {
    let running = false
    const timer = setInterval(() => {
      if (running) return
      running = true
      Promise.resolve()
        .then(job.run)
        .catch((error: unknown) => ctx.log.warn({ err: error, job: job.name }, 'job failed, will run again'))
        .finally(() => {
          running = false
        })
    }, job.everyMs)
    return timer.unref()
  })
  return {
    [Symbol.dispose]: () => {
      for (const timer of timers) clearInterval(timer)
    },
  }
}
