/** The code of "not available": nothing was decided, try again (protocol A.4). */
export const UNAVAILABLE = 1006

/** An error as it came over the wire, or 1006 when the service cannot be asked. */
export class ServiceError extends Error {
  override name = 'ServiceError'
  readonly code: number
  readonly data: readonly unknown[]
  /** The service, or what stands before it, refused the connection with this. */
  readonly httpStatus: number | undefined

  constructor(error: { code: number; message: string; data?: unknown; httpStatus?: number }) {
    super(error.message)
    this.code = error.code
    this.data = Array.isArray(error.data) ? (error.data as unknown[]) : []
    this.httpStatus = error.httpStatus
  }
}

/** The service is not there, or was not heard of for too long. */
export function unavailable(why: string): ServiceError {
  return new ServiceError({ code: UNAVAILABLE, message: why, data: [] })
}

/** Statuses after which trying again with the same token and address helps nobody. */
const refusedForGood: ReadonlyMap<number, string> = new Map([
  [401, 'it refuses this token'],
  [403, 'it refuses this connection'],
  [404, 'the address has to end in /service or /backend, or to name a port of its own'],
])

/** Why a connection was not opened: for good (1003), or for now (1006). */
export function refused(httpStatus: number): ServiceError {
  const why = refusedForGood.get(httpStatus)
  return new ServiceError({
    code: why === undefined ? UNAVAILABLE : 1003,
    message: `The service answered HTTP ${httpStatus}${why === undefined ? '' : `: ${why}`}`,
    httpStatus,
  })
}
