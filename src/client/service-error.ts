/** The code of "not available": nothing was decided, try again (protocol A.4). */
export const UNAVAILABLE = 1006

/** An error as it came over the wire, or 1006 when the service cannot be asked. */
export class ServiceError extends Error {
  override name = 'ServiceError'
  readonly code: number
  readonly data: readonly unknown[]

  constructor(error: { code: number; message: string; data?: unknown }) {
    super(error.message)
    this.code = error.code
    this.data = Array.isArray(error.data) ? (error.data as unknown[]) : []
  }
}

/** The service is not there, or was not heard of for too long. */
export function unavailable(why: string): ServiceError {
  return new ServiceError({ code: UNAVAILABLE, message: why, data: [] })
}
