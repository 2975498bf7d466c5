const MAX_TIMER_MS = 2 ** 31 - 1

/** Resolves on SIGINT, SIGTERM or when the time is over. */
export function stopSignal(durationSeconds: number | undefined): Promise<void> {
  return new Promise((resolve) => {
    const stop = () => {
      clearTimeout(timer)
      process.off('SIGINT', stop)
      process.off('SIGTERM', stop)
      resolve()
    }
    const durationMs = Math.min((durationSeconds ?? 0) * 1000, MAX_TIMER_MS)
    const timer = durationSeconds === undefined ? undefined : setTimeout(stop, durationMs)
    process.once('SIGINT', stop)
    process.once('SIGTERM', stop)
  })
}
